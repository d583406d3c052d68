/* Reading, writing and closing; see stream.h. */
#include "loop/stream.h"

#include "loop/address.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct stream_reader {
        struct wait wait;
        struct aeon_task *task;
        struct aeon_stream *stream;
        char *buffer;
        size_t size;
};

struct stream_writer {
        struct wait wait;
        struct aeon_task *task;
        struct aeon_stream *stream;
        union {
                uv_write_t write;
                uv_shutdown_t shutdown;
        } request;
};

int aeon__stream_allowed(void)
{
        return aeon__world ? aeon_fail(-ENOTSUP, "there are no sockets in a test's world") : 0;
}

int aeon__stream_new(int family, struct aeon_stream **ret_stream)
{
        struct aeon_loop *loop = aeon__loop_now();
        int r = aeon__stream_allowed();
        if (r < 0)
                return r;
        struct aeon_stream *s = calloc(1, sizeof *s);
        if (!s)
                return aeon_fail(-ENOMEM, "no memory for a stream");
        if (family == AF_UNIX)
                uv_pipe_init(&loop->uv, &s->uv.pipe, 0);
        else
                uv_tcp_init(&loop->uv, &s->uv.tcp);
        *ret_stream = s;
        return 0;
}

/* ------------------------------------------------------------------ closing */

static void on_closed(uv_handle_t *handle)
{
        struct aeon_stream *s = container_of(handle, struct aeon_stream, uv.handle);
        s->closed = true;
        if (s->orphan)
                free(s);
}

/* A pending write hears it from libuv. */
void aeon__stream_break(struct aeon_stream *s, int code)
{
        if (!s->broken)
                s->broken = code;
        struct stream_reader *reader = s->reader;
        s->reader = NULL;
        s->sink = NULL;
        if (reader)
                aeon__wake(reader->task, code);
        if (!s->closing) {
                s->closing = true;
                bool reset = s->reset && s->uv.handle.type == UV_TCP && uv_tcp_close_reset(&s->uv.tcp, on_closed) == 0;
                if (!reset)
                        uv_close(&s->uv.handle, on_closed);
        }
}

void aeon__stream_reset(aeon_stream *s)
{
        s->reset = !s->secure;
}

void aeon_stream_close(aeon_stream *s)
{
        if (!s)
                return;
        s->orphan = true;
        aeon__secure_free(s->secure);
        s->secure = NULL;
        aeon__stream_break(s, -EBADF);
        if (s->closed)
                free(s);
}

/* ------------------------------------------------------------------ reading */

static void on_room_wanted(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_room)
{
        (void)suggested;
        struct aeon_stream *s = container_of(handle, struct aeon_stream, uv.handle);
        size_t size = s->reader ? s->reader->size : 0;
        char *room = s->reader ? s->reader->buffer : NULL;
        if (s->sink && s->sink->room)
                room = s->sink->room(s->sink, &size);
        *ret_room = room ? uv_buf_init(room, (unsigned)(size < INT_MAX ? size : INT_MAX)) : uv_buf_init(NULL, 0);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *room)
{
        (void)room;
        struct aeon_stream *s = container_of(stream, struct aeon_stream, uv.stream);
        if (count == 0)
                return; /* nothing after all */
        struct stream_reader *reader = s->reader;
        struct stream_sink *sink = s->sink;
        if (count < 0) {
                uv_read_stop(stream);
                s->reading = false;
        }
        if (count == UV_ENOBUFS && !sink)
                return; /* the data waits in the kernel */
        if (count < 0 && count != UV_EOF && count != UV_ENOBUFS)
                s->broken = (int)count;
        s->reader = NULL;
        s->sink = NULL;
        int result = count == UV_EOF ? 0 : count == UV_ENOBUFS ? -EAGAIN : (int)count;
        if (sink)
                sink->came(sink, result);
        else if (reader)
                aeon__wake_now(reader->task, result);
}

static void describe_io(const struct wait *wait, const struct aeon_task *task, char *text, size_t size)
{
        (void)task;
        aeon_stream *s = (aeon_stream *)(uintptr_t)wait->object;
        snprintf(text, size, "%s, %s", wait->what, aeon_stream_peer(s));
}

static bool abort_read(struct wait *wait, struct aeon_task *task)
{
        (void)task;
        container_of(wait, struct stream_reader, wait)->stream->reader = NULL;
        return true;
}

static int start_reading(struct aeon_stream *s)
{
        int r = s->reading ? 0 : uv_read_start(&s->uv.stream, on_room_wanted, on_read);
        s->reading = r == 0;
        return r < 0 ? aeon_fail_os(r, "read from %s", aeon_stream_peer(s)) : 0;
}

int aeon__stream_sink(aeon_stream *s, struct stream_sink *sink)
{
        if (s->broken)
                return aeon_fail_os(s->broken, "read from %s", aeon_stream_peer(s));
        if (s->reader)
                return aeon_fail(-EBUSY, "a task is reading from %s", aeon_stream_peer(s));
        s->sink = sink;
        return sink ? start_reading(s) : 0;
}

ssize_t aeon__raw_read(struct aeon_stream *s, void *buffer, size_t size)
{
        struct aeon_task *t = NULL;
        int r = aeon__wait_enter(&t);
        if (r < 0)
                return r;
        if (s->broken)
                return aeon_fail_os(s->broken, "read from %s", aeon_stream_peer(s));
        if (s->reader || s->sink)
                return aeon_fail(-EBUSY, "another task is reading from %s", aeon_stream_peer(s));
        if (size == 0)
                return aeon_fail(-EINVAL, "a read needs room for at least one byte");
        struct stream_reader reader = { .wait = { .what = "read", .object = s, .abort = abort_read, .describe = describe_io },
                                        .task = t,
                                        .stream = s,
                                        .buffer = buffer,
                                        .size = size };
        r = start_reading(s);
        if (r < 0)
                return r;
        s->reader = &reader;
        r = aeon__wait(&reader.wait);
        return r < 0 && r != -ECANCELED ? aeon_fail_os(r, "read from the peer") : r;
}

/* ------------------------------------------------------------------ writing */

static void on_written(uv_write_t *request, int status)
{
        struct stream_writer *writer = container_of(request, struct stream_writer, request.write);
        writer->stream->writer = NULL;
        aeon__wake(writer->task, status);
}

/* Part of it may be with the peer already, so the stream cannot be used any more. libuv calls back with UV_ECANCELED. */
static bool abort_write(struct wait *wait, struct aeon_task *task)
{
        (void)task;
        aeon__stream_break(container_of(wait, struct stream_writer, wait)->stream, -EPIPE);
        return false;
}

/* Drop the first @count bytes of @bufs; returns how many buffers are left, moved to the front. */
static unsigned bufs_skip(uv_buf_t *bufs, unsigned n, size_t count)
{
        unsigned first = 0;
        while (first < n && count >= bufs[first].len)
                count -= bufs[first++].len;
        for (unsigned i = first; i < n; i++)
                bufs[i - first] = bufs[i];
        if (first < n) {
                bufs[0].base += count;
                bufs[0].len -= count;
        }
        return n - first;
}

static int write_rest(struct aeon_stream *s, struct aeon_task *t, uv_buf_t *bufs, unsigned n)
{
        struct stream_writer writer = { .wait = { .what = "write", .object = s, .abort = abort_write, .describe = describe_io },
                                        .task = t,
                                        .stream = s };
        int r = uv_write(&writer.request.write, &s->uv.stream, bufs, n, on_written);
        if (r < 0)
                return aeon_fail_os(r, "write to the peer");
        s->writer = &writer;
        r = aeon__wait(&writer.wait);
        if (r == UV_ECANCELED && s->orphan)
                r = -EBADF;
        return r < 0 && r != -ECANCELED ? aeon_fail_os(r, "write to the peer") : r;
}

int aeon__raw_writev(struct aeon_stream *s, const aeon_bytes *pieces, size_t count, aeon_duration limit)
{
        struct aeon_task *t = NULL;
        int r = aeon__wait_enter(&t);
        if (r < 0)
                return r;
        if (s->broken)
                return aeon_fail_os(s->broken, "write to %s", aeon_stream_peer(s));
        if (s->writer)
                return aeon_fail(-EBUSY, "another task is writing to %s", aeon_stream_peer(s));
        uv_buf_t bufs[8];
        if (count > 8)
                return aeon_fail(-EINVAL, "at most 8 pieces can be written at once, not %zu", count);
        for (size_t i = 0; i < count; i++)
                bufs[i] = uv_buf_init((char *)pieces[i].data, (unsigned)pieces[i].size);
        unsigned left = bufs_skip(bufs, (unsigned)count, 0);
        if (left) {
                r = uv_try_write(&s->uv.stream, bufs, left);
                if (r >= 0 || r == UV_EAGAIN)
                        left = bufs_skip(bufs, left, r > 0 ? (size_t)r : 0);
                if (r < 0 && r != UV_EAGAIN)
                        return aeon_fail_os(s->broken = r, "write to %s", aeon_stream_peer(s));
        }
        if (left == 0) {
                aeon__wait_skip(t);
                return 0;
        }
        if (!limit)
                return write_rest(s, t, bufs, left);
        aeon_scope scope;
        aeon_scope_open(&scope, &(aeon_scope_opts){ .timeout = limit, .name = "write" });
        return aeon_scope_close(&scope, write_rest(s, t, bufs, left));
}

static void on_shut_down(uv_shutdown_t *request, int status)
{
        struct stream_writer *writer = container_of(request, struct stream_writer, request.shutdown);
        writer->stream->writer = NULL;
        aeon__wake(writer->task, status);
}

int aeon__raw_shutdown(struct aeon_stream *s)
{
        struct aeon_task *t = NULL;
        int r = aeon__wait_enter(&t);
        if (r < 0)
                return r;
        if (s->broken)
                return aeon_fail_os(s->broken, "shut down %s", aeon_stream_peer(s));
        struct stream_writer writer = { .wait = { .what = "shutdown", .object = s, .abort = abort_write, .describe = describe_io },
                                        .task = t,
                                        .stream = s };
        r = uv_shutdown(&writer.request.shutdown, &s->uv.stream, on_shut_down);
        if (r < 0)
                return aeon_fail_os(r, "shut down %s", aeon_stream_peer(s));
        s->writer = &writer;
        return aeon__wait(&writer.wait);
}

/* ------------------------------------------------------------------ what users call */

ssize_t aeon_stream_read(aeon_stream *s, void *buffer, size_t size)
{
        return s->secure ? aeon__secure_read(s, buffer, size) : aeon__raw_read(s, buffer, size);
}

ssize_t aeon__stream_read_at_hand(aeon_stream *s, void *buffer, size_t size)
{
        return s->secure ? aeon__secure_read_at_hand(s, buffer, size) : -EAGAIN;
}

int aeon_stream_writev(aeon_stream *s, const aeon_bytes *pieces, size_t count)
{
        return s->secure ? aeon__secure_writev(s, pieces, count) : aeon__raw_writev(s, pieces, count, 0);
}

int aeon__stream_writev_within(aeon_stream *s, const aeon_bytes *pieces, size_t count, aeon_duration limit)
{
        if (!s->secure)
                return aeon__raw_writev(s, pieces, count, limit);
        aeon_scope scope;
        aeon_scope_open(&scope, &(aeon_scope_opts){ .timeout = limit, .name = "write" });
        return aeon_scope_close(&scope, aeon__secure_writev(s, pieces, count));
}

int aeon_stream_write(aeon_stream *s, const void *bytes, size_t size)
{
        return aeon_stream_writev(s, &(aeon_bytes){ bytes, size }, 1);
}

int aeon_stream_shutdown(aeon_stream *s)
{
        return s->secure ? aeon__secure_shutdown(s) : aeon__raw_shutdown(s);
}

const char *aeon_stream_peer(aeon_stream *s)
{
        struct sockaddr_storage sa = { 0 };
        int size = sizeof sa;
        if (s->peer[0])
                return s->peer;
        if (s->uv.handle.type == UV_NAMED_PIPE)
                strcpy(s->peer, "unix");
        else if (uv_tcp_getpeername(&s->uv.tcp, (struct sockaddr *)&sa, &size) < 0 ||
                 aeon__address_format((struct sockaddr *)&sa, s->peer, sizeof s->peer) < 0)
                strcpy(s->peer, "the peer");
        return s->peer;
}
