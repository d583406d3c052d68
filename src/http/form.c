/* Bodies that are forms; see aeon/http_form.h.
 *
 * DESIGN
 *   A reader of parts is the parser of multipart.h with a buffer in front, which the body is read into; a file of any length goes
 *   through it in pieces. A small form is read whole into pairs, whichever way it was sent.
 */
#include "http/multipart.h"
#include "http/parser.h"
#include "http/request.h"

#include <aeon/error.h>
#include <aeon/http_form.h>
#include <string.h>
#include <strings.h>

enum { BUFFER_SIZE = 16384, PARTS = 128, FIRST_PIECE = 1024 };
_Static_assert(BUFFER_SIZE - MULTIPART_ROOM >= 0, "a head has room");

struct aeon_multipart {
        aeon_request *req;
        struct multipart parser;
        struct multipart_head head;
        aeon_form_part part; /* of the head */
        char *head_bytes;    /* its strings */
        size_t max_size, size;
        unsigned max_parts, parts;
        bool in_part;
        const char *piece; /* data not yet handed out, in the buffer */
        size_t piece_size;
        size_t start, end;     /* what is in the buffer and not used */
        size_t whole_position; /* when the body has been received whole: what was taken of it */
        char buffer[BUFFER_SIZE];
};

static int wrong(aeon_request *req, int code, int status, const char *reason)
{
        aeon__request_wrong(req, code, status);
        req->explanation = reason;
        return aeon_fail_at(code, true, AEON_HERE, "%s %s: form: %s", req->method, req->path, reason);
}

/* The body's media type is @type: what follows it, the parameters; NULL when it is another. */
static const char *after_type(const aeon_request *req, const char *type)
{
        const char *given = aeon_request_header(req, "Content-Type");
        size_t size = strlen(type);
        if (!given || strncasecmp(given, type, size) != 0)
                return NULL;
        given += size;
        return strspn(given, " \t;") || !*given ? given : NULL;
}

/* ------------------------------------------------------------------ the reader */

int aeon_multipart_open(aeon_request *req, const aeon_multipart_opts *opts, aeon_multipart **ret_multipart)
{
        static const aeon_multipart_opts defaults = { 0 };
        const char *parameters = after_type(req, "multipart/form-data");
        if (!parameters)
                return wrong(req, -EBADMSG, 415, "not multipart/form-data");
        opts = opts ? opts : &defaults;
        size_t size = strlen(parameters) + 1;
        char *boundary = aeon__request_alloc(req, size);
        aeon_multipart *m = aeon__request_alloc(req, sizeof *m);
        if (!boundary || !m)
                return aeon_fail(-ENOMEM, "%s %s: form", req->method, req->path);
        memset(m, 0, offsetof(struct aeon_multipart, buffer));
        if (aeon__media_parameter(parameters, "boundary", boundary) <= 0 ||
            aeon__multipart_init(&m->parser, boundary, strlen(boundary)) < 0)
                return wrong(req, -EBADMSG, 400, "its boundary cannot be read");
        m->req = req;
        m->max_size = opts->max_size ? opts->max_size : aeon__request_body_limit(req);
        m->max_parts = opts->max_parts ? opts->max_parts : PARTS;
        *ret_multipart = m;
        return 0;
}

/* More of the body into @room. */
static ssize_t read_body(struct aeon_multipart *m, char *room, size_t size)
{
        aeon_request *req = m->req;
        if (!req->body_whole)
                return aeon_request_read(req, room, size);
        size_t left = buffer_size(&req->body) - m->whole_position;
        size = size < left ? size : left;
        memcpy(room, buffer_bytes(&req->body) + m->whole_position, size);
        m->whole_position += size;
        return (ssize_t)size;
}

static int fill(struct aeon_multipart *m)
{
        memmove(m->buffer, m->buffer + m->start, m->end - m->start);
        m->end -= m->start;
        m->start = 0;
        ssize_t n = read_body(m, m->buffer + m->end, BUFFER_SIZE - m->end);
        if (n < 0)
                return (int)n;
        if (n == 0)
                return wrong(m->req, -EBADMSG, 400, "it ends before its last boundary");
        m->end += (size_t)n;
        m->size += (size_t)n;
        return m->size <= m->max_size ? 0 : wrong(m->req, -EMSGSIZE, 413, "it is too long");
}

/* The next event, waiting for it. */
static int next_event(struct aeon_multipart *m)
{
        for (;;) {
                size_t taken;
                int event = aeon__multipart_next(&m->parser, m->buffer + m->start, m->end - m->start, &taken, &m->piece,
                                                 &m->piece_size);
                m->start += taken;
                if (event < 0)
                        return wrong(m->req, -EBADMSG, 400, m->parser.reason);
                if (event != MULTIPART_MORE)
                        return event;
                int r = fill(m);
                if (r < 0)
                        return r;
        }
}

static int begin_part(struct aeon_multipart *m)
{
        const char *reason;
        if (++m->parts > m->max_parts)
                return wrong(m->req, -EMSGSIZE, 413, "it has too many parts");
        m->head_bytes = aeon__request_copy(m->req, m->piece, m->piece_size);
        if (!m->head_bytes)
                return aeon_fail(-ENOMEM, "%s %s: form", m->req->method, m->req->path);
        if (aeon__multipart_head_read(m->head_bytes, m->piece_size, &m->head, &reason) < 0)
                return wrong(m->req, -EBADMSG, 400, reason);
        m->part = (aeon_form_part){ m->head.name, m->head.file_name, m->head.type };
        m->in_part = true;
        m->piece_size = 0;
        return 1;
}

int aeon_multipart_next(aeon_multipart *m, const aeon_form_part **ret_part)
{
        ssize_t n;
        char dropped[1024];
        while ((n = aeon_multipart_read(m, dropped, sizeof dropped)) > 0)
                ;
        if (n < 0)
                return (int)n;
        int event = next_event(m);
        if (event == MULTIPART_END || event < 0)
                return event < 0 ? event : 0;
        int r = begin_part(m);
        if (r > 0)
                *ret_part = &m->part;
        return r;
}

ssize_t aeon_multipart_read(aeon_multipart *m, void *buffer, size_t size)
{
        if (!m->in_part || !size)
                return 0;
        if (!m->piece_size) {
                int event = next_event(m);
                if (event < 0)
                        return event;
                m->in_part = event == MULTIPART_DATA;
                if (!m->in_part)
                        return 0;
        }
        size = size < m->piece_size ? size : m->piece_size;
        memcpy(buffer, m->piece, size);
        m->piece += size;
        m->piece_size -= size;
        return (ssize_t)size;
}

int aeon_multipart_whole(aeon_multipart *m, size_t limit, aeon_bytes *ret_bytes)
{
        struct http_buffer all = { 0 };
        ssize_t n;
        do {
                size_t room = buffer_size(&all) > FIRST_PIECE ? buffer_size(&all) : FIRST_PIECE;
                n = aeon__http_buffer_reserve(&all, room) < 0 ? aeon_fail(-ENOMEM, "%s %s: form", m->req->method, m->req->path)
                                                              : aeon_multipart_read(m, all.data + all.end, room);
                all.end += n > 0 ? (size_t)n : 0;
                if (buffer_size(&all) > limit)
                        n = wrong(m->req, -EMSGSIZE, 413, "a field is too long");
        } while (n > 0);
        char *copy = n < 0 ? NULL : aeon__request_copy(m->req, buffer_bytes(&all), buffer_size(&all));
        if (copy)
                *ret_bytes = (aeon_bytes){ copy, buffer_size(&all) };
        else if (n == 0)
                n = aeon_fail(-ENOMEM, "%s %s: form", m->req->method, m->req->path);
        aeon__http_buffer_done(&all);
        return (int)n;
}

const char *aeon_multipart_header(const aeon_multipart *m, const char *name)
{
        if (!strcasecmp(name, "Content-Disposition")) /* its bytes have become the part's names */
                return NULL;
        for (size_t i = 0; i < m->head.field_count; i++)
                if (!strcasecmp(m->head.fields[i].name, name))
                        return m->head.fields[i].value;
        return NULL;
}

/* ------------------------------------------------------------------ small forms */

static int collect_urlencoded(aeon_request *req, struct http_pairs *pairs)
{
        aeon_bytes body;
        int r = aeon_request_body(req, &body);
        if (r < 0)
                return r;
        r = aeon__pairs_parse(req, body.data, body.size, pairs);
        if (r == -EINVAL)
                return wrong(req, -EBADMSG, 400, "an escape is none");
        return r < 0 ? aeon_fail(r, "%s %s: form", req->method, req->path) : 0;
}

static int collect_parts(aeon_request *req, struct http_pairs *ret_pairs)
{
        aeon_multipart *m = NULL;
        const aeon_form_part *part;
        struct http_pairs pairs = { aeon__request_alloc(req, PARTS * sizeof *pairs.items), 0 };
        int r = pairs.items ? aeon_multipart_open(req, NULL, &m) : aeon_fail(-ENOMEM, "%s %s: form", req->method, req->path);
        while (m && (r = aeon_multipart_next(m, &part)) > 0) {
                aeon_bytes value;
                if (part->file_name)
                        continue;
                r = aeon_multipart_whole(m, m->max_size, &value);
                if (r < 0)
                        return r;
                bool broken = memchr(value.data, '\0', value.size);
                pairs.items[pairs.count++] = (struct http_pair){ m->head.name, value.data, broken };
        }
        if (r == 0)
                *ret_pairs = pairs;
        return r;
}

int aeon__request_form_pairs(aeon_request *req, const struct http_pairs **ret_pairs)
{
        int r = 0;
        if (req->form_pairs.items)
                r = 0;
        else if (after_type(req, "application/x-www-form-urlencoded"))
                r = collect_urlencoded(req, &req->form_pairs);
        else if (after_type(req, "multipart/form-data"))
                r = collect_parts(req, &req->form_pairs);
        else
                r = wrong(req, -EBADMSG, 415, "not a form");
        *ret_pairs = &req->form_pairs;
        return r;
}

int aeon_request_form_next(aeon_request *req, const char *name, size_t *cursor, const char **ret_value)
{
        const struct http_pairs *pairs;
        int r = aeon__request_form_pairs(req, &pairs);
        if (r >= 0)
                *ret_value = aeon__pairs_next(pairs, name, cursor);
        return r;
}

int aeon_request_form(aeon_request *req, const char *name, const char **ret_value)
{
        size_t cursor = 0;
        return aeon_request_form_next(req, name, &cursor, ret_value);
}
