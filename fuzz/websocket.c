/* Frames become messages: the same whatever their pieces; text is UTF-8, nothing is longer than it may be, codes are those that may be
 * sent; and our own heads say the size in its shortest form. */
#include "pieces.h"

#include "http/websocket.h"

#include <errno.h>

extern const struct websocket_engine aeon__websocket_engine;

enum { MAX_MESSAGE = 1000 };

struct input {
        const char *bytes;
        size_t at, size;
        enum cut cut;
        unsigned state;
};

static size_t pull(void *arg, void *buffer, size_t size)
{
        struct input *in = arg;
        if (in->at == in->size)
                return 0;
        size_t n = next_end(in->cut, in->bytes, in->at, in->size, &in->state) - in->at;
        n = n < size ? n : size;
        memcpy(buffer, in->bytes + in->at, n);
        in->at += n;
        return n;
}

/* What came, as a trace: kind, size, bytes; and the verdict. */
struct trace {
        char *text;
        size_t size;
        int verdict; /* -EAGAIN: it stops short */
        unsigned code;
};

static void add(struct trace *t, char kind, const void *bytes, size_t size)
{
        t->text[t->size++] = kind;
        memcpy(t->text + t->size, &size, sizeof size);
        t->size += sizeof size;
        if (size)
                memcpy(t->text + t->size, bytes, size);
        t->size += size;
}

/* The head of a frame of ours for a payload of this size: its bytes say so, in the shortest form. */
static void check_head(struct websocket_messages *m, size_t size, const void *payload)
{
        unsigned char head[WEBSOCKET_HEAD_LIMIT];
        size_t head_size = m->engine->head(m->codec, WEBSOCKET_BINARY, payload, size, head);
        HOLDS(head_size == (size < 126 ? 2 : size < 65536 ? 4 : 10));
        HOLDS(head[0] == (0x80 | WEBSOCKET_BINARY) && head[1] == (size < 126 ? size : size < 65536 ? 126 : 127));
}

static void add_event(struct trace *t, struct websocket_messages *m, int event)
{
        const char *bytes = m->bytes.data ? buffer_bytes(&m->bytes) : "";
        size_t size = buffer_size(&m->bytes);
        switch (event) {
        case WEBSOCKET_GOT_MESSAGE:
                HOLDS(m->kind == WEBSOCKET_TEXT || m->kind == WEBSOCKET_BINARY);
                HOLDS(size <= MAX_MESSAGE && bytes[size] == '\0');
                HOLDS(m->kind != WEBSOCKET_TEXT || aeon__websocket_utf8(bytes, size) == size);
                check_head(m, size, bytes);
                add(t, m->kind == WEBSOCKET_TEXT ? 'T' : 'B', bytes, size);
                return;
        case WEBSOCKET_GOT_CLOSE:
                HOLDS(m->code == 1005 || aeon__websocket_is_code(m->code));
                break;
        default:
                HOLDS(event == WEBSOCKET_GOT_PING || event == WEBSOCKET_GOT_PONG);
        }
        HOLDS(m->control_size <= WEBSOCKET_CONTROL_LIMIT);
        add(t, (char)('0' + event), m->control, m->control_size);
}

static struct trace parse(const char *bytes, size_t size, enum cut cut)
{
        struct input in = { .bytes = bytes, .size = size, .cut = cut, .state = (unsigned)size };
        struct websocket_messages m = { .engine = &aeon__websocket_engine, .max_message = MAX_MESSAGE };
        struct trace t = { .text = malloc(size * (1 + sizeof size) + size + 16) };
        HOLDS(m.engine->open(pull, &in, &m.codec) == 0);
        while ((t.verdict = aeon__websocket_next(&m)) > 0)
                add_event(&t, &m, t.verdict);
        t.code = t.verdict == -EAGAIN ? 0 : m.code;
        HOLDS(t.verdict != -EAGAIN || in.at == in.size);
        HOLDS(t.verdict == -EAGAIN || (t.verdict == -EMSGSIZE && t.code == 1009) ||
              (t.verdict == -EBADMSG && (t.code == 1002 || t.code == 1007)));
        aeon__websocket_messages_done(&m);
        return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *bytes = (const char *)data;
        struct trace whole = parse(bytes, size, AT_ONCE);
        for (enum cut cut = BY_BYTE; cut < CUTS; cut++) {
                struct trace t = parse(bytes, size, cut);
                HOLDS(t.verdict == whole.verdict && t.code == whole.code);
                HOLDS(t.size == whole.size && !memcmp(t.text, whole.text, t.size));
                free(t.text);
        }
        free(whole.text);
        return 0;
}
