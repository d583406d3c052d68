/* Connections of HTTP/2: whatever a client sends, the server stays within its limits, hands out only heads that keep the rules, sends whole
 * frames, and lets go of everything. The bytes follow a good preface, unless the first byte is odd; then the preface is theirs too. */
#include "must.h"

#include "http/connection.h"
#include "http/http2/http2.h"

#include <aeon/log.h>
#include <aeon/loop.h>
#include <aeon/task.h>
#include <unistd.h>

#define HOLDS(condition) must((condition), "does not hold: " #condition, NULL)

enum { STREAMS = 8, LARGEST_FRAME = 16384 };

extern const struct http_protocol aeon__http2_protocol;

struct input {
        const uint8_t *data;
        size_t size;
};

static unsigned busy;

/* ------------------------------------------------------------------ the server */

static void check_head(const aeon_request *req)
{
        size_t cursor = 0, hosts = 0, cookies = 0;
        HOLDS(aeon__http_is_token(aeon_request_method(req), strlen(aeon_request_method(req))));
        HOLDS(*aeon_request_path(req) == '/' || !strcmp(aeon_request_path(req), "*"));
        while (aeon_request_header_next(req, "host", &cursor))
                hosts++;
        for (cursor = 0; aeon_request_header_next(req, "cookie", &cursor);)
                cookies++;
        HOLDS(hosts == 1 && cookies <= 1);
        HOLDS(!aeon_request_header(req, "transfer-encoding") && !aeon_request_header(req, "connection"));
        for (size_t i = 0; i < req->head.field_count; i++) {
                const char *name = buffer_bytes(&req->bytes) + req->head.fields[i].name.start;
                const char *value = buffer_bytes(&req->bytes) + req->head.fields[i].value.start;
                HOLDS(aeon__http_is_token(name, strlen(name)) && aeon__http_is_field_value(value, strlen(value)));
                for (; *name; name++)
                        HOLDS(*name < 'A' || *name > 'Z');
        }
}

/* By the path's second byte: a body that is kept, read in pieces, or left; a reply that is kept, streamed, or cut off. */
static int handle(aeon_request *req)
{
        static const char piece[40000];
        char room[100];
        aeon_bytes body = { "", 0 };
        ssize_t n = 1;
        char what = aeon_request_path(req)[1];
        int r = what & 1 ? aeon_request_body(req, &body) : 0;
        while (what & 2 && r >= 0 && (n = aeon_request_read(req, room, sizeof room)) > 0)
                r = n < 0 ? (int)n : r;
        if (r < 0 || !(what & 4))
                return r < 0 ? r : aeon_reply_bytes(req, 200, "text/plain", body.data, body.size);
        aeon_reply_header(req, "X-Seen", aeon_request_path(req));
        r = aeon_reply_begin(req, 200, NULL);
        r = r < 0 ? r : aeon_reply_write(req, piece, sizeof piece);
        return r < 0 ? r : what & 8 ? -EIO : 0;
}

static int answer(aeon_request *req)
{
        HOLDS(++busy <= STREAMS);
        if (!req->head.size) /* else HTTP/1.1's parser has made it: there was no preface */
                check_head(req);
        int r = handle(req);
        busy--;
        return r;
}

static int spawn(void *spawner, const char *name, aeon_task_fn *fn, void *arg)
{
        return aeon_spawn(spawner, name, fn, arg);
}

/* ------------------------------------------------------------------ the client */

/* What the server says is frames, one behind the other, the last one perhaps not whole. */
struct frames {
        unsigned char head[4];
        size_t begun;
};

static void check_frames(struct frames *f, const unsigned char *bytes, size_t size)
{
        for (; size; size--, bytes++) {
                if (f->begun < sizeof f->head)
                        f->head[f->begun] = *bytes;
                f->begun++;
                size_t length = (size_t)f->head[0] << 16 | (size_t)f->head[1] << 8 | f->head[2];
                if (f->begun < 9)
                        continue;
                HOLDS(length <= LARGEST_FRAME && f->head[3] <= NGHTTP2_CONTINUATION);
                if (f->begun == 9 + length)
                        f->begun = 0;
        }
}

static int listen_to(void *arg)
{
        static unsigned char room[65536];
        struct frames frames = { 0 };
        ssize_t n;
        while ((n = aeon_stream_read(arg, room, sizeof room)) > 0)
                if (room[0] != 'H') /* HTTP/1.1 answers what is no preface */
                        check_frames(&frames, room, (size_t)n);
                else
                        break;
        return 0;
}

static void speak(aeon_stream *s, const struct input *input)
{
        static const char preface[] = HTTP2_PREFACE "\0\0\0\4\0\0\0\0\0";
        int r = input->size && !(input->data[0] & 1) ? aeon_stream_write(s, preface, sizeof preface - 1) : 0;
        if (r == 0 && input->size > 1)
                r = aeon_stream_write(s, input->data + 1, input->size - 1);
        if (r == 0)
                (void)aeon_stream_shutdown(s);
}

/* Both ends of a connection. */
static aeon_stream *connect_to(aeon_stream **ret_served)
{
        static char address[64];
        aeon_stream *client = NULL;
        aeon_listener *listener = NULL;
        int fd = -1;
        if (!address[0])
                snprintf(address, sizeof address, "unix:/tmp/aeon-fuzz-http2-%d", (int)getpid());
        HOLDS(aeon_socket_bind(address, &fd) == 0);
        HOLDS(aeon_listener_open(fd, &listener) == 0);
        HOLDS(aeon_stream_connect(address, &client) == 0);
        HOLDS(aeon_listener_accept(listener, ret_served) == 0);
        aeon_listener_close(listener);
        return client;
}

static int converse(void *arg)
{
        aeon_stream *served = NULL, *client = connect_to(&served);
        aeon_group *group = NULL, *listening = NULL;
        HOLDS(aeon_group_open(&group) == 0 && aeon_group_open(&listening) == 0);
        struct http_server server = {
                .limits.max_streams = STREAMS, .group = group, .spawn = spawn, .spawner = group, .answer = answer
        };
        aeon__http_server_init(&server);
        HOLDS(aeon__link_new(&server, served) && aeon_spawn(listening, "client", listen_to, client) == 0);
        speak(client, arg);
        HOLDS(aeon_group_close(listening) == 0);
        aeon_stream_close(client);
        aeon__http_server_quiesce(&server);
        HOLDS(aeon_group_close(group) == 0 && server.count == 0 && busy == 0);
        aeon__http_server_done(&server);
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon__http2_use(&aeon__http2_protocol);
        HOLDS(aeon_loop_run(converse, &(struct input){ data, size }) == 0);
        return 0;
}
