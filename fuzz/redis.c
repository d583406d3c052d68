/* A value in Redis: whatever it is, it is a message, which in each of FastStream's envelopes must come the same. */
#include "must.h"

#include "broker/redis/format.h"

static void check_same(const struct parts *a, const struct parts *b)
{
        const struct envelope *x = &a->envelope, *y = &b->envelope;
        must(x->size == y->size && !memcmp(x->body, y->body, x->size), "another body", NULL);
        must(!strcmp(x->correlation_id, y->correlation_id), "another correlation id", NULL);
        must(!strcmp(x->reply_to, y->reply_to), "another address for the answer", NULL);
        must(!strcmp(x->content_type, y->content_type), "another content type", NULL);
        must(a->attempt == b->attempt, "another attempt", NULL);
}

static void check_round_trip(const struct parts *first, enum format format)
{
        struct parts second = { 0 };
        struct text text = { 0 };
        if (aeon__format_write(&text, format, &first->envelope, first->attempt) == 0) {
                must(aeon__format_read(&second, text.data, text.length) == 0, "written, but not read", NULL);
                check_same(first, &second);
                must_be_headers(second.envelope.headers, second.envelope.headers_size);
                if (format == FORMAT_BINARY) { /* in JSON the last of several headers of one name wins */
                        must(second.envelope.headers_size == first->envelope.headers_size, "not as many headers", NULL);
                        must(!memcmp(second.envelope.headers, first->envelope.headers, first->envelope.headers_size),
                             "other headers", NULL);
                }
        }
        aeon__parts_done(&second);
        aeon__text_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct parts parts = { 0 };
        must(aeon__format_read(&parts, (const char *)data, size) == 0, "not read", NULL);
        must_be_headers(parts.envelope.headers, parts.envelope.headers_size);
        check_round_trip(&parts, FORMAT_BINARY);
        check_round_trip(&parts, FORMAT_JSON);
        aeon__parts_done(&parts);
        aeon_error_clear();
        return 0;
}
