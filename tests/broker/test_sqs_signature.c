/* The signatures under SQS requests, AWS Signature Version 4, against a receiver that computes them anew.
 *
 * DESIGN
 *   libcurl signs, with the time of day, so no published signature can be asked of it. The computation here stands on its own: it must come
 *   to what AWS publishes in its test suite (aws-sig-v4-test-suite: get-vanilla, post-x-www-form-urlencoded), and for what the driver has sent,
 *   headers and body as they arrived, to what the driver has signed.
 *   Source: AWS General Reference, "Create a signed AWS API request"
 */
#include "contract.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define KEY_SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" /* AWS's own, that of no account */

enum { HASH = 32, TEXT = 8192 };

/* ------------------------------------------------------------------ the computation */

struct signing {
        const char *method, *headers, *signed_headers; /* "name:value\n" in order; "name;name" */
        const char *body;
        const char *time, *region, *service;
};

static void hex_of(const unsigned char *bytes, char *ret_text)
{
        for (int i = 0; i < HASH; i++)
                sprintf(ret_text + 2L * i, "%02x", bytes[i]);
}

static void hash_of(const char *text, char *ret_hex)
{
        unsigned char hash[HASH];
        REQUIRE(EVP_Digest(text, strlen(text), hash, NULL, EVP_sha256(), NULL) == 1);
        hex_of(hash, ret_hex);
}

/* @key becomes the code of @text under it. */
static void chain(unsigned char *key, size_t size, const char *text)
{
        unsigned char code[HASH];
        REQUIRE(HMAC(EVP_sha256(), key, (int)size, (const unsigned char *)text, strlen(text), code, NULL) != NULL);
        memcpy(key, code, HASH);
}

static void sign(const struct signing *s, char *ret_signature)
{
        char request[TEXT], hash[2 * HASH + 1], text[600], date[9];
        unsigned char key[100] = "AWS4" KEY_SECRET;
        hash_of(s->body, hash);
        snprintf(request, sizeof request, "%s\n/\n\n%s\n%s\n%s", s->method, s->headers, s->signed_headers, hash);
        hash_of(request, hash);
        snprintf(date, sizeof date, "%s", s->time);
        snprintf(text, sizeof text, "AWS4-HMAC-SHA256\n%s\n%s/%s/%s/aws4_request\n%s", s->time, date, s->region, s->service, hash);
        chain(key, strlen((char *)key), date);
        chain(key, HASH, s->region);
        chain(key, HASH, s->service);
        chain(key, HASH, "aws4_request");
        chain(key, HASH, text);
        hex_of(key, ret_signature);
}

PLAIN_TEST(sqs_the_computation_of_signatures_comes_to_what_aws_publishes)
{
        char signature[2 * HASH + 1];
        struct signing s = { "GET",
                             "host:example.amazonaws.com\nx-amz-date:20150830T123600Z\n",
                             "host;x-amz-date",
                             "",
                             "20150830T123600Z",
                             "us-east-1",
                             "service" };
        sign(&s, signature);
        CHECK_STR(signature, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
        s.method = "POST";
        s.headers = "content-type:application/x-www-form-urlencoded\nhost:example.amazonaws.com\nx-amz-date:20150830T123600Z\n";
        s.signed_headers = "content-type;host;x-amz-date";
        s.body = "Param1=value1";
        sign(&s, signature);
        CHECK_STR(signature, "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
}

/* ------------------------------------------------------------------ the receiver */

static unsigned checked;

/* The value of a header in @head, which is NUL-terminated; "" when it is not there. */
static const char *value_of(const char *head, const char *name)
{
        static char value[TEXT];
        char line[100];
        snprintf(line, sizeof line, "\n%s:", name);
        const char *at = strcasestr(head, line);
        at = at ? at + strlen(line) : "";
        at += strspn(at, " ");
        snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\r"), at);
        return value;
}

/* What stands behind @name in the Authorization header. */
static void part_of(const char *head, const char *name, char *ret_part, size_t size)
{
        const char *at = strstr(value_of(head, "Authorization"), name);
        REQUIRE(at != NULL);
        at += strlen(name);
        snprintf(ret_part, size, "%.*s", (int)strcspn(at, ", "), at);
}

static void check_signature(const char *head, const char *body)
{
        char names[300], headers[TEXT] = "", credential[200], time[32], expected[200], signature[200], list[300];
        part_of(head, "SignedHeaders=", names, sizeof names);
        part_of(head, "Credential=", credential, sizeof credential);
        part_of(head, "Signature=", signature, sizeof signature);
        snprintf(time, sizeof time, "%s", value_of(head, "X-Amz-Date"));
        snprintf(list, sizeof list, "%s", names);
        for (char *name = strtok(list, ";"); name; name = strtok(NULL, ";")) {
                size_t used = strlen(headers);
                snprintf(headers + used, sizeof headers - used, "%s:%s\n", name, value_of(head, name));
        }
        snprintf(expected, sizeof expected, "AKIDEXAMPLE/%.8s/us-east-1/sqs/aws4_request", time);
        CHECK_STR(credential, expected);
        CHECK_CONTAINS(names, "content-type;host;x-amz-date");
        sign(&(struct signing){ "POST", headers, names, body, time, "us-east-1", "sqs" }, expected);
        CHECK_STR(signature, expected);
        checked++;
}

static void answer(aeon_stream *s, const char *head)
{
        char text[300];
        const char *body = strstr(value_of(head, "X-Amz-Target"), "Queue") ? "{\"QueueUrl\":\"http://q/1/q\"}"
                           : strstr(value_of(head, "X-Amz-Target"), "Batch")
                                   ? "{\"Successful\":[{\"Id\":\"0\",\"MessageId\":\"1\"}],\"Failed\":[]}"
                                   : "{}";
        int size = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
        REQUIRE(aeon_stream_write(s, text, (size_t)size) >= 0);
}

/* False: the connection ends. */
static bool receive(aeon_stream *s)
{
        char text[TEXT] = "";
        char *end = NULL;
        for (size_t size = 0; !end || size < (size_t)(end - text) + strtoul(value_of(text, "Content-Length"), NULL, 10);) {
                ssize_t n = aeon_stream_read(s, text + size, sizeof text - size - 1);
                if (n <= 0)
                        return false;
                text[size += (size_t)n] = '\0';
                end = strstr(text, "\r\n\r\n");
                end = end ? end + 4 : NULL;
        }
        const char *body = end;
        end[-1] = '\0'; /* the head's own end */
        check_signature(text, body);
        answer(s, text);
        return true;
}

static int serve(void *arg)
{
        while (receive(arg))
                ;
        aeon_stream_close(arg);
        return 0;
}

static int accept_all(void *arg)
{
        aeon_stream *s;
        aeon_group *g;
        int r = aeon_group_open(&g);
        while (r >= 0) {
                r = aeon_listener_accept(arg, &s);
                if (r >= 0)
                        r = aeon_spawn(g, "connection", serve, s);
        }
        aeon_group_cancel(g, "end");
        (void)aeon_group_close(g);
        return 0;
}

TEST(sqs_requests_are_signed_as_aws_would_sign_them)
{
        int fd;
        char address[64], url[300];
        aeon_listener *l;
        aeon_group *g;
        aeon_broker *b;
        REQUIRE_INT(aeon_socket_bind("127.0.0.1:0", &fd), 0);
        REQUIRE_INT(aeon_socket_address(fd, address, sizeof address), 0);
        REQUIRE_INT(aeon_listener_open(fd, &l), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "server", accept_all, l);
        snprintf(url, sizeof url, "sqs+http://AKIDEXAMPLE:%s@%s?region=us-east-1", "wJalrXUtnFEMI%2FK7MDENG%2BbPxRfiCYEXAMPLEKEY",
                 address);
        REQUIRE_INT(aeon_broker_open(url, &b), 0);
        CHECK_INT(aeon_publish(b, "test", AEON_TEXT("Müller & Söhne\n"), NULL), 0);
        CHECK_INT(aeon_publish(b, "test", AEON_TEXT(""), NULL), 0);
        aeon_broker_close(b);
        CHECK(checked >= 4); /* who is there, where is the queue, two messages */
        aeon_group_cancel(g, "end");
        (void)aeon_group_close(g);
        aeon_listener_close(l);
}
