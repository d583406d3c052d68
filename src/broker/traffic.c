/* What goes over a connection: its reader and its writer; see wire.h. */
#include "broker/wire.h"

#include <aeon/error.h>
#include <stdlib.h>
#include <string.h>

enum { READ_SIZE = 64 * 1024, OUTPUT_MUCH = 1024 * 1024 };

/* ------------------------------------------------------------------ sending */

int aeon__wire_send(struct wire *w, const void *bytes, size_t size)
{
        if (!w->now)
                return aeon_fail(-ENOTCONN, "%s is not connected: %s", w->protocol->name, w->words);
        size_t before = w->output.length;
        aeon__text_add(&w->output, bytes, size);
        if (w->output.failed) {
                w->output.failed = false;
                w->output.length = before;
                return aeon_fail(-ENOMEM, "no memory to send %zu bytes", size);
        }
        if (!list_empty(&w->more.node))
                aeon__confirmation_come(&w->more, 0, NULL);
        return 0;
}

void aeon__wire_gathered(struct wire *w)
{
        w->gathered = true;
        if (!list_empty(&w->more.node))
                aeon__confirmation_come(&w->more, 0, NULL);
}

int aeon__wire_room(struct wire *w)
{
        while (w->now && w->output.length > OUTPUT_MUCH) {
                struct confirmation c;
                aeon__confirmation_init(&c, "room to send");
                list_append(&w->room, &c.node);
                int r = aeon__confirmation_wait(&c);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void swap_texts(struct text *a, struct text *b)
{
        struct text t = *a;
        *a = *b;
        *b = t;
}

int aeon__wire_writer(void *arg)
{
        struct wire *w = arg;
        struct list asleep;
        list_init(&asleep);
        for (;;) {
                int r = 0;
                aeon__confirmation_init(&w->more, "bytes to send");
                if (!w->output.length && !w->gathered) {
                        list_append(&asleep, &w->more.node);
                        r = aeon__confirmation_wait(&w->more);
                }
                if (r < 0)
                        return r;
                w->gathered = false;
                if (w->protocol->gather)
                        w->protocol->gather(w);
                if (!w->output.length)
                        continue;
                swap_texts(&w->output, &w->writing);
                r = aeon_stream_write(w->stream, w->writing.data, w->writing.length);
                if (r < 0)
                        return r;
                w->writing.length = 0;
                aeon__confirmations_come(&w->room, 0, NULL);
        }
}

/* ------------------------------------------------------------------ receiving */

/* Room for READ_SIZE more behind what there is. */
static int reserve(struct text *input)
{
        if (input->capacity - input->length >= READ_SIZE)
                return 0;
        size_t capacity = (input->capacity > READ_SIZE ? input->capacity : READ_SIZE) * 2;
        char *data = realloc(input->data, capacity);
        if (!data)
                return aeon_fail(-ENOMEM, "no memory to receive %zu bytes", capacity);
        input->data = data;
        input->capacity = capacity;
        return 0;
}

int aeon__wire_unread(struct wire *w, const void *bytes, size_t size)
{
        aeon__text_add(&w->input, bytes, size);
        return w->input.failed ? aeon_fail(-ENOMEM, "no memory to receive %zu bytes", size) : 0;
}

static int take(struct wire *w)
{
        struct text *input = &w->input;
        ssize_t used = input->length ? w->protocol->take(w, input->data, input->length) : 0;
        if (used < 0)
                return (int)used;
        input->length -= (size_t)used;
        if (used && input->length)
                memmove(input->data, input->data + used, input->length);
        return 0;
}

/* Read once, within the heartbeat if there is one. */
static ssize_t read_some(struct wire *w)
{
        struct text *input = &w->input;
        if (w->heartbeat <= 0)
                return aeon_stream_read(w->stream, input->data + input->length, READ_SIZE);
        aeon_scope limit;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = w->heartbeat, .name = "heartbeat" });
        ssize_t n = aeon_stream_read(w->stream, input->data + input->length, READ_SIZE);
        int r = aeon_scope_close(&limit, n < 0 ? (int)n : 0);
        return r < 0 ? r : n;
}

int aeon__wire_reader(void *arg)
{
        struct wire *w = arg;
        bool asked = false;
        int r = take(w); /* what came behind the hello */
        while (r >= 0 && (r = reserve(&w->input)) >= 0) {
                ssize_t n = read_some(w);
                if (n == -ETIMEDOUT && !asked) {
                        asked = true;
                        if (w->protocol->probe)
                                w->protocol->probe(w);
                        continue;
                }
                if (n == -ETIMEDOUT)
                        return aeon_fail(-ETIMEDOUT, "it has said nothing for %.3g s", 2 * (double)w->heartbeat / 1e9);
                if (n <= 0)
                        return n < 0 ? (int)n : aeon_fail(-ECONNRESET, "it has closed the connection");
                asked = false;
                w->input.length += (size_t)n;
                r = take(w);
                if (r >= 0 && w->protocol->brake)
                        r = w->protocol->brake(w);
        }
        return r;
}
