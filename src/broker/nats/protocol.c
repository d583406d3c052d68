/* The protocol, line by line: what the server says, and what we say.
 *
 *      MSG subject sid [reply] size\r\n body\r\n           PING      +OK      INFO {...}
 *      HMSG subject sid [reply] headers size\r\n ...       PONG      -ERR 'words'
 *
 * DESIGN
 *   A message is taken apart where it lies in the wire's input: the delimiters behind its texts become NULs, so nothing is copied until
 *   the message itself is made. That is done once the whole of it is there.
 */
#include "base/digits.h"
#include "broker/nats/nats.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MOST = 1024 * 1024, FIELDS = 5 };

/* ------------------------------------------------------------------ what we say */

int aeon__nats_say(struct nats *l, const char *format, ...)
{
        char line[1024];
        va_list arguments;
        va_start(arguments, format);
        int length = vsnprintf(line, sizeof line, format, arguments);
        va_end(arguments);
        if (length < 0 || (size_t)length >= sizeof line)
                return aeon_fail(-EINVAL, "a line for the NATS server is too long");
        return aeon__wire_send(&l->wire, line, (size_t)length);
}

static char *put_text(char *to, const char *text)
{
        *to++ = ' ';
        return stpcpy(to, text);
}

static char *put_number(char *to, size_t number)
{
        *to++ = ' ';
        return aeon__digits_write(to, number);
}

int aeon__nats_put(struct nats *l, const char *subject, const char *reply, const struct text *headers, const void *body,
                   size_t size)
{
        enum { HEAD_SIZE = 2048, SMALL = 1024 };
        char head[HEAD_SIZE + SMALL + 2], *to = head;
        size_t block = headers ? headers->length : 0;
        if (strlen(subject) + strlen(reply) > HEAD_SIZE - 64)
                return aeon_fail(-EINVAL, "a NATS subject of %zu bytes is too long", strlen(subject));
        if (block + size > l->max_payload && l->max_payload)
                return aeon_fail(-EMSGSIZE, "%zu bytes with their headers are above the limit of the server, %zu", block + size,
                                 l->max_payload);
        to = stpcpy(to, block ? "HPUB" : "PUB");
        to = put_text(to, subject);
        if (*reply)
                to = put_text(to, reply);
        if (block)
                to = put_number(to, block);
        to = stpcpy(put_number(to, block + size), "\r\n");
        if (!block && size <= SMALL) {
                if (size)
                        memcpy(to, body, size);
                to[size] = '\r';
                to[size + 1] = '\n';
                return aeon__wire_send(&l->wire, head, (size_t)(to - head) + size + 2);
        }
        int r = aeon__wire_send(&l->wire, head, (size_t)(to - head));
        if (r < 0)
                return r;
        if (block)
                r = aeon__wire_send(&l->wire, headers->data, block);
        if (r >= 0 && size)
                r = aeon__wire_send(&l->wire, body, size);
        if (r >= 0)
                r = aeon__wire_send(&l->wire, "\r\n", 2);
        if (r < 0) /* half a message cannot be taken back */
                aeon__wire_break(&l->wire, r, "no memory to send");
        return r;
}

/* ------------------------------------------------------------------ what the server says */

/* @line of @length bytes, with no NUL behind it. */
static int broken(const char *line, size_t length)
{
        return aeon_fail(-EPROTO, "the server said \"%.*s\", which is not NATS", length < 40 ? (int)length : 40, line);
}

static struct nats_source *source_of(struct nats *l, uint64_t sid)
{
        if (l->recent && l->recent->sid == sid)
                return l->recent;
        struct nats_source *s;
        list_foreach (s, &l->sources, node)
                if (s->sid == sid)
                        return l->recent = s;
        return NULL;
}

static int message_came(struct nats *l, struct arrival *a)
{
        if (a->sid == 1) {
                struct content c;
                if (aeon__nats_decode(l, a, &c) < 0) /* what somebody has sent is no reason to hang up on the server */
                        aeon_log_warning("nats: %s", aeon_error_text());
                if (!strncmp(a->subject, l->prefix, l->prefix_length))
                        aeon__nats_inbox(l, a->subject + l->prefix_length, &c);
                return 0;
        }
        struct nats_source *s = source_of(l, a->sid);
        if (s)
                aeon__nats_source_arrive(s, a);
        return 0;
}

static bool is_blank(char c)
{
        return c == ' ' || c == '\t';
}

static unsigned split(char *line, char *fields[FIELDS])
{
        unsigned count = 0;
        for (char *at = line; count < FIELDS; at++) {
                while (is_blank(*at))
                        at++;
                if (!*at)
                        break;
                fields[count++] = at;
                while (*at && !is_blank(*at))
                        at++;
                if (!*at)
                        break;
                *at = '\0';
        }
        return count;
}

/* The numbers that a MSG or HMSG line ends in, without touching it: the message may not be there yet. */
static bool sizes_of(const char *line, size_t length, bool has_headers, size_t *ret_headers, size_t *ret_total)
{
        const char *at = line + length;
        uint64_t sizes[2] = { 0 };
        for (int i = has_headers ? 1 : 0; i >= 0; i--) {
                const char *end = at;
                while (at > line && at[-1] >= '0' && at[-1] <= '9')
                        at--;
                if (at == end || end - at > 10 || at == line)
                        return false;
                aeon__digits_read(at, &sizes[i]);
                while (at > line && (at[-1] == ' ' || at[-1] == '\t'))
                        at--;
        }
        *ret_headers = has_headers ? sizes[0] : 0;
        *ret_total = sizes[has_headers];
        return *ret_headers <= *ret_total;
}

/* MSG or HMSG, whose line is [@line, @line + @length) with @skip bytes to its body. Returns what was used; 0: not all is there. */
static ssize_t read_message(struct nats *l, char *line, size_t length, size_t skip, size_t there)
{
        bool has_headers = *line == 'H';
        size_t block, total;
        if (!sizes_of(line, length, has_headers, &block, &total))
                return broken(line, length);
        if (there - skip < total + 2)
                return 0;
        char *fields[FIELDS], *body = line + skip;
        line[length] = '\0';
        body[total] = '\0';
        unsigned count = split(line + (has_headers ? 4 : 3), fields), fixed = has_headers ? 4 : 3;
        if (count != fixed && count != fixed + 1)
                return broken(line, length);
        struct arrival a = {
                .subject = fields[0],
                .reply = count > fixed ? fields[2] : fields[0] + strlen(fields[0]),
                .headers = body,
                .headers_size = block,
                .body = body + block,
                .size = total - block,
        };
        aeon__digits_read(fields[1], &a.sid);
        int r = message_came(l, &a);
        return r < 0 ? r : (ssize_t)(skip + total + 2);
}

/* 'Permissions Violation for Publish to "x"' is about one thing; whatever else the server complains of, it closes the connection. */
static int complaint(struct nats *l, char *words)
{
        char *subject = strchr(words, '"');
        if (strncasecmp(words, "Permissions Violation", strlen("Permissions Violation")) || !subject) {
                aeon__wire_break(&l->wire, -ECONNABORTED, words);
                return 0;
        }
        char name[NATS_ADDRESS_SIZE], said[300];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(subject + 1, "\""), subject + 1);
        snprintf(said, sizeof said, "the server refuses it: %s", words);
        aeon_log_warning("nats: %s", words);
        aeon__nats_denied(l, name, said);
        return 0;
}

static int read_line(struct nats *l, char *line, size_t length)
{
        if (length >= 4 && !strncasecmp(line, "PING", 4))
                return aeon__wire_send(&l->wire, "PONG\r\n", 6);
        if (length >= 4 && !strncasecmp(line, "PONG", 4))
                return aeon__nats_pong(l), 0;
        if (length >= 3 && !strncmp(line, "+OK", 3))
                return 0;
        line[length] = '\0';
        if (!strncasecmp(line, "INFO ", 5))
                return aeon__nats_info(l, line + 5, length - 5);
        if (!strncasecmp(line, "-ERR", 4)) {
                char *words = line + 4 + strspn(line + 4, " '");
                words[strcspn(words, "'")] = '\0';
                return complaint(l, words);
        }
        return broken(line, length);
}

static ssize_t read_one(struct nats *l, char *at, size_t there)
{
        char *stop = memchr(at, '\n', there);
        if (!stop)
                return there > LINE_MOST ? broken(at, there) : 0;
        size_t skip = (size_t)(stop - at) + 1, length = skip - 1;
        if (length && at[length - 1] == '\r')
                length--;
        if (length > 4 && (!strncasecmp(at, "MSG ", 4) || !strncasecmp(at, "HMSG ", 5)))
                return read_message(l, at, length, skip, there);
        int r = read_line(l, at, length);
        return r < 0 ? r : (ssize_t)skip;
}

ssize_t aeon__nats_take(struct wire *w, const char *bytes, size_t size)
{
        char *input = (char *)(uintptr_t)bytes; /* the wire's own, which nobody reads again */
        size_t used = 0;
        while (used < size) {
                ssize_t n = read_one(w->self, input + used, size - used);
                if (n <= 0)
                        return n < 0 ? n : (ssize_t)used;
                used += (size_t)n;
        }
        return (ssize_t)used;
}
