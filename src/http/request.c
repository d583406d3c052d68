/* The request's head as its handler sees it; see request.h. */
#include "http/request.h"

#include "http/connection.h"

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
        if (head->has_query)
                make_string(req, head->query);
        for (size_t i = 0; i < head->field_count; i++) {
                make_string(req, head->fields[i].name);
                make_string(req, head->fields[i].value);
        }
        req->body_state = head->chunked ? BODY_CHUNKED : head->content_length ? BODY_LENGTH : BODY_NONE;
        req->body_left = head->content_length;
        req->continue_wanted = head->expect_continue;
        req->body_begun = req->body_state == BODY_NONE ? 0 : aeon_now();
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
        req->chunked = (struct http_chunked){ 0 };
        req->body_received = 0;
        req->body_error = req->body_status = req->status = 0;
        req->body_state = BODY_NONE;
        req->body_whole = false;
        req->content_type = NULL;
        req->id = req->traceparent = req->failure = req->explanation = req->problems = NULL;
        req->query = req->form = (struct http_pairs){ 0 };
        req->settled = 0;
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

/* ------------------------------------------------------------------ getters */

static const char *text_at(const aeon_request *req, struct http_span span)
{
        return buffer_bytes(&req->bytes) + span.start;
}

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
        return aeon_stream_peer(req->connection->stream);
}

void *aeon__request_owner(const aeon_request *req)
{
        return req->connection->server->owner;
}

const char *aeon_request_header_next(const aeon_request *req, const char *name, size_t *cursor)
{
        while (*cursor < req->head.field_count) {
                const struct http_field *field = &req->head.fields[(*cursor)++];
                if (!strcasecmp(text_at(req, field->name), name))
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
