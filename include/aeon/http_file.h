/* aeon/http_file.h - files as replies.
 *
 *         aeon_route_files(app, "GET /static/{path...}", "/srv/site", NULL);
 *
 *         static int report(aeon_request *req)
 *         {
 *                 return aeon_reply_file(req, "/var/lib/reports/today.pdf", NULL);
 *         }
 *
 * Replies have Content-Type, Last-Modified, a strong ETag of time and size, Accept-Ranges and X-Content-Type-Options: nosniff. The
 * conditions of the request are kept (If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, If-Range: 304, 412), and so is
 * Range (206, 416); when several ranges are asked for at once, the whole file is sent. Files are read on the thread pool, piece by piece
 * as the client takes them. A file that gets shorter meanwhile cuts its reply off.
 *
 * Source: RFC 9110, 8.8, 13, 14. */
#ifndef AEON_HTTP_FILE_H
#define AEON_HTTP_FILE_H

#include <aeon/attributes.h>
#include <aeon/http.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aeon_file_opts {
        const char *content_type;  /* NULL: by the name's ending; application/octet-stream for those that are not known */
        const char *cache_control; /* "public, max-age=3600"; NULL: the field is not sent */
} aeon_file_opts;

/* Reply with the file @path, for GET and HEAD. It may be any that the process can read: do not make it of what a client sent, but see
 * below. To be returned by the handler. A file of up to 64 KiB is kept, like aeon_reply_bytes(); a longer one is streamed, and when the
 * call returns it has been sent. NULL @opts: the defaults.
 *
 * Suspends. Cancellable.
 *
 * Errors: -ENOENT   there is no such file, or it is no regular file (404); -EACCES (403); -EIO, -EMFILE ... (500)
 *         -EINVAL   an option cannot be sent
 *         others as aeon_reply_begin(), aeon_reply_write() */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_reply_file(aeon_request *req, const char *path, const aeon_file_opts *opts);

/* Answer @pattern, which ends in {name...}, with the files of @folder and the folders in it. "" and names that end in a slash are
 * completed by index.html. Nothing outside of @folder is reached, not by "..", nor by symbolic links that lead out. Names that begin with
 * a dot are hidden, but for .well-known. Strings are copied.
 *
 * Errors: as aeon_route(); -ENOENT, -ENOTDIR ... of @folder. The app refuses to start, naming it. */
AEON_API int aeon_route_files(aeon_app *app, const char *pattern, const char *folder, const aeon_file_opts *opts);

#ifdef __cplusplus
}
#endif
#endif
