/* Files as replies; see aeon/http_file.h.
 *
 * DESIGN
 *   Everything that touches the disk is done by a thread of the pool. The first trip opens the file, looks at it, decides what the
 *   request's conditions come to, and reads the first piece; for most files that is all. A longer one then goes piece by piece: read on
 *   the pool, written by the task, which waits for the client.
 *
 *   Descriptors are opened so that nothing but a regular file can be held: a pipe would not block, and is refused.
 */
#include "http/files.h"

#include "http/beneath.h"
#include "http/conditions.h"
#include "http/date.h"
#include "http/request.h"

#include <aeon/error.h>
#include <aeon/thread.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_SIZE = 65536 };

bool aeon__files_walk;

/* One reply at work. A thread has it while the task waits. */
struct file {
        int folder; /* AT_FDCWD: the path is whole */
        const char *path;
        struct http_conditions conditions;
        bool bare; /* HEAD: nothing is read */
        int fd;
        int status;
        uint64_t at, left; /* what is to be sent */
        char etag[48];
        struct stat stat;
        size_t got; /* in the piece */
        char *piece;
};

/* ------------------------------------------------------------------ on a thread of the pool */

static int read_piece(void *arg)
{
        struct file *f = arg;
        size_t wanted = f->left < PIECE_SIZE ? (size_t)f->left : PIECE_SIZE;
        f->got = 0;
        while (f->got < wanted) {
                ssize_t n = pread(f->fd, f->piece + f->got, wanted - f->got, (off_t)(f->at + f->got));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? aeon_fail_os(-errno, "read \"%s\"", f->path)
                                     : aeon_fail(-EIO, "\"%s\" has become shorter while it was sent", f->path);
                f->got += (size_t)n;
        }
        return 0;
}

static int open_file(struct file *f)
{
        int fd = f->folder == AT_FDCWD ? open(f->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
                                       : aeon__open_beneath(f->folder, f->path, aeon__files_walk);
        int r = f->folder == AT_FDCWD && fd < 0 ? -errno : fd;
        if (r == -ENOTDIR || r == -EXDEV || r == -ELOOP || r == -ENAMETOOLONG || r == -ENXIO)
                r = -ENOENT;
        return r < 0 ? aeon_fail_os(r, "\"%s\"", f->path) : r;
}

static int open_and_look(void *arg)
{
        struct file *f = arg;
        f->fd = open_file(f);
        if (f->fd < 0)
                return f->fd;
        if (fstat(f->fd, &f->stat) < 0)
                return aeon_fail_os(-errno, "\"%s\"", f->path);
        if (!S_ISREG(f->stat.st_mode))
                return aeon_fail(-ENOENT, "\"%s\" is no regular file", f->path);
        snprintf(f->etag, sizeof f->etag, "\"%" PRIx64 "-%" PRIx64 "\"",
                 (uint64_t)f->stat.st_mtim.tv_sec * 1000000000 + (uint64_t)f->stat.st_mtim.tv_nsec, (uint64_t)f->stat.st_size);
        struct http_representation what = { f->etag, f->stat.st_mtim.tv_sec, (uint64_t)f->stat.st_size };
        f->at = 0;
        f->left = what.size;
        f->status = aeon__http_decide(&f->conditions, &what, &f->at, &f->left);
        bool sent = (f->status == 200 || f->status == 206) && !f->bare;
        return sent && f->left ? read_piece(f) : 0;
}

/* ------------------------------------------------------------------ what the request says */

/* All fields of a list in one; NULL when there is none. */
static const char *joined(aeon_request *req, const char *name)
{
        size_t cursor = 0, size = 0, count = 0;
        const char *value, *first = NULL;
        for (; (value = aeon_request_header_next(req, name, &cursor)); count++) {
                first = first ? first : value;
                size += strlen(value) + 1;
        }
        char *all = count > 1 ? aeon__request_alloc(req, size + 1) : NULL;
        if (!all)
                return first;
        char *end = all;
        for (cursor = 0; (value = aeon_request_header_next(req, name, &cursor)); *end++ = ',')
                end = stpcpy(end, value);
        end[-1] = '\0';
        return all;
}

static struct http_conditions conditions_of(aeon_request *req)
{
        return (struct http_conditions){
                .if_match = joined(req, "If-Match"),
                .if_none_match = joined(req, "If-None-Match"),
                .if_modified_since = aeon_request_header(req, "If-Modified-Since"),
                .if_unmodified_since = aeon_request_header(req, "If-Unmodified-Since"),
                .if_range = aeon_request_header(req, "If-Range"),
                .range = strcmp(req->method, "GET") ? NULL : joined(req, "Range"),
        };
}

/* ------------------------------------------------------------------ the reply */

static int add_headers(aeon_request *req, const struct file *f, const aeon_file_opts *opts)
{
        char text[128];
        int r = aeon_reply_header(req, "ETag", f->etag);
        r = r < 0 ? r : aeon_reply_header(req, "Last-Modified", aeon__http_date_write(f->stat.st_mtim.tv_sec, text));
        r = r < 0 ? r : aeon_reply_header(req, "Accept-Ranges", "bytes");
        r = r < 0 ? r : aeon_reply_header(req, "X-Content-Type-Options", "nosniff");
        if (r == 0 && opts->cache_control)
                r = aeon_reply_header(req, "Cache-Control", opts->cache_control);
        uint64_t size = (uint64_t)f->stat.st_size;
        if (f->status == 206)
                snprintf(text, sizeof text, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, f->at, f->at + f->left - 1, size);
        else if (f->status == 416)
                snprintf(text, sizeof text, "bytes */%" PRIu64, size);
        return r == 0 && (f->status == 206 || f->status == 416) ? aeon_reply_header(req, "Content-Range", text) : r;
}

/* The first piece is there. */
static int stream(aeon_request *req, struct file *f, const char *type)
{
        int r = aeon_reply_length(req, f->left);
        r = r < 0 ? r : aeon_reply_begin(req, f->status, type);
        while (r == 0 && f->left && !f->bare) {
                if (!f->got)
                        r = aeon_offload(read_piece, f);
                if (r == 0)
                        r = aeon_reply_write(req, f->piece, f->got);
                f->at += f->got;
                f->left -= f->got;
                f->got = 0;
        }
        return r;
}

static int reply(aeon_request *req, struct file *f, const aeon_file_opts *opts)
{
        const char *type = opts->content_type ? opts->content_type : aeon__file_type(f->path);
        int r = add_headers(req, f, opts);
        if (r < 0)
                return r;
        if (f->status == 304)
                return aeon_reply_status(req, 304);
        if (f->status == 412 || f->status == 416) {
                aeon__reply_problem(req, f->status, NULL, NULL);
                return 0;
        }
        if (f->bare || f->left > PIECE_SIZE)
                return stream(req, f, type);
        return aeon_reply_bytes(req, f->status, type, f->piece, f->got);
}

static int reply_from(aeon_request *req, int folder, const char *path, const aeon_file_opts *opts)
{
        static const aeon_file_opts defaults = { 0 };
        struct file f = { .folder = folder, .path = path, .conditions = conditions_of(req), .fd = -1 };
        f.bare = !strcmp(req->method, "HEAD");
        f.piece = aeon__request_alloc(req, PIECE_SIZE);
        if (!f.piece)
                return aeon_fail(-ENOMEM, "\"%s\"", path);
        int r = aeon_offload(open_and_look, &f);
        if (r >= 0)
                r = reply(req, &f, opts ? opts : &defaults);
        if (f.fd >= 0)
                close(f.fd);
        return r;
}

int aeon_reply_file(aeon_request *req, const char *path, const aeon_file_opts *opts)
{
        return reply_from(req, AT_FDCWD, path, opts);
}

/* ------------------------------------------------------------------ folders */

/* A segment that begins with a dot, but for the one that RFC 8615 made for being seen. */
static bool is_hidden(const char *path)
{
        static const char shown[] = ".well-known/";
        if (!strncmp(path, shown, sizeof shown - 1))
                path += sizeof shown - 1;
        for (bool begins = true; *path; begins = *path++ == '/')
                if (begins && *path == '.')
                        return true;
        return false;
}

int aeon__file_folder_answer(aeon_request *req)
{
        static const char index[] = "index.html";
        const struct http_route *route = req->route;
        const struct file_folder *folder = route->folder;
        const char *path = req->params[route->param_count - 1];
        size_t size = strlen(path);
        if (is_hidden(path))
                return aeon_fail(-ENOENT, "\"%s\" is hidden", path);
        if (!size || path[size - 1] == '/') {
                char *whole = aeon__request_alloc(req, size + sizeof index);
                if (!whole)
                        return aeon_fail(-ENOMEM, "\"%s\"", path);
                strcpy(stpcpy(whole, path), index);
                path = whole;
        }
        aeon_file_opts opts = { .content_type = folder->content_type, .cache_control = folder->cache_control };
        return reply_from(req, folder->fd, path, &opts);
}

static bool copy_text(const char *text, char **ret_copy)
{
        *ret_copy = text ? strdup(text) : NULL;
        return !text || *ret_copy;
}

int aeon__file_folder_open(const char *path, const aeon_file_opts *opts, struct file_folder **ret_folder)
{
        static const aeon_file_opts defaults = { 0 };
        opts = opts ? opts : &defaults;
        struct file_folder *folder = calloc(1, sizeof *folder);
        if (!folder)
                return aeon_fail(-ENOMEM, "folder \"%s\"", path);
        folder->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r = folder->fd < 0 ? aeon_fail_os(-errno, "folder \"%s\"", path) : 0;
        if (r == 0 &&
            (!copy_text(opts->content_type, &folder->content_type) || !copy_text(opts->cache_control, &folder->cache_control)))
                r = aeon_fail(-ENOMEM, "folder \"%s\"", path);
        if (r < 0)
                aeon__file_folder_close(folder);
        else
                *ret_folder = folder;
        return r;
}

void aeon__file_folder_close(struct file_folder *folder)
{
        if (!folder)
                return;
        if (folder->fd >= 0)
                close(folder->fd);
        free(folder->content_type);
        free(folder->cache_control);
        free(folder);
}
