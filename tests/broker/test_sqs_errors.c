/* What the SQS driver makes of a server's refusals, against one that does as the test says. */
#include "contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ------------------------------------------------------------------ a server that obeys */

enum { ASKED = 32, TEXT = 8192 };

static struct {
        /* What to answer to the @n-th request for @action (0 the first); 0: hang up. Sets @ret_body. */
        int (*answer)(const char *action, unsigned n, const char *request, char *ret_body);
        struct {
                char action[40];
                unsigned count;
        } asked[ASKED];
        char head[TEXT]; /* of the latest request */
} server;

static unsigned *count_of(const char *action)
{
        int i = 0;
        while (*server.asked[i].action && strcmp(server.asked[i].action, action) != 0)
                REQUIRE(++i < ASKED);
        snprintf(server.asked[i].action, sizeof server.asked[i].action, "%s", action);
        return &server.asked[i].count;
}

static const char *field(const char *head, const char *name)
{
        const char *at = strcasestr(head, name);
        return at ? at + strlen(name) : "";
}

/* False: the connection ends. */
static bool serve_one(aeon_stream *s)
{
        char text[TEXT], action[40], body[TEXT], answer[TEXT + 200];
        size_t size = 0;
        const char *end = NULL;
        *text = '\0';
        while (!end || size < (size_t)(end + 4 - text) + strtoul(field(text, "content-length: "), NULL, 10)) {
                ssize_t n = aeon_stream_read(s, text + size, sizeof text - size - 1);
                if (n <= 0)
                        return false;
                text[size += (size_t)n] = '\0';
                end = strstr(text, "\r\n\r\n");
        }
        snprintf(server.head, sizeof server.head, "%.*s", (int)(end - text), text);
        snprintf(action, sizeof action, "%.*s", (int)strcspn(field(text, "AmazonSQS."), "\r"), field(text, "AmazonSQS."));
        int status = server.answer(action, (*count_of(action))++, end + 4, body);
        if (!status)
                return false;
        snprintf(answer, sizeof answer, "HTTP/1.1 %d Something\r\nContent-Length: %zu\r\n\r\n%s", status, strlen(body), body);
        return aeon_stream_write(s, answer, strlen(answer)) >= 0;
}

static int serve(void *arg)
{
        while (serve_one(arg))
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

static void (*script)(const char *address);

static int run_script(void *arg)
{
        int fd;
        char address[64];
        aeon_listener *l;
        aeon_group *g;
        (void)arg;
        REQUIRE_INT(aeon_socket_bind("127.0.0.1:0", &fd), 0);
        REQUIRE_INT(aeon_socket_address(fd, address, sizeof address), 0);
        REQUIRE_INT(aeon_listener_open(fd, &l), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "server", accept_all, l);
        script(address);
        aeon_group_cancel(g, "end");
        (void)aeon_group_close(g);
        aeon_listener_close(l);
        return 0;
}

static void with_server(int (*answer)(const char *action, unsigned n, const char *request, char *ret_body),
                        void (*body)(const char *address))
{
        server.answer = answer;
        script = body;
        CHECK_INT(aeon_loop_run(run_script, NULL), 0);
}

/* All is well, with one queue for every name. */
static int agree(const char *action, char *ret_body)
{
        bool batch = strstr(action, "Batch");
        strcpy(ret_body, strstr(action, "Queue") && strcmp(action, "ListQueues") != 0 ? "{\"QueueUrl\":\"http://q/1/q\"}"
                         : batch ? "{\"Successful\":[{\"Id\":\"0\"}],\"Failed\":[]}"
                                 : "{}");
        return 200;
}

static int refuse(int status, const char *code, const char *message, char *ret_body)
{
        snprintf(ret_body, TEXT, "{\"__type\":\"com.amazonaws.sqs#%s\",\"message\":\"%s\"}", code, message);
        return status;
}

static aeon_broker *open_at(const char *address, const char *user, const char *options)
{
        aeon_broker *b = NULL;
        char url[200];
        snprintf(url, sizeof url, "sqs+http://%s%s?reconnect=1ms&%s", user, address, options);
        REQUIRE_INT(aeon_broker_open(url, &b), 0);
        return b;
}

/* ------------------------------------------------------------------ who are you */

static const char *refusal_code;

static int refuse_all(const char *action, unsigned n, const char *request, char *ret_body)
{
        (void)action, (void)n, (void)request;
        return refuse(403, refusal_code, "go away", ret_body);
}

static void open_refused(const char *address)
{
        static const char *const codes[] = { "InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClientException",
                                             "ExpiredTokenException" };
        char url[200];
        aeon_broker *b;
        snprintf(url, sizeof url, "sqs+http://AKIA7:hunter2@%s", address);
        for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
                refusal_code = codes[i];
                CHECK_INT(aeon_broker_open(url, &b), -EACCES);
                CHECK_CONTAINS(aeon_error_text(), codes[i]);
                CHECK(!strstr(aeon_error_text(), "hunter2"));
        }
}

PLAIN_TEST(sqs_credentials_that_are_refused_are_an_error_at_open)
{
        with_server(refuse_all, open_refused);
}

static int refuse_access(const char *action, unsigned n, const char *request, char *ret_body)
{
        (void)n, (void)request;
        return !strcmp(action, "SendMessageBatch") || !strcmp(action, "GetQueueUrl")
                       ? agree(action, ret_body)
                       : refuse(403, "AccessDenied", "you may not", ret_body);
}

static void open_with_few_rights(const char *address)
{
        aeon_broker *b = open_at(address, "AKIA7:hunter2@", "");
        CHECK_INT(aeon_broker_ping(b), 0);
        CHECK_INT(aeon_publish(b, "q", AEON_TEXT("x"), NULL), 0);
        aeon_broker_close(b);
}

PLAIN_TEST(sqs_who_may_not_list_queues_is_let_in)
{
        with_server(refuse_access, open_with_few_rights);
}

static int agree_always(const char *action, unsigned n, const char *request, char *ret_body)
{
        (void)n, (void)request;
        return agree(action, ret_body);
}

static void look_at_signature(const char *address)
{
        setenv("AWS_ACCESS_KEY_ID", "AKIAENV", 1);
        setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
        setenv("AWS_SESSION_TOKEN", "token+1", 1);
        aeon_broker_close(open_at(address, "", "region=eu-west-1"));
        CHECK_CONTAINS(server.head, "Credential=AKIAENV/");
        CHECK_CONTAINS(server.head, "/eu-west-1/sqs/aws4_request");
        CHECK_CONTAINS(server.head, "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target");
        CHECK_CONTAINS(server.head, "X-Amz-Security-Token: token+1\r\n");

        aeon_broker_close(open_at(address, "AKIAURL:secret@", "region=eu-west-1"));
        CHECK_CONTAINS(server.head, "Credential=AKIAURL/");
        CHECK(!strstr(server.head, "Security-Token"));

        unsetenv("AWS_ACCESS_KEY_ID");
        FILE *file = fopen(test_path("credentials"), "w");
        REQUIRE(file != NULL);
        fputs("[default]\naws_access_key_id = AKIADEF\naws_secret_access_key = s\n[other]\naws_access_key_id=AKIAFILE\n"
              "aws_secret_access_key = s=1\n",
              file);
        fclose(file);
        setenv("AWS_SHARED_CREDENTIALS_FILE", test_path("credentials"), 1);
        aeon_broker_close(open_at(address, "", ""));
        CHECK_CONTAINS(server.head, "Credential=AKIADEF/");
        aeon_broker_close(open_at(address, "", "profile=other"));
        CHECK_CONTAINS(server.head, "Credential=AKIAFILE/");
}

PLAIN_TEST(sqs_credentials_come_from_url_environment_or_file)
{
        with_server(agree_always, look_at_signature);
}

static int open_without(void *arg)
{
        aeon_broker *b;
        CHECK_INT(aeon_broker_open("sqs://eu-west-1", &b), -EACCES);
        CHECK_CONTAINS(aeon_error_text(), "AWS_ACCESS_KEY_ID");
        CHECK_INT(aeon_broker_open("sqs://", &b), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "region");
        return arg ? -1 : 0;
}

PLAIN_TEST(sqs_without_credentials_or_region_says_where_it_looked)
{
        static const char *const names[] = { "AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE" };
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                unsetenv(names[i]);
        setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent", 1);
        CHECK_INT(aeon_loop_run(open_without, NULL), 0);
}

/* ------------------------------------------------------------------ what may pass, and what not */

static int throttle(const char *action, unsigned n, const char *request, char *ret_body)
{
        (void)request;
        if (strcmp(action, "SendMessageBatch") != 0 || n >= 3)
                return agree(action, ret_body);
        return n == 0   ? refuse(400, "ThrottlingException", "slower", ret_body)
               : n == 1 ? refuse(503, "ServiceUnavailable", "later", ret_body)
                        : (strcpy(ret_body, "{\"Failed\":[{\"Id\":\"0\",\"Code\":\"InternalError\",\"SenderFault\":false}]}"), 200);
}

static void publish_patiently(const char *address)
{
        aeon_broker *b = open_at(address, "", "");
        CHECK_INT(aeon_publish(b, "q", AEON_TEXT("x"), NULL), 0);
        CHECK_INT(*count_of("SendMessageBatch"), 4);
        aeon_broker_close(b);
}

PLAIN_TEST(sqs_throttling_and_its_errors_are_tried_again)
{
        with_server(throttle, publish_patiently);
}

static int break_always(const char *action, unsigned n, const char *request, char *ret_body)
{
        (void)n, (void)request;
        return strcmp(action, "SendMessageBatch") ? agree(action, ret_body) : refuse(500, "InternalError", "sorry", ret_body);
}

static void publish_in_vain(const char *address)
{
        aeon_broker *b = open_at(address, "", "connect_timeout=100ms");
        CHECK_INT(aeon_publish(b, "q", AEON_TEXT("x"), NULL), -EREMOTEIO);
        CHECK_CONTAINS(aeon_error_text(), "500");
        CHECK_CONTAINS(aeon_error_text(), "sorry");
        CHECK(*count_of("SendMessageBatch") > 1);
        aeon_broker_close(b);
}

PLAIN_TEST(sqs_a_server_that_stays_broken_is_an_error_in_time)
{
        with_server(break_always, publish_in_vain);
}

static int hang_up(const char *action, unsigned n, const char *request, char *ret_body)
{
        (void)n, (void)request;
        return strcmp(action, "SendMessageBatch") ? agree(action, ret_body) : 0;
}

static void publish_into_the_dark(const char *address)
{
        aeon_broker *b = open_at(address, "", "");
        CHECK_INT(aeon_publish(b, "q", AEON_TEXT("x"), NULL), -ECONNABORTED);
        aeon_broker_close(b);
}

PLAIN_TEST(sqs_a_lost_confirmation_is_told_and_the_message_not_sent_again)
{
        with_server(hang_up, publish_into_the_dark);
}

/* ------------------------------------------------------------------ some of a batch */

/* Entry "odd" fails, the others are accepted. */
static int accept_some(const char *action, unsigned n, const char *request, char *ret_body)
{
        (void)n;
        if (strcmp(action, "SendMessageBatch") != 0)
                return agree(action, ret_body);
        char good[TEXT] = "", bad[TEXT] = "";
        const char *at = request;
        for (int i = 0; (at = strstr(at, "\"MessageBody\":\"")); i++) {
                at += strlen("\"MessageBody\":\"");
                char *list = !strncmp(at, "odd", 3) ? bad : good;
                size_t used = strlen(list);
                snprintf(list + used, TEXT - used,
                         "%s{\"Id\":\"%d\",\"Code\":\"InvalidMessageContents\",\"Message\":\"it is odd\"}", used ? "," : "", i);
        }
        snprintf(ret_body, TEXT, "{\"Successful\":[%.3000s],\"Failed\":[%.3000s]}", good, bad);
        return 200;
}

static aeon_broker *broker_now;

static int publish_one(void *arg)
{
        int r = aeon_publish(broker_now, "q", AEON_TEXT((const char *)arg), NULL);
        if (!strcmp(arg, "odd")) {
                CHECK_INT(r, -EREMOTEIO);
                CHECK_CONTAINS(aeon_error_text(), "it is odd");
        } else {
                CHECK_INT(r, 0);
        }
        return 0;
}

static void publish_many(const char *address)
{
        enum { COUNT = 50 };
        aeon_group *g;
        broker_now = open_at(address, "", "");
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (int i = 0; i < COUNT; i++)
                aeon_spawn(g, "publish", publish_one, i % 4 ? "even" : "odd");
        CHECK_INT(aeon_group_close(g), 0);
        CHECK(*count_of("SendMessageBatch") < COUNT / 5);
        aeon_broker_close(broker_now);
}

PLAIN_TEST(sqs_each_entry_of_a_batch_has_its_own_result)
{
        with_server(accept_some, publish_many);
}

/* ------------------------------------------------------------------ strange answers */

static int answer_strangely(const char *action, unsigned n, const char *request, char *ret_body)
{
        static const char *const answers[] = {
                "<html>",
                "{\"Messages\":[{\"Body\":\"cut o",
                "{\"Messages\":7}",
                ("{\"Messages\" : [ {\"MessageId\":\"\",\"Other\":[{\"a\":[\"]\\\"\"]},-1.5e3,null],\"Body\": "
                 "\"a\\\"\\\\\\/\\n\\u00fc\\ud83d\\ude00\\ud83d!\" , \"ReceiptHandle\":\"r\\u0031\\\"\"} ]}"),
        };
        (void)request;
        if (strcmp(action, "ReceiveMessage") != 0)
                return agree(action, ret_body);
        strcpy(ret_body, n < sizeof answers / sizeof *answers ? answers[n] : "{}");
        return n > 4 ? 503 : 200; /* no poll after poll */
}

static void receive_strangely(const char *address)
{
        aeon_consumer *c;
        aeon_broker *b = open_at(address, "", "");
        REQUIRE_INT(aeon_consumer_open(b, "q", NULL, &c), 0);
        aeon_message *m = next(c);
        CHECK_STR(aeon_message_body(m), "a\"\\/\n\u00fc\U0001f600\ufffd!");
        done(m);
        aeon_consumer_close(c);
        aeon_broker_close(b);
}

PLAIN_TEST(sqs_answers_that_cannot_be_understood_are_survived)
{
        with_server(answer_strangely, receive_strangely);
}

/* ------------------------------------------------------------------ several at once */

/* Two ask where the queue is; the second is told that it is nowhere when the first has made it already. */
static int answer_late(const char *action, unsigned n, const char *request, char *ret_body)
{
        (void)request;
        if (strcmp(action, "GetQueueUrl") != 0)
                return agree(action, ret_body);
        if (n == 0)
                AWAIT(*count_of("GetQueueUrl") == 2);
        if (n == 1)
                AWAIT(*count_of("SendMessageBatch") == 1);
        return refuse(400, "QueueDoesNotExist", "no such queue", ret_body);
}

static int publish_beside(void *arg)
{
        CHECK_INT(aeon_publish(arg, Q("test"), AEON_TEXT("x"), NULL), 0);
        return 0;
}

static void consume_beside_publisher(const char *address)
{
        aeon_broker *b = open_at(address, "", "linger=0s");
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "publish", publish_beside, b);
        AWAIT(*count_of("GetQueueUrl") == 1);
        aeon_consumer_close(consume(b, Q("test"), NULL));
        CHECK_INT(aeon_group_close(g), 0);
        aeon_broker_close(b);
}

PLAIN_TEST(sqs_a_queue_that_somebody_else_has_made_meanwhile_is_found)
{
        contract_begin(&contract_sqs);
        with_server(answer_late, consume_beside_publisher);
        CHECK_INT(*count_of("CreateQueue"), 1);
}

static bool answers_deleted;

static int delete_slowly(const char *action, unsigned n, const char *request, char *ret_body)
{
        (void)request;
        if (!strcmp(action, "ReceiveMessage") && n == 0) {
                strcpy(ret_body, "{\"Messages\":[{\"MessageId\":\"1\",\"ReceiptHandle\":\"r\",\"Body\":\"late\"}]}");
                return 200;
        }
        if (!strcmp(action, "ReceiveMessage"))
                (void)aeon_sleep(AEON_HOURS(1));
        if (!strcmp(action, "DeleteMessageBatch")) {
                (void)aeon_sleep(AEON_MILLISECONDS(100));
                answers_deleted = true;
        }
        if (!strcmp(action, "DeleteQueue"))
                CHECK(answers_deleted);
        return agree(action, ret_body);
}

static int ask_in_vain(void *arg)
{
        aeon_message *reply;
        CHECK_INT(aeon_request(arg, Q("test"), AEON_TEXT("?"), &reply), -ECANCELED);
        return 0;
}

static void close_while_answers_are_deleted(const char *address)
{
        aeon_broker *b = open_at(address, "", "");
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "ask", ask_in_vain, b);
        AWAIT(*count_of("DeleteMessageBatch") == 1);
        aeon_group_cancel(g, "enough");
        (void)aeon_group_close(g);
        aeon_broker_close(b);
        CHECK_INT(*count_of("DeleteQueue"), 1);
}

PLAIN_TEST(sqs_does_not_delete_its_queue_for_answers_under_them)
{
        contract_begin(&contract_sqs);
        with_server(delete_slowly, close_while_answers_are_deleted);
}
