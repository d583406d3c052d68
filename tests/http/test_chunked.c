/* Chunked bodies: decoded at every split, and refused at the first byte that may not stand there. */
#include "harness.h"

#include "http/parser.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Decode @bytes in pieces of @step (0: random) with @room for data; what was decoded goes to @out. Returns how many bytes belong to
 * the body, 0 when it is not complete, or the error. */
static ssize_t decode(const char *bytes, size_t size, size_t step, size_t room, char *out)
{
        struct http_chunked chunked = { 0 };
        size_t at = 0, end = 0;
        while (!aeon__http_chunked_done(&chunked)) {
                if (at == end && end == size)
                        return 0;
                if (at == end)
                        end += step ? step : 1 + (size_t)rand() % 5;
                end = end < size ? end : size;
                size_t taken = 0, given = end - at;
                char *copy = malloc(given);
                memcpy(copy, bytes + at, given);
                ssize_t n = aeon__http_chunked_next(&chunked, copy, given, room, &taken);
                if (n > 0) {
                        memcpy(out, copy + taken - n, (size_t)n);
                        out += n;
                }
                free(copy);
                if (n < 0)
                        return n;
                CHECK(taken <= given && n <= (ssize_t)room);
                CHECK(n > 0 || taken == given || aeon__http_chunked_done(&chunked));
                at += taken;
        }
        *out = '\0';
        return (ssize_t)at;
}

static const struct {
        const char *bytes, *body;
} good[] = {
        { "0\r\n\r\n", "" },
        { "5\r\nhello\r\n0\r\n\r\n", "hello" },
        { "5\r\nhello\r\n00000\r\n\r\n", "hello" },
        { "005\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", "hello!" },
        { "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789" },
        { "5;a;b=c;d=\"e; \\\" f\"\r\nhello\r\n0;x\r\n\r\n", "hello" },
        { "2\r\n\r\n\r\n0\r\n\r\n", "\r\n" },
        { "1\r\nx\r\n0\r\nA: b\r\nB:\r\n\r\n", "x" },
};

PLAIN_TEST(chunks_are_decoded_whatever_their_pieces)
{
        char out[64];
        for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
                size_t size = strlen(good[i].bytes);
                char more[128];
                strcpy(more, good[i].bytes);
                strcpy(more + size, "GET /");
                for (size_t step = 0; step < 30; step++) {
                        for (size_t room = 1; room < 8; room++) {
                                if (CHECK_INT(decode(more, size + 5, step, room, out), size))
                                        CHECK_STR(out, good[i].body);
                        }
                }
        }
}

PLAIN_TEST(bad_chunks_are_refused_whatever_their_pieces)
{
        static const char *const bad[] = {
                "\r\n",
                "x\r\n",
                "-1\r\n",
                "+1\r\nx",
                "0x1\r\nx",
                " 1\r\nx",
                "1 \r\nx",
                "1\nx\r\n0\r\n\r\n",
                "1\rx",
                "1\r\nx0\r\n\r\n",
                "1\r\nxy\r\n0\r\n\r\n",
                "1\r\nx\n0\r\n\r\n",
                "1\r\nx\r0\r\n\r\n",
                "1\r\nx\r\n\r\n",
                "1000000000000000\r\n",
                "0000000000000001\r\nx",
                "ffffffffffffffffffff\r\n",
                "1;\r\nx",
                "1 ;a\r\nx",
                "1; a\r\nx",
                "1;a =b\r\nx",
                "1;a=\r\nx",
                "1;a=b c\r\nx",
                "1;a=\"b\rc\"\r\nx",
                "1;a=\"b\"c\r\nx",
                "1;a\nb\r\nx",
                "0\r\n\n",
                "0\r\n\r\r\n",
                "0\r\n A: b\r\n\r\n",
                "0\r\nA\r\n\r\n",
                "0\r\nA : b\r\n\r\n",
                "0\r\n: b\r\n\r\n",
                "0\r\nA: b\n\r\n",
                "0\r\nA: \x01\r\n\r\n",
                "0\r\nA: b\r\n c\r\n\r\n",
        };
        char out[64];
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
                for (size_t step = 0; step < 10; step++)
                        if (!CHECK_INT(decode(bad[i], strlen(bad[i]), step, 16, out), -EBADMSG))
                                CHECK_STR(bad[i], "refused");
}

static ssize_t decode_repeated(const char *start, char c, size_t count)
{
        static char bytes[20000], out[64];
        size_t used = strlen(start);
        strcpy(bytes, start);
        memset(bytes + used, c, count);
        return decode(bytes, used + count, 100, 16, out);
}

PLAIN_TEST(extensions_and_trailers_have_a_limit)
{
        CHECK_INT(decode_repeated("1;", 'a', 200), 0);
        CHECK_INT(decode_repeated("1;", 'a', 300), -EBADMSG);
        CHECK_INT(decode_repeated("0\r\nA: ", 'a', 8000), 0);
        CHECK_INT(decode_repeated("0\r\nA: ", 'a', 9000), -EBADMSG);
}
