/* Headers in their packed form: name NUL value NUL name NUL value NUL ... - one block to copy, store and walk. */
#include "broker/core.h"
#include "task/trace.h"

#include <aeon/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int aeon__headers_pack(const aeon_header *headers, char **ret_packed, size_t *ret_size)
{
        size_t size = 0;
        for (const aeon_header *h = headers; h && h->name; h++) {
                if (!*h->name)
                        return aeon_fail(-EINVAL, "a header without a name");
                if (!h->value)
                        return aeon_fail(-EINVAL, "header \"%s\" has no value", h->name);
                size += strlen(h->name) + strlen(h->value) + 2;
        }
        char *packed = NULL;
        if (size && !(packed = malloc(size)))
                return aeon_fail(-ENOMEM, "no memory for %zu bytes of headers", size);
        char *at = packed;
        for (const aeon_header *h = headers; size && h->name; h++)
                at = stpcpy(stpcpy(at, h->name) + 1, h->value) + 1;
        *ret_packed = packed;
        *ret_size = size;
        return 0;
}

const char *aeon__header_find(const char *packed, size_t size, const char *name)
{
        const char *at = packed, *end = packed + size;
        while (at < end) {
                const char *value = at + strlen(at) + 1;
                if (!strcasecmp(at, name))
                        return value;
                at = value + strlen(value) + 1;
        }
        return NULL;
}

static bool tells_of_death(const char *name)
{
        return !strcasecmp(name, "x-error") || !strcasecmp(name, "x-attempts") || !strcasecmp(name, "x-origin");
}

char *aeon__headers_of_dead(const struct aeon_message *m, const char *reason, size_t *ret_size)
{
        const struct envelope *e = &m->envelope;
        char attempts[16];
        snprintf(attempts, sizeof attempts, "%u", m->attempt);
        size_t limit = e->headers_size + strlen(reason) + strlen(attempts) + strlen(e->destination) + sizeof "x-error" +
                       sizeof "x-attempts" + sizeof "x-origin" + 3;
        char *packed = malloc(limit), *at = packed;
        if (!packed)
                return NULL;

        const char *name, *value;
        for (size_t i = 0; aeon_message_header_at(m, i, &name, &value); i++)
                if (!tells_of_death(name))
                        at = stpcpy(stpcpy(at, name) + 1, value) + 1;
        at = stpcpy(at, "x-error") + 1;
        for (char *end = stpcpy(at, reason); at < end; at++)
                if ((unsigned char)*at < ' ')
                        *at = ' '; /* other brokers' headers are lines */
        at = stpcpy(stpcpy(at + 1, "x-attempts") + 1, attempts) + 1;
        at = stpcpy(stpcpy(at, "x-origin") + 1, e->destination) + 1;
        *ret_size = (size_t)(at - packed);
        return packed;
}

char *aeon__headers_with_trace(const struct envelope *e, size_t *ret_size)
{
        const struct trace_context *trace = aeon__trace_now();
        if (!trace || aeon__header_find(e->headers, e->headers_size, "traceparent"))
                return NULL;
        char *packed =
                malloc(e->headers_size + sizeof "traceparent" + TRACEPARENT + 1 + sizeof "tracestate" + strlen(trace->state) + 1);
        if (!packed)
                return NULL;
        char *at = packed;
        if (e->headers_size)
                at = mempcpy(at, e->headers, e->headers_size);
        at = stpcpy(at, "traceparent") + 1;
        aeon__traceparent_write(trace, at);
        at += TRACEPARENT + 1;
        if (*trace->state)
                at = stpcpy(stpcpy(at, "tracestate") + 1, trace->state) + 1;
        *ret_size = (size_t)(at - packed);
        return packed;
}
