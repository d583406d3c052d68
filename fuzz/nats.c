/* What a NATS server sends, or, behind a first byte '#', the headers of a message: those, sent again, must come the same. */
#include "must.h"

#include "broker/core.h"
#include "broker/nats/nats.h"

#include <aeon/log.h>

static void check_round_trip(struct nats *l, const struct content *first)
{
        struct text headers = { 0 };
        const struct text *block;
        struct content second;
        aeon__text_add(&headers, first->envelope.headers, first->envelope.headers_size);
        struct envelope e = first->envelope;
        e.headers = headers.data;
        if (memchr(e.headers, '\r', e.headers_size) || strpbrk(e.content_type, "\r") || strpbrk(e.correlation_id, "\r") ||
            aeon__nats_encode_headers(l, &e, "", NULL, &block) < 0 || !block)
                goto done; /* a value is one line, and not every name can be sent */
        char *copy = strndup(block->data, block->length);
        struct arrival a = { .subject = "x", .headers = copy, .headers_size = block->length, .body = "" };
        must(aeon__nats_decode(l, &a, &second) == 0, "sent, but not read", NULL);
        must(second.envelope.headers_size == e.headers_size, "not as many headers", NULL);
        must(!memcmp(second.envelope.headers, e.headers, e.headers_size), "other headers", NULL);
        must(!strcmp(second.envelope.correlation_id, first->envelope.correlation_id), "another correlation id", NULL);
        free(copy);
done:
        aeon__text_done(&headers);
}

static void read_headers(struct nats *l, char *bytes, size_t size)
{
        struct arrival a = { .subject = "subject", .headers = bytes, .headers_size = size, .body = bytes + size };
        struct content content;
        if (aeon__nats_decode(l, &a, &content) < 0)
                return;
        must_be_headers(content.envelope.headers, content.envelope.headers_size);
        check_round_trip(l, &content);
}

static void read_lines(struct nats *l, char *bytes, size_t size)
{
        ssize_t used = aeon__nats_take(&l->wire, bytes, size);
        must(used <= (ssize_t)size, "used more than there was", NULL);
}

/* A connection on which nobody waits for anything. */
static struct link *quiet_link(void)
{
        static struct aeon_broker broker;
        static struct connection connection = { .broker = &broker };
        for (unsigned i = 0; i < WAITER_BUCKETS; i++)
                list_init(&connection.waiters[i]);
        return &connection.link;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct wire_protocol protocol = { .name = "nats" };
        struct nats l = { .wire = { .protocol = &protocol, .host = "host" }, .prefix = "_INBOX.x.", .prefix_length = 9 };
        l.link = quiet_link();
        char *bytes = malloc(size + 1);
        must(bytes != NULL, "no memory", NULL);
        memcpy(bytes, data, size);
        aeon_log_set_level(AEON_LOG_OFF);
        l.wire.self = &l;
        list_init(&l.sources);
        list_init(&l.flushes);
        for (unsigned i = 0; i < NATS_BUCKETS; i++)
                list_init(&l.waiting[i]);
        if (size && *bytes == '#')
                read_headers(&l, bytes + 1, size - 1);
        else
                read_lines(&l, bytes, size);
        for (size_t i = 0; i < l.wire.hosts_count; i++)
                free((char *)(uintptr_t)l.wire.hosts[i].name);
        free(l.wire.hosts);
        aeon__text_done(&l.packed);
        aeon__text_done(&l.block);
        aeon_error_clear();
        free(bytes);
        return 0;
}
