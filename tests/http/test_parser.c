/* Request heads: what RFC 9112 calls invalid is refused at every split of its bytes; what it calls valid is understood at every
 * split. */
#include "harness.h"

#include "http/parser.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REST "Host: x\r\n\r\n"
#define GET "GET / HTTP/1.1\r\n"

static const struct {
        int status;
        const char *bytes;
} malformed[] = {
        /* the request line */
        { 400, "GET /\r\n\r\n" },                      /* HTTP/0.9 */
        { 400, "GET\r\n" REST },                       /* a method alone */
        { 400, " GET / HTTP/1.1\r\n" REST },           /* space first */
        { 400, "GET  / HTTP/1.1\r\n" REST },           /* two spaces */
        { 400, "GET /  HTTP/1.1\r\n" REST },           /* two spaces */
        { 400, "GET / HTTP/1.1 \r\n" REST },           /* space last */
        { 400, "GET\t/\tHTTP/1.1\r\n" REST },          /* tabs */
        { 400, "GET /a b HTTP/1.1\r\n" REST },         /* space in the target */
        { 400, "GET / http/1.1\r\n" REST },            /* lower case */
        { 400, "GET / HTTP/1.1x\r\n" REST },           /* more than a version */
        { 400, "GET / HTTP/11\r\n" REST },             /* no dot */
        { 400, "GET / HTTP/1\r\n" REST },              /* no minor */
        { 400, "GET / HTTP/1.10\r\n" REST },           /* two digits */
        { 400, "GET / HTTPS/1.1\r\n" REST },           /* another protocol */
        { 505, "GET / HTTP/2.0\r\n" REST },            /* another major */
        { 505, "GET / HTTP/1.2\r\n" REST },            /* a minor that does not exist */
        { 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" },   /* HTTP/2's preface */
        { 400, "G(T / HTTP/1.1\r\n" REST },            /* the method is no token */
        { 400, "GET index.html HTTP/1.1\r\n" REST },   /* the target is no path */
        { 400, "GET * HTTP/1.1\r\n" REST },            /* only OPTIONS may */
        { 400, "options * HTTP/1.1\r\n" REST },        /* which is in capitals */
        { 400, "GET x:80 HTTP/1.1\r\n" REST },         /* only CONNECT may */
        { 501, "CONNECT x:80 HTTP/1.1\r\n" REST },     /* and that is not offered */
        { 400, "GET ftp://x/ HTTP/1.1\r\n" REST },     /* another scheme */
        { 400, "GET http:///a HTTP/1.1\r\n" REST },    /* a URL without a host */
        { 400, "GET http://me@x/ HTTP/1.1\r\n" REST }, /* a user in the URL */
        { 400, "GET /#top HTTP/1.1\r\n" REST },        /* a fragment */
        { 400, "GET /\"a\" HTTP/1.1\r\n" REST },       /* quotes */
        { 400, "GET /\\..\\a HTTP/1.1\r\n" REST },     /* backslashes */
        { 400, "GET /caf\xc3\xa9 HTTP/1.1\r\n" REST }, /* raw UTF-8 */
        { 400, "GET /\x01 HTTP/1.1\r\n" REST },        /* a control byte */
        { 400, "GET /\x7f HTTP/1.1\r\n" REST },        /* DEL */
        { 400, "GET /%zz HTTP/1.1\r\n" REST },         /* escape without digits */
        { 400, "GET /%4 HTTP/1.1\r\n" REST },          /* half an escape */
        { 400, "GET /a%00b HTTP/1.1\r\n" REST },       /* NUL by escape */
        { 400, "\r\n\r\nGET / HTTP/1.1\r\n" REST },    /* two empty lines first */
        { 400, "\x16\x03\x01\x02" },                   /* TLS on this port */
        /* line ends */
        { 400, "GET / HTTP/1.1\nHost: x\n\n" }, /* LF only */
        { 400, GET "Host: x\n\r\n" },           /* LF after a field */
        { 400, GET "Host: x\r\n\n" },           /* LF at the end */
        { 400, GET "Host: x\r\r\n\r\n" },       /* CR CR LF */
        { 400, GET "A: b\rC: d\r\n" REST },     /* bare CR in a value */
        { 400, "GET / HTTP/1.1\r\r\n" REST },   /* CR in the request line */
        { 400, "\nGET / HTTP/1.1\r\n" REST },   /* LF first */
        /* fields */
        { 400, GET "Host : x\r\n\r\n" },     /* space before the colon */
        { 400, GET " Host: x\r\n\r\n" },     /* space before the first field */
        { 400, GET "A: b\r\n c\r\n" REST },  /* folded with a space */
        { 400, GET "A: b\r\n\tc\r\n" REST }, /* folded with a tab */
        { 400, GET "A\r\n" REST },           /* no colon */
        { 400, GET ": b\r\n" REST },         /* no name */
        { 400, GET "A b: c\r\n" REST },      /* space in a name */
        { 400, GET "A(b): c\r\n" REST },     /* delimiter in a name */
        { 400, GET "\xc3\xa9: c\r\n" REST }, /* UTF-8 in a name */
        { 400, GET "A: \x01\r\n" REST },     /* control byte in a value */
        { 400, GET "A: b\x7f\r\n" REST },    /* DEL in a value */
        /* host */
        { 400, GET "\r\n" },                       /* missing */
        { 400, GET "A: b\r\n\r\n" },               /* missing */
        { 400, GET "Host: x\r\nHost: x\r\n\r\n" }, /* twice */
        { 400, GET "Host: x\r\nhOST: y\r\n\r\n" }, /* twice and different */
        { 400, GET "Host: a b\r\n\r\n" },          /* space */
        { 400, GET "Host: a, b\r\n\r\n" },         /* a list */
        { 400, GET "Host: a/b\r\n\r\n" },          /* a path */
        { 400, GET "Host: me@x\r\n\r\n" },         /* a user */
        { 400, GET "Host: x:8o\r\n\r\n" },         /* the port is no number */
        { 400, GET "Host: x:80:80\r\n\r\n" },      /* two ports */
        { 400, GET "Host: [::1\r\n\r\n" },         /* an open bracket */
        { 400, GET "Host: :80\r\n\r\n" },          /* a port alone */
        { 400, GET "Host: []\r\n\r\n" },           /* brackets around nothing */
        { 400, GET "Host: [x]\r\n\r\n" },          /* brackets around a name */
        { 400, GET "Host: %zz\r\n\r\n" },          /* escape without digits */
        /* where the message ends */
        { 400, GET "Content-Length: 5\r\nContent-Length: 5\r\n" REST }, /* repeated */
        { 400, GET "Content-Length: 5\r\nContent-Length: 6\r\n" REST }, /* differing */
        { 400, GET "Content-Length: 5, 5\r\n" REST },                   /* a list */
        { 400, GET "Content-Length: +5\r\n" REST },                     /* a sign */
        { 400, GET "Content-Length: -5\r\n" REST },                     /* negative */
        { 400, GET "Content-Length: 0x5\r\n" REST },                    /* hexadecimal */
        { 400, GET "Content-Length: 5 5\r\n" REST },                    /* space inside */
        { 400, GET "Content-Length: 5a\r\n" REST },                     /* letters */
        { 400, GET "Content-Length:\r\n" REST },                        /* empty */
        { 400, GET "Content-Length: 1.0\r\n" REST },                    /* a fraction */
        { 413, GET "Content-Length: 99999999999999999999\r\n" REST },   /* more than 64 bits */
        { 400, GET "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" REST },
        { 400, GET "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" REST },
        { 400, GET "Transfer-Encoding: gzip\r\n" REST },
        { 400, GET "Transfer-Encoding: identity\r\n" REST },
        { 400, GET "Transfer-Encoding: gzip, chunked\r\n" REST },
        { 400, GET "Transfer-Encoding: chunked, chunked\r\n" REST },
        { 400, GET "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" REST },
        { 400, GET "Transfer-Encoding: chunked, identity\r\n" REST },
        { 400, GET "Transfer-Encoding: xchunked\r\n" REST },
        { 400, GET "Transfer-Encoding: \"chunked\"\r\n" REST },
        { 400, GET "Transfer-Encoding: chunked;a=b\r\n" REST },
        { 400, GET "Transfer-Encoding: chunked,\r\n" REST },
        { 400, GET "Transfer-Encoding:\r\n" REST },
        { 400, GET "Transfer-Encoding: \x0b"
                   "chunked\r\n" REST },
        { 400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" },
        { 417, GET "Expect: a-miracle\r\n" REST },
};

enum { MALFORMED = sizeof malformed / sizeof *malformed };

/* Feed @size bytes in pieces of @step (0: random ones), a fresh copy each time so that reading too far is seen. */
static int feed(struct http_head *head, const char *bytes, size_t size, size_t step)
{
        int r = 0;
        aeon__http_head_init(head);
        for (size_t at = 0; at < size && r == 0;) {
                at += step ? step : 1 + (size_t)rand() % 7;
                at = at < size ? at : size;
                char *copy = malloc(at);
                memcpy(copy, bytes, at);
                r = aeon__http_head_parse(head, copy, at);
                free(copy);
        }
        return r;
}

PLAIN_TEST(malformed_heads_are_refused_whatever_their_pieces)
{
        struct http_head head;
        for (size_t i = 0; i < MALFORMED; i++) {
                const char *bytes = malformed[i].bytes;
                size_t size = strlen(bytes), steps[] = { size, 1, 2, 3, 0 };
                for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
                        int r = feed(&head, bytes, size, steps[s]);
                        if (!CHECK_INT(r, -EBADMSG) || !CHECK_INT(head.status, malformed[i].status) || !CHECK(head.reason != NULL))
                                CHECK_STR(bytes, "refused");
                }
        }
}

PLAIN_TEST(there_are_at_least_43_malformed_heads)
{
        CHECK(MALFORMED >= 43);
}

PLAIN_TEST(a_nul_is_refused_wherever_it_stands)
{
        static const char whole[] = "GET /a HTTP/1.1\r\nHost: x\r\nA: bc\r\n\r\n";
        struct http_head head;
        for (size_t at = 0; at < sizeof whole - 1; at++) {
                char bytes[sizeof whole];
                memcpy(bytes, whole, sizeof whole);
                bytes[at] = '\0';
                int r = feed(&head, bytes, sizeof whole - 1, 0);
                bool never_complete = at >= sizeof whole - 2; /* the last LF itself */
                CHECK_INT(r, never_complete ? 0 : -EBADMSG);
        }
}

PLAIN_TEST(a_refused_head_stays_refused)
{
        struct http_head head;
        CHECK_INT(feed(&head, "GET / HTTP/1.1\n", 15, 15), -EBADMSG);
        CHECK_INT(aeon__http_head_parse(&head, GET REST, strlen(GET REST)), -EBADMSG);
}

/* ------------------------------------------------------------------ limits */

/* Write @text over what stands at @place, without a NUL. */
static void overlay(char *place, const char *text)
{
        while (*text)
                *place++ = *text++;
}

static int parse_repeated(struct http_head *head, const char *start, const char *line, int times)
{
        static char bytes[HTTP_HEAD_LIMIT * 2];
        strcpy(bytes, start);
        size_t used = strlen(bytes);
        for (int i = 0; i < times && used + strlen(line) < sizeof bytes - 16; i++) {
                strcpy(bytes + used, line);
                used += strlen(line);
        }
        strcpy(bytes + used, "\r\n");
        aeon__http_head_init(head);
        return aeon__http_head_parse(head, bytes, strlen(bytes));
}

PLAIN_TEST(a_hundred_headers_are_enough)
{
        struct http_head head;
        CHECK_INT(parse_repeated(&head, GET "Host: x\r\n", "A: b\r\n", 99), 1);
        CHECK_INT(head.field_count, 100);
        CHECK_INT(parse_repeated(&head, GET "Host: x\r\n", "A: b\r\n", 100), -EBADMSG);
        CHECK_INT(head.status, 431);
}

PLAIN_TEST(a_head_above_16_kib_is_431)
{
        struct http_head head;
        char line[1024];
        memset(line, 'a', sizeof line);
        overlay(line, "A: ");
        strcpy(line + sizeof line - 3, "\r\n");
        CHECK_INT(parse_repeated(&head, GET "Host: x\r\n", line, 15), 1);
        CHECK_INT(parse_repeated(&head, GET "Host: x\r\n", line, 17), -EBADMSG);
        CHECK_INT(head.status, 431);
}

PLAIN_TEST(a_request_line_above_8_kib_is_414)
{
        struct http_head head;
        char *bytes = malloc(HTTP_HEAD_LIMIT);
        memset(bytes, 'a', HTTP_HEAD_LIMIT);
        overlay(bytes, "GET /");
        CHECK_INT(feed(&head, bytes, HTTP_HEAD_LIMIT, 1000), -EBADMSG); /* without its end */
        CHECK_INT(head.status, 414);
        overlay(bytes + 8000, " HTTP/1.1\r\n" REST);
        CHECK_INT(feed(&head, bytes, HTTP_HEAD_LIMIT, 1000), 1);
        free(bytes);
}

/* The line's own CR does not count, and what else is wrong with a line that is too long does not matter. */
PLAIN_TEST(a_request_line_has_the_same_limit_whatever_its_pieces)
{
        static const char *const ends[] = { "\r\n" REST, "\n" REST, "\r\r\n" REST };
        static const int expected[][3] = { { 0, 400, 414 }, { 414, 414, 414 } };
        static char bytes[HTTP_HEAD_LIMIT];
        struct http_head head;
        for (size_t over = 0; over < 2; over++) {
                for (size_t e = 0; e < 3; e++) {
                        size_t line = HTTP_REQUEST_LINE_LIMIT + over, size = line + strlen(ends[e]);
                        memset(bytes, 'a', line);
                        overlay(bytes, "GET /");
                        overlay(bytes + line - 9, " HTTP/1.1");
                        overlay(bytes + line, ends[e]);
                        for (size_t split = line - 3; split <= size; split++) {
                                aeon__http_head_init(&head);
                                aeon__http_head_parse(&head, bytes, split);
                                aeon__http_head_parse(&head, bytes, size);
                                CHECK_INT(head.status, expected[over][e]);
                        }
                }
        }
}

/* ------------------------------------------------------------------ well-formed */

static const struct {
        const char *bytes, *method, *path, *query, *host;
        int minor;
        bool keep_alive, chunked, expect;
        unsigned long long length;
} good[] = {
        { "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET", "/", NULL, "x", 1, true, false, false, 0 },
        { "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET", "/", NULL, "x", 1, true, false, false, 0 },
        { "GET /a/b?c=d&e HTTP/1.1\r\nhost:x:80\r\n\r\n", "GET", "/a/b", "c=d&e", "x:80", 1, true, false, false, 0 },
        { "GET /? HTTP/1.1\r\nHost: x\r\n\r\n", "GET", "/", "", "x", 1, true, false, false, 0 },
        { "GET /a?b?c HTTP/1.1\r\nHost: x\r\n\r\n", "GET", "/a", "b?c", "x", 1, true, false, false, 0 },
        { "GET /%41%2f|{}^ HTTP/1.1\r\nHost: x\r\n\r\n", "GET", "/%41%2f|{}^", NULL, "x", 1, true, false, false, 0 },
        { "GET http://y:8/a HTTP/1.1\r\nHost: x\r\n\r\n", "GET", "/a", NULL, "y:8", 1, true, false, false, 0 },
        { "GET HTTP://y?q HTTP/1.1\r\nHost: x\r\n\r\n", "GET", "", "q", "y", 1, true, false, false, 0 },
        { "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS", "*", NULL, "x", 1, true, false, false, 0 },
        { "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "GET", "/", NULL, "[::1]:80", 1, true, false, false, 0 },
        { "GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET", "/", NULL, "", 1, true, false, false, 0 },
        { "GET / HTTP/1.0\r\n\r\n", "GET", "/", NULL, "", 0, false, false, false, 0 },
        { "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET", "/", NULL, "", 0, true, false, false, 0 },
        { "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "GET", "/", NULL, "x", 1, false, false, false, 0 },
        { "GET / HTTP/1.1\r\nHost: x\r\nConnection: a, keep-alive ,CLOSE\r\n\r\n", "GET", "/", NULL, "x", 1, false, false, false,
          0 },
        { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:  007 \r\n\r\n", "POST", "/", NULL, "x", 1, true, false, false, 7 },
        { "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n", "POST", "/", NULL, "x", 1, true, true, false, 0 },
        { "PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n", "PUT", "/", NULL, "x", 1, true, false,
          true, 1 },
        { "M!#$ / HTTP/1.1\r\nHost: x\r\nA:\t\r\nB: \xc3\xa9 \"q\"\t;\r\n\r\n", "M!#$", "/", NULL, "x", 1, true, false, false, 0 },
};

static void check_span(const char *bytes, struct http_span span, const char *expected)
{
        char text[256];
        memcpy(text, bytes + span.start, span.size);
        text[span.size] = '\0';
        CHECK_STR(text, expected);
}

PLAIN_TEST(well_formed_heads_are_understood_whatever_their_pieces)
{
        struct http_head head;
        for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
                for (size_t step = 0; step < 40; step++) {
                        const char *bytes = good[i].bytes;
                        if (!CHECK_INT(feed(&head, bytes, strlen(bytes), step), 1))
                                CHECK_STR(bytes, head.reason);
                        check_span(bytes, head.method, good[i].method);
                        check_span(bytes, head.path, good[i].path);
                        check_span(bytes, head.host, good[i].host);
                        CHECK_INT(head.has_query, good[i].query != NULL);
                        if (good[i].query)
                                check_span(bytes, head.query, good[i].query);
                        CHECK_INT(head.minor, good[i].minor);
                        CHECK_INT(head.keep_alive, good[i].keep_alive);
                        CHECK_INT(head.chunked, good[i].chunked);
                        CHECK_INT(head.expect_continue, good[i].expect);
                        CHECK_INT(head.content_length, good[i].length);
                        CHECK_INT(head.size, strlen(bytes));
                }
        }
}

PLAIN_TEST(what_follows_a_head_is_left_alone)
{
        struct http_head head;
        aeon__http_head_init(&head);
        static const char bytes[] = GET REST "GET /next HTTP/1.1\nbroken";
        CHECK_INT(aeon__http_head_parse(&head, bytes, sizeof bytes - 1), 1);
        CHECK_INT(head.size, strlen(GET REST));
}

PLAIN_TEST(fields_keep_their_order_and_lose_the_white_space_around)
{
        struct http_head head;
        aeon__http_head_init(&head);
        static const char bytes[] = GET "B: \t two words \t\r\nA:1\r\nB:\r\n" REST;
        CHECK_INT(aeon__http_head_parse(&head, bytes, sizeof bytes - 1), 1);
        CHECK_INT(head.field_count, 4);
        check_span(bytes, head.fields[0].name, "B");
        check_span(bytes, head.fields[0].value, "two words");
        check_span(bytes, head.fields[1].value, "1");
        check_span(bytes, head.fields[2].value, "");
        check_span(bytes, head.fields[3].name, "Host");
}

PLAIN_TEST(random_bytes_never_make_it_read_too_far)
{
        static const char alphabet[] = "GET /HTP1.0\r\n\r\n: \tab%4?#Host:x\x01\xff";
        struct http_head head;
        for (int i = 0; i < 20000; i++) {
                char bytes[64];
                size_t size = 1 + (size_t)rand() % sizeof bytes;
                for (size_t b = 0; b < size; b++)
                        bytes[b] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
                size_t keep = (size_t)rand() % 26;
                memcpy(bytes, GET "Host: xyz\r\n", keep < size ? keep : size);
                int r = feed(&head, bytes, size, 0);
                CHECK(r == 1 || r == 0 || r == -EBADMSG);
                CHECK(r != 1 || head.size <= size);
        }
}
