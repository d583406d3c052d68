/* Files as replies: conditions, ranges, and what is not to be reached. */
#include "fixture.h"
#include "harness.h"
#include "http/conditions.h"
#include "http/date.h"
#include "http/files.h"

#include <aeon/error.h>
#include <aeon/http.h>
#include <aeon/http_file.h>
#include <aeon/log.h>
#include <aeon/thread.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ------------------------------------------------------------------ dates */

PLAIN_TEST(dates_have_three_forms)
{
        static const char *const good[] = { "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                                            "Sun Nov  6 08:49:37 1994" };
        static const char *const wrong[] = {
                "",
                "yesterday",
                "Sun, 06 Nov 1994 08:49:37",
                "Sun, 06 Nov 1994 08:49:37 GMT+1",
                "Sun, 06 Nox 1994 08:49:37 GMT",
                "Sun, 06 Nov 1994 24:49:37 GMT",
                "Sun, 32 Nov 1994 08:49:37 GMT",
                "Sun, 06 Nov 1994 08:60:37 GMT",
                "784111777",
        };
        char text[HTTP_DATE_SIZE];
        for (size_t i = 0; i < 3; i++) {
                time_t second = 0;
                CHECK_INT(aeon__http_date_read(good[i], &second), 0);
                CHECK_INT(second, 784111777);
        }
        CHECK_STR(aeon__http_date_write(784111777, text), good[0]);
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
                time_t second = 7;
                CHECK_INT(aeon__http_date_read(wrong[i], &second), -EINVAL);
                CHECK_INT(second, 7);
        }
}

/* ------------------------------------------------------------------ conditions */

#define THEN "Sun, 06 Nov 1994 08:49:37 GMT"
#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
#define AFTER "Sun, 06 Nov 1994 08:49:38 GMT"

/* "206 500-499", for what has the tag "a", 10000 bytes, and was modified THEN. */
static const char *decide(struct http_conditions c)
{
        static char text[64];
        struct http_representation what = { "\"a\"", 784111777, 10000 };
        uint64_t first = 0, size = 0;
        int status = aeon__http_decide(&c, &what, &first, &size);
        snprintf(text, sizeof text, status == 206 ? "%d %llu+%llu" : "%d", status, (unsigned long long)first,
                 (unsigned long long)size);
        return text;
}

#define DECIDE(...) decide((struct http_conditions){ __VA_ARGS__ })

PLAIN_TEST(conditions_are_looked_at_in_their_order)
{
        CHECK_STR(DECIDE(0), "200");
        CHECK_STR(DECIDE(.if_match = "*"), "200");
        CHECK_STR(DECIDE(.if_match = "\"b\", \"a\""), "200");
        CHECK_STR(DECIDE(.if_match = "\"b\""), "412");
        CHECK_STR(DECIDE(.if_match = "W/\"a\""), "412"); /* strong comparison */
        CHECK_STR(DECIDE(.if_match = "a"), "412");
        CHECK_STR(DECIDE(.if_match = "\"a\"", .if_unmodified_since = BEFORE), "200"); /* the tag decides */
        CHECK_STR(DECIDE(.if_unmodified_since = BEFORE), "412");
        CHECK_STR(DECIDE(.if_unmodified_since = THEN), "200");
        CHECK_STR(DECIDE(.if_unmodified_since = "once"), "200");
        CHECK_STR(DECIDE(.if_none_match = "\"a\""), "304");
        CHECK_STR(DECIDE(.if_none_match = "W/\"a\""), "304"); /* weak comparison */
        CHECK_STR(DECIDE(.if_none_match = "\"b\",,\t\"a\""), "304");
        CHECK_STR(DECIDE(.if_none_match = "*"), "304");
        CHECK_STR(DECIDE(.if_none_match = "\"b\"", .if_modified_since = AFTER), "200");
        CHECK_STR(DECIDE(.if_none_match = "\"b"), "200");
        CHECK_STR(DECIDE(.if_modified_since = THEN), "304");
        CHECK_STR(DECIDE(.if_modified_since = AFTER), "304");
        CHECK_STR(DECIDE(.if_modified_since = BEFORE), "200");
        CHECK_STR(DECIDE(.if_match = "\"b\"", .if_none_match = "\"a\""), "412");
        CHECK_STR(DECIDE(.if_none_match = "\"a\"", .range = "bytes=0-0"), "304");
}

PLAIN_TEST(ranges_are_parts_of_what_is_there)
{
        CHECK_STR(DECIDE(.range = "bytes=0-499"), "206 0+500");
        CHECK_STR(DECIDE(.range = "bytes=9500-"), "206 9500+500");
        CHECK_STR(DECIDE(.range = "bytes=-500"), "206 9500+500");
        CHECK_STR(DECIDE(.range = "Bytes= 0-0 "), "206 0+1");
        CHECK_STR(DECIDE(.range = "bytes=9999-20000"), "206 9999+1");
        CHECK_STR(DECIDE(.range = "bytes=-20000"), "206 0+10000");
        CHECK_STR(DECIDE(.range = "bytes=1-99999999999999999999999"), "206 1+9999");
        CHECK_STR(DECIDE(.range = "bytes=10000-"), "416");
        CHECK_STR(DECIDE(.range = "bytes=99999999999999999999999-"), "416");
        CHECK_STR(DECIDE(.range = "bytes=-0"), "416");
        static const char *const ignored[] = { "bytes=5-4", "bytes=-",   "bytes=",    "bytes=a-b", "bytes=0-1,5-6",
                                               "lines=0-1", "bytes 0-1", "bytes=--1", "bytes=1",   "bytes=0-1x" };
        for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
                CHECK_STR(DECIDE(.range = ignored[i]), "200");
        CHECK_STR(DECIDE(.range = "bytes=0-0", .if_range = "\"a\""), "206 0+1");
        CHECK_STR(DECIDE(.range = "bytes=0-0", .if_range = "W/\"a\""), "200");
        CHECK_STR(DECIDE(.range = "bytes=0-0", .if_range = "\"b\""), "200");
        CHECK_STR(DECIDE(.range = "bytes=0-0", .if_range = THEN), "206 0+1");
        CHECK_STR(DECIDE(.range = "bytes=0-0", .if_range = AFTER), "200");
        uint64_t first, size;
        CHECK_INT(aeon__http_decide(&(struct http_conditions){ .range = "bytes=0-" },
                                    &(struct http_representation){ "\"a\"", 0, 0 }, &first, &size),
                  416);
}

PLAIN_TEST(types_are_known_by_their_endings)
{
        CHECK_STR(aeon__file_type("a/b.HTML"), "text/html; charset=utf-8");
        CHECK_STR(aeon__file_type("x.tar.gz"), "application/gzip");
        CHECK_STR(aeon__file_type("a.css/b"), "application/octet-stream");
        CHECK_STR(aeon__file_type("README"), "application/octet-stream");
        CHECK_STR(aeon__file_type("a."), "application/octet-stream");
}

/* ------------------------------------------------------------------ through the server */

enum { LONG = 300000 };

static char folder[256];

/* A file of @folder, or beside it ("../x"), as old as THEN. */
static const char *put(const char *name, const char *text, size_t size)
{
        static char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, name);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        REQUIRE(fd >= 0 && write(fd, text, size) == (ssize_t)size);
        struct timespec times[2] = { { .tv_sec = 784111777 }, { .tv_sec = 784111777 } };
        CHECK_INT(futimens(fd, times), 0);
        close(fd);
        return path;
}

static char secret[512], gone_file[512];

static int one_file(aeon_request *req)
{
        return aeon_reply_file(req, secret, &(aeon_file_opts){ .content_type = "text/x-own", .cache_control = "no-store" });
}

static int no_file(aeon_request *req)
{
        return aeon_reply_file(req, gone_file, NULL);
}

static int device(aeon_request *req)
{
        return aeon_reply_file(req, "/dev/zero", NULL);
}

static aeon_group *start_with_files(void)
{
        static char text[LONG];
        char path[512];
        aeon_log_set_level(AEON_LOG_OFF);
        snprintf(folder, sizeof folder, "%s/site", test_folder());
        mkdir(folder, 0755);
        snprintf(path, sizeof path, "%s/sub", folder);
        mkdir(path, 0755);
        snprintf(path, sizeof path, "%s/.well-known", folder);
        mkdir(path, 0755);
        snprintf(path, sizeof path, "%s/pipe.txt", folder);
        mkfifo(path, 0644);
        for (size_t i = 0; i < LONG; i++)
                text[i] = (char)('a' + i % 26);
        put("hello.txt", "Hello, file!", 12);
        put("index.html", "<p>", 3);
        put("sub/page.html", "<b>", 3);
        put("long.bin", text, LONG);
        put("empty.css", "", 0);
        put(".hidden", "no", 2);
        put(".well-known/seen", "yes", 3);
        strcpy(secret, put("../secret.txt", "secret", 6));
        snprintf(gone_file, sizeof gone_file, "%s/gone", folder);
        snprintf(path, sizeof path, "%s/inside", folder);
        CHECK_INT(symlink("sub/page.html", path), 0);
        snprintf(path, sizeof path, "%s/outside", folder);
        CHECK_INT(symlink("../secret.txt", path), 0);
        snprintf(path, sizeof path, "%s/absolute", folder);
        CHECK_INT(symlink(secret, path), 0);
        snprintf(path, sizeof path, "%s/up", folder);
        CHECK_INT(symlink("..", path), 0);
        aeon_group *g = start((struct http_limits){ 0 });
        REQUIRE_INT(aeon__router_add_files(&router, "GET /static/{path...}", folder,
                                           &(aeon_file_opts){ .cache_control = "max-age=60" }),
                    0);
        route("GET /one", one_file);
        route("GET /none", no_file);
        route("GET /device", device);
        return g;
}

#define GET(path, headers) ask("GET " path " HTTP/1.1\r\n" headers LAST)
#define ETAG "\"ae1b981bc490a00-c\"" /* of hello.txt */

TEST(a_file_is_sent_with_what_caches_want_to_know)
{
        aeon_group *g = start_with_files();
        const char *text = GET("/static/hello.txt", "");
        CHECK_CONTAINS(text, "HTTP/1.1 200 OK\r\n");
        CHECK_CONTAINS(text, "Content-Type: text/plain; charset=utf-8\r\n");
        CHECK_CONTAINS(text, "Content-Length: 12\r\n");
        CHECK_CONTAINS(text, "Last-Modified: " THEN "\r\n");
        CHECK_CONTAINS(text, "ETag: " ETAG "\r\n");
        CHECK_CONTAINS(text, "Accept-Ranges: bytes\r\n");
        CHECK_CONTAINS(text, "X-Content-Type-Options: nosniff\r\n");
        CHECK_CONTAINS(text, "Cache-Control: max-age=60\r\n");
        CHECK_CONTAINS(text, "\r\n\r\nHello, file!");
        text = ask("HEAD /static/hello.txt HTTP/1.1\r\n" LAST);
        CHECK_CONTAINS(text, "Content-Length: 12\r\n");
        CHECK_CONTAINS(text, "ETag: " ETAG "\r\n");
        CHECK(text && !strstr(text, "Hello"));
        text = GET("/one", "");
        CHECK_CONTAINS(text, "Content-Type: text/x-own\r\n");
        CHECK_CONTAINS(text, "Cache-Control: no-store\r\n");
        CHECK_CONTAINS(text, "\r\n\r\nsecret");
        CHECK_CONTAINS(GET("/static/empty.css", ""), "Content-Length: 0\r\n");
        CHECK_CONTAINS(GET("/static/", ""), "\r\n\r\n<p>");
        CHECK_CONTAINS(GET("/static", ""), "\r\n\r\n<p>");
        CHECK_CONTAINS(GET("/static/sub%2Fpage.html", ""), "\r\n\r\n<b>");
        CHECK_CONTAINS(ask("POST /static/hello.txt HTTP/1.1\r\n" LAST), "HTTP/1.1 405 ");
        stop(g);
}

TEST(a_client_that_has_the_file_gets_304)
{
        aeon_group *g = start_with_files();
        const char *text = GET("/static/hello.txt", "If-None-Match: \"x\"\r\nIf-None-Match: " ETAG "\r\n");
        CHECK_CONTAINS(text, "HTTP/1.1 304 Not Modified\r\n");
        CHECK_CONTAINS(text, "ETag: " ETAG "\r\n");
        CHECK_CONTAINS(text, "Cache-Control: max-age=60\r\n");
        CHECK(text && !strstr(text, "Content-Length") && !strstr(text, "Hello"));
        CHECK_CONTAINS(GET("/static/hello.txt", "If-Modified-Since: " THEN "\r\n"), "HTTP/1.1 304 ");
        CHECK_CONTAINS(GET("/static/hello.txt", "If-Match: \"x\"\r\n"), "HTTP/1.1 412 ");
        CHECK_CONTAINS(ask("HEAD /static/hello.txt HTTP/1.1\r\nIf-None-Match: *\r\n" LAST), "HTTP/1.1 304 ");
        stop(g);
}

TEST(a_part_of_a_file)
{
        aeon_group *g = start_with_files();
        const char *text = GET("/static/hello.txt", "Range: bytes=7-10\r\n");
        CHECK_CONTAINS(text, "HTTP/1.1 206 Partial Content\r\n");
        CHECK_CONTAINS(text, "Content-Range: bytes 7-10/12\r\n");
        CHECK_CONTAINS(text, "Content-Length: 4\r\n");
        CHECK_CONTAINS(text, "\r\n\r\nfile");
        text = GET("/static/hello.txt", "Range: bytes=12-\r\n");
        CHECK_CONTAINS(text, "HTTP/1.1 416 ");
        CHECK_CONTAINS(text, "Content-Range: bytes */12\r\n");
        CHECK_CONTAINS(text, "\"status\":416}");
        CHECK_CONTAINS(GET("/static/hello.txt", "Range: bytes=0-0,2-2\r\n"), "HTTP/1.1 200 ");
        CHECK_CONTAINS(GET("/static/hello.txt", "Range: bytes=0-0\r\nIf-Range: \"x\"\r\n"), "HTTP/1.1 200 ");
        text = ask("HEAD /static/hello.txt HTTP/1.1\r\nRange: bytes=0-0\r\n" LAST);
        CHECK_CONTAINS(text, "HTTP/1.1 200 "); /* ranges are GET's */
        CHECK_CONTAINS(text, "Content-Length: 12\r\n");
        text = GET("/static/long.bin", "Range: bytes=260000-260025\r\n");
        CHECK_CONTAINS(text, "\r\n\r\nabcdefghijklmnopqrstuvwxyz");
        stop(g);
}

TEST(a_long_file_arrives_whole_and_the_connection_stays)
{
        aeon_group *g = start_with_files();
        static char all[LONG + 1000];
        aeon_stream *s = dial();
        for (int i = 0; i < 2; i++) {
                size_t used = 0;
                const char *body = NULL;
                say(s, "GET /static/long.bin HTTP/1.1\r\n" HEADERS "\r\n");
                while (!body || all + used < body + LONG) {
                        ssize_t n = aeon_stream_read(s, all + used, sizeof all - 1 - used);
                        REQUIRE(n > 0);
                        all[used += (size_t)n] = '\0';
                        body = strstr(all, "\r\n\r\n");
                        body = body ? body + 4 : NULL;
                }
                CHECK_CONTAINS(all, "Content-Length: 300000\r\n");
                size_t good = 0;
                while (good < LONG && body[good] == (char)('a' + good % 26))
                        good++;
                CHECK_INT(good, LONG);
                CHECK_INT(all + used - body, LONG);
        }
        aeon_stream_close(s);
        stop(g);
}

static void check_what_is_not_reached(void)
{
        static const char *const paths[] = {
                "/static/gone",
                "/static/sub",
                "/static/sub/",
                "/static/hello.txt/x",
                "/static/hello.txt/",
                "/static/pipe.txt",
                "/static/.hidden",
                "/static/sub/.x",
                "/static/outside",
                "/static/absolute",
                "/static/up/secret.txt",
                "/static//etc/passwd",
                "/static/%2fetc%2fpasswd",
                "/none",
                "/device",
        };
        for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
                char request[256];
                snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" LAST, paths[i]);
                const char *text = ask(request);
                if (!CHECK_CONTAINS(text, "HTTP/1.1 404 "))
                        CHECK_STR(paths[i], "");
                CHECK(text && !strstr(text, "secret"));
        }
        CHECK_CONTAINS(GET("/static/../secret.txt", ""), "HTTP/1.1 400 ");
        CHECK_CONTAINS(GET("/static/%2e%2e%2fsecret.txt", ""), "HTTP/1.1 400 ");
        CHECK_CONTAINS(GET("/static/.well-known/seen", ""), "\r\n\r\nyes");
        CHECK_CONTAINS(GET("/static/sub/page.html", ""), "\r\n\r\n<b>");
}

TEST(nothing_outside_of_the_folder_is_reached)
{
        aeon_group *g = start_with_files();
        check_what_is_not_reached();
        CHECK_CONTAINS(GET("/static/inside", ""), "\r\n\r\n<b>");
        stop(g);
}

TEST(nor_is_it_without_openat2)
{
        aeon_group *g = start_with_files();
        aeon__files_walk = true;
        check_what_is_not_reached();
        CHECK_CONTAINS(GET("/static/inside", ""), "HTTP/1.1 404 ");
        stop(g);
}

TEST(a_file_that_becomes_shorter_cuts_its_reply_off)
{
        enum { HUGE_SIZE = 50000000 }; /* more than sockets keep */
        static char piece[65536];
        aeon_group *g = start_with_files();
        const char *path = put("huge", "", 0);
        CHECK_INT(truncate(path, HUGE_SIZE), 0);
        aeon_stream *s = dial();
        say(s, "GET /static/huge HTTP/1.1\r\n" HEADERS "\r\n");
        CHECK_CONTAINS(hear(s, "\r\n\r\n"), "Content-Length: 50000000\r\n");
        CHECK_INT(truncate(path, 10), 0);
        size_t total = 0;
        ssize_t n;
        while ((n = aeon_stream_read(s, piece, sizeof piece)) > 0)
                total += (size_t)n;
        CHECK(total < HUGE_SIZE);
        aeon_stream_close(s);
        stop(g);
}

TEST(a_folder_that_is_not_there_is_told_when_it_is_declared)
{
        struct http_router r = { 0 };
        CHECK_INT(aeon__router_add_files(&r, "GET /a/{path...}", "/nowhere/at/all", NULL), -ENOENT);
        CHECK_CONTAINS(aeon_error_text(), "/nowhere/at/all");
        CHECK_INT(aeon__router_add_files(&r, "GET /a/{path...}", "/dev/null", NULL), -ENOTDIR);
        CHECK_INT(aeon__router_add_files(&r, "GET /a/{path}", "/tmp", NULL), -EINVAL);
        CHECK_INT(aeon__router_add_files(&r, "GET /a/{path...}", "/tmp", NULL), 0);
        CHECK_INT(aeon__router_add_files(&r, "GET /a/{path...}", "/tmp", NULL), -EEXIST);
        aeon__router_done(&r);
}

/* ------------------------------------------------------------------ as a program that others wrote sees it */

static int run(void *arg)
{
        return system(arg);
}

/* What curl prints with these arguments; @path is of the server. */
static const char *curl(const char *arguments, const char *path)
{
        static char text[4096], command[1024];
        snprintf(command, sizeof command, "curl -sS -m 20 --noproxy '*' %s http://%s%s >%s 2>&1", arguments, address, path,
                 test_path("curl"));
        CHECK_INT(aeon_offload(run, command), 0);
        char *all = test_read_file(test_path("curl"));
        snprintf(text, sizeof text, "%s", all ? all : "");
        free(all);
        return text;
}

TEST(curl_agrees)
{
        aeon_group *g = start_with_files();
        CHECK_STR(curl("", "/static/hello.txt"), "Hello, file!");
        CHECK_STR(curl("-r 7-10", "/static/hello.txt"), "file");
        CHECK_STR(curl("-r -5", "/static/hello.txt"), "file!");
        CHECK_STR(curl("-z 'Sun, 06 Nov 1994 08:49:37 GMT' -w '%{http_code}'", "/static/hello.txt"), "304");
        CHECK_STR(curl("-z 'Sun, 06 Nov 1994 08:49:36 GMT' -w '%{http_code}'", "/static/hello.txt"), "Hello, file!200");
        CHECK_CONTAINS(curl("-I", "/static/long.bin"), "Content-Length: 300000\r\n");
        CHECK_STR(curl("-o /dev/null -w '%{size_download}'", "/static/long.bin"), "300000");
        CHECK_STR(curl("--path-as-is -o /dev/null -w '%{http_code}'", "/static/../secret.txt"), "400");
        stop(g);
}
