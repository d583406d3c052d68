/* The header fields of a reply, looked at and changed while it is not sent. They are kept as lines. */
#include "http/request.h"

#include <aeon/error.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The line that begins at @at: is it the field @name? Its size with the line's end in @ret_size. */
static bool line_is(const char *at, const char *name, size_t name_size, size_t *ret_size)
{
        const char *colon = strchr(at, ':');
        *ret_size = (size_t)(strchr(colon, '\n') + 1 - at);
        return (size_t)(colon - at) == name_size && !strncasecmp(at, name, name_size);
}

/* Lines are text for strchr(). */
static int terminate(struct http_buffer *headers)
{
        int r = aeon__http_buffer_reserve(headers, 1);
        if (r == 0)
                headers->data[headers->end] = '\0';
        return r;
}

int aeon_reply_get_status(const aeon_request *req)
{
        return req->status;
}

const char *aeon_reply_get_header(aeon_request *req, const char *name)
{
        size_t name_size = strlen(name), size;
        if (!strcasecmp(name, "Content-Type"))
                return req->content_type;
        if (terminate(&req->headers) < 0)
                return NULL;
        for (const char *at = buffer_bytes(&req->headers); *at; at += size) {
                if (!line_is(at, name, name_size, &size))
                        continue;
                char *value = aeon__request_alloc(req, size);
                if (!value)
                        return NULL;
                size_t length = size - name_size - strlen(": \r\n");
                memcpy(value, at + name_size + 2, length);
                value[length] = '\0';
                return value;
        }
        return NULL;
}

static void remove_all(struct http_buffer *headers, const char *name)
{
        size_t name_size = strlen(name), size;
        char *at = headers->data + headers->start;
        while (*at) {
                if (line_is(at, name, name_size, &size)) {
                        memmove(at, at + size, (size_t)(headers->data + headers->end - at) - size + 1);
                        headers->end -= size;
                } else {
                        at += size;
                }
        }
}

static int set_content_type(aeon_request *req, const char *value)
{
        char *copy = value ? aeon__request_alloc(req, strlen(value) + 1) : NULL;
        if (value && !copy)
                return aeon_fail(-ENOMEM, "content type");
        if (value && !aeon__http_is_field_value(value, strlen(value)))
                return aeon_fail(-EINVAL, "a content type cannot have control characters");
        req->content_type = value ? strcpy(copy, value) : NULL;
        return 0;
}

int aeon_reply_set_header(aeon_request *req, const char *name, const char *value)
{
        if (req->reply_state != REPLY_KEPT)
                return aeon_fail(-EALREADY, "header %s: the reply to %s %s has begun", name, req->method, req->path);
        if (!strcasecmp(name, "Content-Type"))
                return set_content_type(req, value);
        struct http_buffer *headers = &req->headers;
        size_t before = buffer_size(headers);
        int r = value ? aeon_reply_header(req, name, value) : 0; /* first: a value that cannot be sent changes nothing */
        if (r == 0 && terminate(headers) < 0)
                r = aeon_fail(-ENOMEM, "header %s", name);
        if (r < 0) {
                headers->end = headers->start + before;
                return r;
        }
        char *line = strndup(buffer_bytes(headers) + before, buffer_size(headers) - before);
        if (!line)
                return aeon_fail(-ENOMEM, "header %s", name);
        remove_all(headers, name);
        r = aeon__http_buffer_add_text(headers, line);
        free(line);
        return r;
}
