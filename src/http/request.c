/* The request's head as its handler sees it; see request.h. */
#include "http/request.h"

#include "http/server.h"

#include <aeon/error.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ------------------------------------------------------------------ life */

struct block {
        struct block *next;
        max_align_t bytes[];
};

void *aeon__request_alloc(aeon_request *req, size_t size)
{
        struct block *block = malloc(sizeof *block + size);
        if (!block)
                return NULL;
        block->next = req->blocks;
        req->blocks = block;
        return block->bytes;
}

void aeon__request_init(aeon_request *req, const struct http_exchange_ops *ops, struct http_server *server, aeon_stream *stream)
{
        req->ops = ops;
        req->server = server;
        req->stream = stream;
}

static const char *text_at(const aeon_request *req, struct http_span span)
{
        return buffer_bytes(&req->bytes) + span.start;
}

char *aeon__request_copy(aeon_request *req, const char *text, size_t size)
{
        char *copy = aeon__request_alloc(req, size + 1);
        if (copy) {
                memcpy(copy, text, size);
                copy[size] = '\0';
        }
        return copy;
}

static const char *make_string(aeon_request *req, struct http_span span)
{
        char *text = req->bytes.data + req->bytes.start + span.start;
        text[span.size] = '\0';
        return text;
}

void aeon__request_begin(aeon_request *req)
{
        const struct http_head *head = &req->head;
        req->method = make_string(req, head->method);
        req->path = head->path.size ? make_string(req, head->path) : "/";
        req->query = head->has_query ? make_string(req, head->query) : NULL;
        for (size_t i = 0; i < head->field_count; i++) {
                make_string(req, head->fields[i].name);
                make_string(req, head->fields[i].value);
        }
}

void aeon__request_end(aeon_request *req)
{
        aeon__request_free_values(req);
        for (struct block *block = req->blocks, *next; block; block = next) {
                next = block->next;
                free(block);
        }
        aeon__http_buffer_clear(&req->bytes);
        aeon__http_buffer_clear(&req->body);
        aeon__http_buffer_clear(&req->headers);
        aeon__http_buffer_clear(&req->reply);
        req->blocks = NULL;
        req->route = NULL;
        req->method = req->query = NULL;
        req->body_received = 0;
        req->body_error = req->body_status = req->status = 0;
        req->body_state = BODY_NONE;
        req->body_whole = req->continue_wanted = req->client_gone = false;
        req->content_type = NULL;
        req->span = NULL;
        req->id = req->traceparent = req->failure = req->explanation = req->problems = req->remedy = NULL;
        req->query_pairs = req->form_pairs = (struct http_pairs){ 0 };
        req->settled = 0;
        req->reply_state = REPLY_KEPT;
        req->reply_has_length = req->reply_failed = false;
        req->reply_written = 0;
        req->events_ping = 0;
        req->websocket = NULL;
        aeon__http_head_init(&req->head);
}

void aeon__request_done(aeon_request *req)
{
        aeon__request_end(req);
        aeon__http_buffer_done(&req->bytes);
        aeon__http_buffer_done(&req->body);
        aeon__http_buffer_done(&req->headers);
        aeon__http_buffer_done(&req->reply);
}

/* ------------------------------------------------------------------ heads that come decoded */

/* Keep @text, and a place for the NUL that aeon__request_begin() puts there. */
static int keep_text(aeon_request *req, aeon_bytes text, struct http_span *ret_span)
{
        size_t start = buffer_size(&req->bytes);
        if (text.size > HTTP_HEAD_LIMIT - (start < HTTP_HEAD_LIMIT ? start : HTTP_HEAD_LIMIT))
                return aeon_fail(-EMSGSIZE, "the head is too long");
        int r = aeon__http_buffer_reserve(&req->bytes, text.size + 1);
        if (r < 0)
                return aeon_fail(r, "request");
        *ret_span = (struct http_span){ (uint16_t)start, (uint16_t)text.size };
        r = aeon__http_buffer_add(&req->bytes, text.data, text.size);
        return r < 0 ? r : aeon__http_buffer_add(&req->bytes, "", 1);
}

int aeon__request_set_target(aeon_request *req, aeon_bytes method, aeon_bytes target)
{
        struct http_head *head = &req->head;
        const char *text = target.data;
        if (!aeon__http_is_token(method.data, method.size))
                return aeon_fail(-EBADMSG, "the method is no token");
        bool star = target.size == 1 && *text == '*' && method.size == 7 && !memcmp(method.data, "OPTIONS", 7);
        if (!target.size || (*text != '/' && !star) || !aeon__http_is_target(text, target.size))
                return aeon_fail(-EBADMSG, "the target is no path, or has a character or an escape that may not stand there");
        const char *mark = memchr(text, '?', target.size);
        size_t path_size = mark ? (size_t)(mark - text) : target.size;
        int r = target.size > HTTP_REQUEST_LINE_LIMIT ? aeon_fail(-EMSGSIZE, "the target is too long") : 0;
        if (r == 0)
                r = keep_text(req, method, &head->method);
        if (r == 0)
                r = keep_text(req, (aeon_bytes){ text, path_size }, &head->path);
        head->has_query = mark != NULL;
        if (r == 0 && mark)
                r = keep_text(req, (aeon_bytes){ mark + 1, target.size - path_size - 1 }, &head->query);
        return r;
}

int aeon__request_add_field(aeon_request *req, aeon_bytes name, aeon_bytes value)
{
        struct http_head *head = &req->head;
        if (!aeon__http_is_token(name.data, name.size) || !aeon__http_is_field_value(value.data, value.size))
                return aeon_fail(-EBADMSG, "a header's name or value has a character that may not stand there");
        if (name.size == 4 && !strncasecmp(name.data, "host", 4) && !aeon__http_is_authority(value.data, value.size))
                return aeon_fail(-EBADMSG, "the host cannot be read");
        if (head->field_count == HTTP_FIELDS_LIMIT)
                return aeon_fail(-EMSGSIZE, "more than %d headers", HTTP_FIELDS_LIMIT);
        struct http_field *field = &head->fields[head->field_count];
        int r = keep_text(req, name, &field->name);
        if (r == 0)
                r = keep_text(req, value, &field->value);
        if (r == 0)
                head->field_count++;
        return r;
}

/* ------------------------------------------------------------------ getters */

const char *aeon_request_method(const aeon_request *req)
{
        return req->method;
}

const char *aeon_request_path(const aeon_request *req)
{
        return req->path;
}

const char *aeon_request_peer(const aeon_request *req)
{
        return req->stream ? aeon_stream_peer(req->stream) : "unknown";
}

void *aeon__request_owner(const aeon_request *req)
{
        return req->server->owner;
}

const char *aeon_request_header_next(const aeon_request *req, const char *name, size_t *cursor)
{
        size_t size = strlen(name);
        while (*cursor < req->head.field_count) {
                const struct http_field *field = &req->head.fields[(*cursor)++];
                if (field->name.size == size && !strncasecmp(text_at(req, field->name), name, size))
                        return text_at(req, field->value);
        }
        return NULL;
}

const char *aeon_request_header(const aeon_request *req, const char *name)
{
        size_t cursor = 0;
        return aeon_request_header_next(req, name, &cursor);
}

const char *aeon_request_route(const aeon_request *req)
{
        return req->route ? req->route->pattern : NULL;
}

const char *aeon_request_param(const aeon_request *req, const char *name)
{
        for (size_t i = 0; req->route && i < req->route->param_count; i++)
                if (!strcmp(req->route->names[i], name))
                        return req->params[i];
        return NULL;
}
