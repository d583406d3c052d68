/* Frames become messages; see websocket.h for the layers.
 *
 * DESIGN
 *   All rules of RFC 6455 about what a client may send stand here, but for those of a frame's first bytes, which are the engine's: lengths in
 *   the shortest form, control frames whole and short. Text is looked at as it comes, so that what is no UTF-8 is refused at once, not
 *   after the last of many frames.
 */
#include "base/utf8.h"
#include "http/websocket.h"

#include <aeon/error.h>
#include <errno.h>
#include <string.h>

/* The connection can only be closed: with @code, which tells the client why. */
static int fail(struct websocket_messages *m, int error, unsigned code, const char *reason)
{
        m->code = code;
        m->reason = reason;
        return aeon_fail(error, "WebSocket: %s", reason);
}

static int break_protocol(struct websocket_messages *m, const char *reason)
{
        return fail(m, -EBADMSG, 1002, reason);
}

size_t aeon__websocket_utf8(const char *text, size_t size)
{
        size_t at = 0;
        while (at < size) {
                uint64_t eight;
                if (size - at >= sizeof eight) {
                        memcpy(&eight, text + at, sizeof eight);
                        if (!(eight & 0x8080808080808080u)) {
                                at += sizeof eight;
                                continue;
                        }
                }
                size_t character = aeon__utf8_next(text + at, size - at, NULL);
                if (!character)
                        return at;
                at += character;
        }
        return at;
}

bool aeon__websocket_is_code(unsigned code)
{
        return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) || (code >= 3000 && code <= 4999);
}

/* ------------------------------------------------------------------ a frame begins */

static bool is_control(unsigned opcode)
{
        return opcode & 8;
}

static int begin_data(struct websocket_messages *m)
{
        const struct websocket_piece *f = &m->frame;
        if (f->opcode == WEBSOCKET_CONTINUATION && !m->kind)
                return break_protocol(m, "a continuation of no message");
        if (f->opcode != WEBSOCKET_CONTINUATION && m->kind)
                return break_protocol(m, "a message within a message");
        if (f->opcode != WEBSOCKET_CONTINUATION)
                m->kind = f->opcode;
        if (f->size > m->max_message - buffer_size(&m->bytes))
                return fail(m, -EMSGSIZE, 1009, "the message is too long");
        return 0;
}

static int begin_frame(struct websocket_messages *m, const struct websocket_piece *piece)
{
        m->frame = *piece;
        m->left = piece->size;
        if (piece->reserved)
                return break_protocol(m, "a reserved bit is set");
        if (!piece->masked)
                return break_protocol(m, "a frame is not masked");
        if ((piece->opcode & 7) > WEBSOCKET_BINARY)
                return break_protocol(m, "an opcode is not known");
        m->control_size = 0;
        return is_control(piece->opcode) ? 0 : begin_data(m);
}

/* ------------------------------------------------------------------ its payload */

/* At the end all must be whole characters; before it a few bytes of one may be missing. */
static int check_text(struct websocket_messages *m, bool end)
{
        const char *text = buffer_bytes(&m->bytes);
        size_t size = buffer_size(&m->bytes);
        m->checked += aeon__websocket_utf8(text + m->checked, size - m->checked);
        if (m->checked == size || (!end && size - m->checked < 4))
                return 0;
        return fail(m, -EBADMSG, 1007, "the text is no UTF-8");
}

static int add_data(struct websocket_messages *m, const struct websocket_piece *piece)
{
        int r = aeon__http_buffer_reserve(&m->bytes, piece->count + 1); /* and a NUL at the end */
        if (r < 0)
                return fail(m, r, 1011, "no memory for the message");
        if (piece->count)
                memcpy(m->bytes.data + m->bytes.end, piece->data, piece->count);
        m->bytes.end += piece->count;
        m->bytes.data[m->bytes.end] = '\0';
        bool end = m->frame.fin && !m->left;
        r = m->kind == WEBSOCKET_TEXT ? check_text(m, end) : 0;
        m->whole = r == 0 && end;
        return r < 0 ? r : end ? WEBSOCKET_GOT_MESSAGE : 0;
}

static int read_close(struct websocket_messages *m)
{
        const unsigned char *bytes = (const unsigned char *)m->control;
        if (m->control_size == 1)
                return break_protocol(m, "half a close code");
        m->code = m->control_size ? (unsigned)bytes[0] << 8 | bytes[1] : 1005;
        if (m->control_size && !aeon__websocket_is_code(m->code))
                return break_protocol(m, "a close code that may not be sent");
        size_t reason = m->control_size ? m->control_size - 2 : 0;
        if (reason && aeon__websocket_utf8(m->control + 2, reason) < reason)
                return fail(m, -EBADMSG, 1007, "the reason of a close is no UTF-8");
        return WEBSOCKET_GOT_CLOSE;
}

static int add_control(struct websocket_messages *m, const struct websocket_piece *piece)
{
        if (piece->count > sizeof m->control - m->control_size)
                return break_protocol(m, "a control frame is too long");
        if (piece->count)
                memcpy(m->control + m->control_size, piece->data, piece->count);
        m->control_size += piece->count;
        if (m->left)
                return 0;
        switch (m->frame.opcode) {
        case WEBSOCKET_CLOSE:
                return read_close(m);
        case WEBSOCKET_PING:
                return WEBSOCKET_GOT_PING;
        default:
                return WEBSOCKET_GOT_PONG;
        }
}

int aeon__websocket_next(struct websocket_messages *m)
{
        struct websocket_piece piece;
        int r = 0;
        if (m->whole) {
                aeon__http_buffer_clear(&m->bytes);
                m->checked = m->kind = 0;
                m->whole = false;
        }
        while (r == 0) {
                r = m->engine->next(m->codec, &piece);
                if (r == -EAGAIN)
                        return r;
                if (r < 0)
                        return break_protocol(m, "no frame begins like that");
                if (!m->left)
                        r = begin_frame(m, &piece);
                if (r < 0)
                        return r;
                m->left -= piece.count;
                r = is_control(piece.opcode) ? add_control(m, &piece) : add_data(m, &piece);
        }
        return r;
}

void aeon__websocket_messages_done(struct websocket_messages *m)
{
        if (m->engine)
                m->engine->free(m->codec);
        aeon__http_buffer_done(&m->bytes);
}
