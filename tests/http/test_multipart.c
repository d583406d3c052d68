/* multipart/form-data: the parser on bytes, cut at every place, and uploads through the server. */
#include "fixture.h"
#include "harness.h"
#include "http/multipart.h"

#include <aeon/error.h>
#include <aeon/http.h>
#include <aeon/http_form.h>
#include <aeon/log.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMED(name) "Content-Disposition: form-data; name=\"" name "\"\r\n"

/* ------------------------------------------------------------------ the parser */

/* What @size bytes are, fed in two pieces of which the first has @cut bytes: "{head}data|" for each part, then "." at the end; "?" when
 * it ends too early, "!" when it is refused. */
static const char *parse(const char *bytes, size_t size, size_t cut)
{
        static char text[2048];
        struct multipart m;
        size_t fed = cut, at = 0, used = 0, taken, piece_size;
        REQUIRE_INT(aeon__multipart_init(&m, "b", 1), 0);
        for (;;) {
                const char *piece;
                int event = aeon__multipart_next(&m, bytes + at, fed - at, &taken, &piece, &piece_size);
                at += taken;
                CHECK(at <= fed);
                if (event == MULTIPART_MORE && fed < size) {
                        fed = size;
                        continue;
                }
                if (event == MULTIPART_HEAD || event == MULTIPART_DATA)
                        used += (size_t)snprintf(text + used, sizeof text - used, event == MULTIPART_HEAD ? "{%.*s}" : "%.*s",
                                                 (int)piece_size, piece);
                else if (event == MULTIPART_PART_END)
                        used += (size_t)snprintf(text + used, sizeof text - used, "|");
                else
                        return strcpy(text + used, event == MULTIPART_END ? "." : event == MULTIPART_MORE ? "?" : "!"), text;
        }
}

static void check_parts(const char *bytes, const char *expected)
{
        for (size_t cut = 0; cut <= strlen(bytes); cut++) {
                char copy[512]; /* behind what is fed there is nothing */
                strcpy(copy, bytes);
                if (!CHECK_STR(parse(copy, strlen(bytes), cut), expected))
                        return;
        }
}

PLAIN_TEST(parts_are_the_same_wherever_the_bytes_are_cut)
{
        check_parts("--b\r\nA: 1\r\n\r\ndata\r\n--b--", "{A: 1\r\n}data|.");
        check_parts("--b\r\nA: 1\r\n\r\none\r\n--b\r\nB: 2\r\n\r\ntwo\r\n--b--\r\n", "{A: 1\r\n}one|{B: 2\r\n}two|.");
        check_parts("--b\r\nA: 1\r\n\r\n\r\n--b--", "{A: 1\r\n}|.");
        check_parts("--b\r\nA: 1\r\n\r\n--b--", "{A: 1\r\n}|.");
        check_parts("--b--", ".");
        check_parts("\r\n--b\r\nA: 1\r\n\r\nx\r\n--b--", "{A: 1\r\n}x|.");
        check_parts("not for us\r\n--b\r\nA: 1\r\n\r\nx\r\n--b--nor this --b\r\n", "{A: 1\r\n}x|.");
        check_parts("--b\r\nA: 1\r\nB: 2\r\n\r\n\r\n-\r\n--\r\n\r--a\r\r\n --b \r\n--b--",
                    "{A: 1\r\nB: 2\r\n}\r\n-\r\n--\r\n\r--a\r\r\n --b |.");
}

PLAIN_TEST(what_is_no_multipart_is_refused)
{
        check_parts("", "?");
        check_parts("--b", "?");
        check_parts("--b-", "?");
        check_parts("--b\r\nA: 1\r\n\r\ndata", "{A: 1\r\n}data?");
        check_parts("--b\r\nA: 1\r\n\r\ndata\r\n--b", "{A: 1\r\n}data|?");
        check_parts("--b\r\nA: 1\r\n\r\ndata\n--b--", "{A: 1\r\n}data\n--b--?");
        check_parts("--bb\r\nA: 1\r\n\r\ndata\r\n--bb--", "!");
        check_parts("--b \r\nA: 1\r\n\r\ndata\r\n--b--", "!");
        check_parts("--b\nA: 1\r\n\r\ndata\r\n--b--", "!");
        check_parts("--b\r\nA: 1\r\n\r\ndata\r\n--b-x", "{A: 1\r\n}data|!");
        check_parts("--b\r\nA: 1\r\n\r\ndata\r\n--bc", "{A: 1\r\n}data|!");
        char *long_head = malloc(6000);
        memset(long_head, 'a', 6000);
        memcpy(long_head, "--b\r\n", 5);
        CHECK_STR(parse(long_head, 6000, 0), "!");
        free(long_head);
}

PLAIN_TEST(boundaries_are_those_of_the_rfc)
{
        struct multipart m;
        static const char *const wrong[] = { "",
                                             "a ",
                                             "a\"b",
                                             "a;b",
                                             "a\r\nb",
                                             "\xc3\xa4",
                                             "12345678901234567890123456789012345678901234567890123456789012345678901" };
        CHECK_INT(aeon__multipart_init(&m, "----WebKitFormBoundary7MA4YWxk'()+_,-./:=? x", 44), 0);
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
                CHECK_INT(aeon__multipart_init(&m, wrong[i], strlen(wrong[i])), -EINVAL);
}

/* "name file type" of a head; "!" when it is refused. */
static const char *head(const char *lines)
{
        static char text[512], bytes[512];
        struct multipart_head h;
        const char *reason = NULL;
        strcpy(bytes, lines);
        if (aeon__multipart_head_read(bytes, strlen(lines), &h, &reason) < 0)
                return reason ? "!" : "no reason";
        snprintf(text, sizeof text, "%s %s %s", h.name, h.file_name ? h.file_name : "-", h.type ? h.type : "-");
        return text;
}

#define DISPOSITION "Content-Disposition: form-data"

PLAIN_TEST(heads_of_parts)
{
        CHECK_STR(head(DISPOSITION "; name=\"a\"\r\n"), "a - -");
        CHECK_STR(head("content-TYPE: image/png \r\ncontent-disposition:\tFORM-DATA ;NAME=a ; FileName=\"b.png\"\r\n"),
                  "a b.png image/png");
        CHECK_STR(head(DISPOSITION "; filename=\"b\\\"c\\\\d;e=f\"; name=\"x y\"\r\n"), "x y d;e=f -");
        CHECK_STR(head(DISPOSITION "; name=a; filename=\"C:\\dir\\b.txt\"\r\n"), "a b.txt -");
        CHECK_STR(head(DISPOSITION "; name=a; filename=\"../../etc/passwd\"\r\n"), "a passwd -");
        CHECK_STR(head(DISPOSITION "; name=\"\"; filename=\"\"\r\n"), "  -");
        CHECK_STR(head(DISPOSITION "; name=a;\r\n"), "a - -");
}

PLAIN_TEST(heads_that_are_refused)
{
        static const char *const wrong[] = {
                "",
                "Content-Type: text/plain\r\n",
                DISPOSITION "\r\n",
                DISPOSITION "; filename=\"a\"\r\n",
                DISPOSITION "; name=a; name=b\r\n",
                DISPOSITION "; name=a; filename=b; filename=c\r\n",
                DISPOSITION "; name=\"a\r\n",
                DISPOSITION "; name=a b\r\n",
                DISPOSITION "; name\r\n",
                DISPOSITION "; name =a\r\n",
                DISPOSITION " name=a\r\n",
                DISPOSITION "x; name=a\r\n",
                "Content-Disposition: attachment; name=a\r\n",
                DISPOSITION "; name=a\r\n" DISPOSITION "; name=b\r\n",
                DISPOSITION "; name=a\r\nContent-Type: a/b\r\nContent-Type: c/d\r\n",
                DISPOSITION ";\r\n name=a\r\n",
                DISPOSITION "; name=a\r\nno colon\r\n",
                DISPOSITION "; name=a\r\nX : y\r\n",
                DISPOSITION "; name=a\nX: y\r\n",
                DISPOSITION "; name=a\x01\r\n",
        };
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
                if (!CHECK_STR(head(wrong[i]), "!"))
                        CHECK_STR(wrong[i], "");
}

/* ------------------------------------------------------------------ uploads */

static int upload(aeon_request *req)
{
        char text[1024] = "", piece[1000];
        aeon_multipart *m;
        const aeon_form_part *part;
        if (aeon_request_query(req, "first")) {
                aeon_bytes body;
                CHECK_INT(aeon_request_body(req, &body), 0);
        }
        int r = aeon_multipart_open(req, &(aeon_multipart_opts){ .max_size = 10000000, .max_parts = 3 }, &m);
        while (r >= 0 && (r = aeon_multipart_next(m, &part)) > 0) {
                size_t total = 0;
                ssize_t n = 0;
                if (!strcmp(part->name, "whole")) {
                        aeon_bytes all;
                        r = aeon_multipart_whole(m, 10, &all);
                        if (r < 0)
                                return r;
                        CHECK(((const char *)all.data)[all.size] == '\0');
                        total = all.size;
                } else if (strcmp(part->name, "skipped") != 0) {
                        while ((n = aeon_multipart_read(m, piece, sizeof piece)) > 0)
                                total += (size_t)n;
                }
                const char *extra = aeon_multipart_header(m, "x-extra");
                snprintf(text + strlen(text), sizeof text - strlen(text), "(%s %s %zu %s)", part->name,
                         part->file_name ? part->file_name : "-", total, extra ? extra : "-");
                r = n < 0 ? (int)n : 1;
        }
        return r < 0 ? r : aeon_reply_text(req, 200, text);
}

static aeon_group *start_with_uploads(void)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        add("POST /upload", upload, NULL);
        return g;
}

static const char *send_parts(const char *path, const char *type, const char *body)
{
        static char request[8192];
        snprintf(request, sizeof request, "POST %s HTTP/1.1\r\nContent-Type: %s\r\nContent-Length: %zu\r\n" LAST "%s", path, type,
                 strlen(body), body);
        return ask(request);
}

#define PARTS_OF_B "multipart/form-data; boundary=b"

TEST(parts_are_read_one_after_another)
{
        static const char body[] =
                "--b\r\n" NAMED("a") "X-Extra: yes\r\n\r\none\r\n"
                                     "--b\r\n" NAMED("skipped") "\r\nnobody reads this\r\n"
                                                                "--b\r\nContent-Disposition: form-data; name=\"whole\"; "
                                                                "filename=\"w.txt\"\r\n\r\n12\r\n--b--\r\n";
        static const char reply[] = "\r\n\r\n(a - 3 yes)(skipped - 0 -)(whole w.txt 2 -)";
        aeon_group *g = start_with_uploads();
        CHECK_CONTAINS(send_parts("/upload", PARTS_OF_B, body), reply);
        CHECK_CONTAINS(send_parts("/upload", "Multipart/Form-Data;boundary=\"b\"", body), reply);
        CHECK_CONTAINS(send_parts("/upload?first", PARTS_OF_B, body), reply); /* received whole before */
        stop(g);
}

TEST(uploads_that_cannot_be_read)
{
        aeon_group *g = start_with_uploads();
        CHECK_CONTAINS(send_parts("/upload", "multipart/mixed; boundary=b", "--b--"), "HTTP/1.1 415 ");
        CHECK_CONTAINS(send_parts("/upload", "multipart/form-data", "--b--"), "HTTP/1.1 400 ");
        CHECK_CONTAINS(send_parts("/upload", "multipart/form-data; boundary=\"\"", "--b--"), "HTTP/1.1 400 ");
        CHECK_CONTAINS(send_parts("/upload", PARTS_OF_B, ""), "\"detail\":\"it ends before its last boundary\"");
        CHECK_CONTAINS(send_parts("/upload", PARTS_OF_B, "--b\r\n" NAMED("a") "\r\nhalf of it"), "HTTP/1.1 400 ");
        CHECK_CONTAINS(send_parts("/upload", PARTS_OF_B, "--b\r\nA: b\r\n\r\n\r\n--b--"), "HTTP/1.1 400 ");
        CHECK_CONTAINS(send_parts("/upload", PARTS_OF_B, "--b\r\n" NAMED("whole") "\r\n12345678901\r\n--b--"), "HTTP/1.1 413 ");
        CHECK_CONTAINS(send_parts("/upload", PARTS_OF_B,
                                  "--b\r\n" NAMED("a") "\r\n\r\n--b\r\n" NAMED("a") "\r\n\r\n--b\r\n" NAMED(
                                          "a") "\r\n\r\n--b\r\n" NAMED("a") "\r\n\r\n--b--"),
                       "\"detail\":\"it has too many parts\"");
        stop(g);
}

TEST(an_upload_may_be_longer_than_a_body_kept_whole)
{
        enum { SIZE = 3000000 };
        static const char begin[] = "--b\r\n" NAMED("big") "\r\n", end[] = "\r\n--b--\r\n";
        char request[256];
        aeon_group *g = start_with_uploads();
        char *data = malloc(SIZE);
        for (size_t i = 0; i < SIZE; i++) /* full of what might be a delimiter */
                data[i] = "\r\n--"[i % 4];
        snprintf(request, sizeof request, "POST /upload HTTP/1.1\r\nContent-Type: " PARTS_OF_B "\r\nContent-Length: %zu\r\n" LAST,
                 SIZE + strlen(begin) + strlen(end));
        aeon_stream *s = dial();
        say(s, request);
        say(s, begin);
        CHECK_INT(aeon_stream_write(s, data, SIZE), 0);
        say(s, end);
        CHECK_CONTAINS(hear(s, NULL), "\r\n\r\n(big - 3000000 -)");
        aeon_stream_close(s);
        free(data);
        stop(g);
}
