/* aeon/http_form.h - what HTML forms send: fields, and files.
 *
 *         const char *name;
 *         int r = aeon_request_form(req, "name", &name);          // small forms, of either encoding, as text
 *
 *         const struct signup *s;
 *         int r = signup_form(req, &s);                           // the same as a record: aeon/http.h
 *
 *         aeon_multipart *m;                                      // uploads, as they come
 *         const aeon_form_part *part;
 *         int r = aeon_multipart_open(req, NULL, &m);
 *         while (r >= 0 && (r = aeon_multipart_next(m, &part)) > 0)
 *                 ... r = aeon_multipart_read(m, buffer, sizeof buffer) until it is 0 ...
 *
 * All is borrowed until the handler ends; nothing is to be closed. */
#ifndef AEON_HTTP_FORM_H
#define AEON_HTTP_FORM_H

#include <aeon/attributes.h>
#include <aeon/http.h>
#include <stddef.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The first value of the field @name of the form in the body (application/x-www-form-urlencoded, or the parts of multipart/form-data
 * that are no files), decoded; NULL when there is none. What has a NUL in it counts as not there. The whole body is received for it, up to max_body.
 *
 * Suspends. Errors: as aeon_request_body(); -EBADMSG also when the body is no form (415) or cannot be read (400) */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_request_form(aeon_request *req, const char *name, const char **ret_value);

/* All of them: begin with *@cursor 0; NULL after the last. */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_request_form_next(aeon_request *req, const char *name, size_t *cursor,
                                                                  const char **ret_value);

/* ------------------------------------------------------------------ multipart/form-data, part by part */

typedef struct aeon_multipart aeon_multipart;

typedef struct aeon_form_part {
        const char *name;      /* of the form's field; any text, as the client sent it */
        const char *file_name; /* NULL: no file. Without folders, but else as the client sent it: not for opening files */
        const char *type;      /* "image/png"; NULL: not told, which is text/plain */
} aeon_form_part;

typedef struct aeon_multipart_opts {
        size_t max_size;    /* of the whole body, in bytes; 0: the route's max_body. Above: 413 */
        unsigned max_parts; /* 128. Above: 413 */
} aeon_multipart_opts;

/* Begin to read a body of parts. NULL @opts: the defaults.
 *
 * Errors: -EBADMSG it is not multipart/form-data (415), or its boundary cannot be read (400); -ENOMEM */
AEON_API AEON_MUST_CHECK int aeon_multipart_open(aeon_request *req, const aeon_multipart_opts *opts,
                                                 aeon_multipart **ret_multipart);

/* Read over the rest of the present part, and go on to the next one: 1, and 0 behind the last. @ret_part is borrowed until the next call.
 *
 * Suspends. Errors: as aeon_request_body(); -EBADMSG also when the parts cannot be read (400); -EMSGSIZE too many, too much (413) */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_multipart_next(aeon_multipart *m, const aeon_form_part **ret_part);

/* The next piece of the present part, up to @size bytes. Returns the count, 0 at the part's end. Suspends. Errors: as above */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK ssize_t aeon_multipart_read(aeon_multipart *m, void *buffer, size_t size);

/* All that is left of the present part, a NUL behind it; up to @limit bytes, above: 413. It lives until the handler ends.
 *
 * Suspends. Errors: as above; -ENOMEM */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_multipart_whole(aeon_multipart *m, size_t limit, aeon_bytes *ret_bytes);

/* The first header field of the present part with this name, in any case of letters; NULL when there is none. */
AEON_API const char *aeon_multipart_header(const aeon_multipart *m, const char *name);

#ifdef __cplusplus
}
#endif
#endif
