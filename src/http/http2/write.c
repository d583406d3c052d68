/* Sending; see http2.h.
 *
 * DESIGN
 *   The writer is a task that begins when there is something to send and ends when there is nothing left. It runs behind those that were ready
 *   before it, so the replies of all of them leave in one write. Small frames are gathered, a large one goes out where nghttp2 has
 *   it. Meanwhile the connection task reads on: a client that sends before it receives would wait for ever else.
 *
 *   It is shielded: what nghttp2 has given out cannot be taken back, and half a frame ends the connection. Its time is limited instead.
 */
#include "http/http2/http2.h"

#include <aeon/error.h>
#include <aeon/task.h>
#include <string.h>

enum { GATHERED = 16384, LARGE = 4096, STACK_SIZE = 65536 };

static int send_pieces(struct http2 *c, const aeon_bytes *pieces, size_t count)
{
        aeon_scope_open(&c->sending,
                        &(aeon_scope_opts){ .shield = true, .timeout = c->link->server->limits.write_timeout, .name = "write" });
        c->is_sending = true;
        if (c->ending && c->end_by < aeon_scope_deadline(&c->sending))
                aeon_scope_set_deadline(&c->sending, c->end_by);
        int r = aeon_stream_writev(c->link->stream, pieces, count);
        c->is_sending = false;
        return aeon_scope_close(&c->sending, r);
}

/* Gather frames in @room until it is full or a large one comes, which is @ret_large then. Returns their size. */
static ssize_t gather(struct http2 *c, char *room, aeon_bytes *ret_large)
{
        size_t used = 0;
        *ret_large = (aeon_bytes){ 0 };
        while (GATHERED - used >= LARGE) {
                const uint8_t *frames;
                ssize_t n = nghttp2_session_mem_send(c->session, &frames);
                if (n < 0)
                        return n == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPROTO;
                if (n == 0)
                        break;
                if ((size_t)n >= LARGE) {
                        *ret_large = (aeon_bytes){ frames, (size_t)n };
                        break;
                }
                memcpy(room + used, frames, (size_t)n);
                used += (size_t)n;
        }
        return (ssize_t)used;
}

static bool has_ended(const struct http2 *c)
{
        return !nghttp2_session_want_read(c->session) && !nghttp2_session_want_write(c->session);
}

static int write_out(void *arg)
{
        struct http2 *c = arg;
        char room[GATHERED];
        while (!c->broken) {
                aeon_bytes pieces[2];
                ssize_t n = gather(c, room, &pieces[1]);
                if (n == 0 && !pieces[1].size)
                        break;
                pieces[0] = (aeon_bytes){ room, n > 0 ? (size_t)n : 0 };
                int r = n < 0 ? (int)n : send_pieces(c, pieces, 2);
                if (r < 0)
                        c->broken = r;
        }
        c->writing = false;
        if (c->broken || c->ending || has_ended(c))
                aeon__http2_wake(c);
        return 0;
}

void aeon__http2_flush(struct http2 *c)
{
        if (c->writing || c->broken || !nghttp2_session_want_write(c->session))
                return;
        int r = aeon_spawn_with(c->link->server->group, "http2 writer", write_out, c,
                                &(aeon_spawn_opts){ .stack_size = STACK_SIZE });
        c->writing = r == 0;
        if (r < 0) {
                c->broken = r;
                aeon__http2_wake(c);
        }
}
