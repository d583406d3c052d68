/* bench-raw-sqs: libcurl's multi interface and jansson. Eight connections, each with one request under way: ten messages are received, then
 * deleted by one request; ten are sent by one. All are signed, as SQS wants it. */
#include "figures.h"

#include <curl/curl.h>
#include <jansson.h>

enum { BATCH = 10 };

struct answer {
        char *text;
        size_t size, room;
};

/* One connection and what it is doing. */
struct poller {
        CURL *curl;
        struct curl_slist *headers;
        const char *action;
        char *body;
        struct answer answer;
};

static char queue_url[500];
static CURLM *multi;

static size_t received(char *data, size_t one, size_t size, void *arg)
{
        struct answer *a = arg;
        (void)one;
        if (a->size + size + 1 > a->room) {
                a->room = 2 * (a->size + size + 1);
                a->text = realloc(a->text, a->room);
                must(a->text ? 0 : -ENOMEM, "answer");
        }
        memcpy(a->text + a->size, data, size);
        a->size += size;
        a->text[a->size] = '\0';
        return size;
}

/* Make @p's next request ready; it takes @body, which is sent as JSON. */
static void prepare(struct poller *p, const char *action, json_t *body)
{
        char target[100], url[200];
        free(p->body);
        p->body = json_dumps(body, JSON_COMPACT);
        json_decref(body);
        p->action = action;
        p->answer.size = 0;
        if (!p->curl) {
                p->curl = curl_easy_init();
                snprintf(url, sizeof url, "http://%s:%d/", bench.host, bench.port);
                curl_easy_setopt(p->curl, CURLOPT_URL, url);
                curl_easy_setopt(p->curl, CURLOPT_AWS_SIGV4, "aws:amz:elasticmq:sqs");
                curl_easy_setopt(p->curl, CURLOPT_USERPWD, "x:x");
                curl_easy_setopt(p->curl, CURLOPT_WRITEFUNCTION, received);
                curl_easy_setopt(p->curl, CURLOPT_WRITEDATA, &p->answer);
                curl_easy_setopt(p->curl, CURLOPT_PRIVATE, p);
        }
        curl_slist_free_all(p->headers);
        snprintf(target, sizeof target, "X-Amz-Target: AmazonSQS.%s", action);
        p->headers = curl_slist_append(NULL, "Content-Type: application/x-amz-json-1.0");
        p->headers = curl_slist_append(p->headers, target);
        curl_easy_setopt(p->curl, CURLOPT_HTTPHEADER, p->headers);
        curl_easy_setopt(p->curl, CURLOPT_POSTFIELDS, p->body);
}

static void check(const struct poller *p, CURLcode r)
{
        long status = 0;
        curl_easy_getinfo(p->curl, CURLINFO_RESPONSE_CODE, &status);
        if (r != CURLE_OK || status != 200)
                die("%s: %s, status %ld: %.200s", p->action, curl_easy_strerror(r), status, p->answer.size ? p->answer.text : "");
}

static json_t *parsed(const struct poller *p)
{
        json_t *j = json_loadb(p->answer.text, p->answer.size, 0, NULL);
        if (!j)
                die("%s: no JSON", p->action);
        return j;
}

static void open_queue(void)
{
        struct poller p = { 0 };
        prepare(&p, "CreateQueue", json_pack("{s:s}", "QueueName", bench.name));
        check(&p, curl_easy_perform(p.curl));
        json_t *j = parsed(&p);
        snprintf(queue_url, sizeof queue_url, "%s", json_string_value(json_object_get(j, "QueueUrl")));
        json_decref(j);
        curl_easy_cleanup(p.curl);
        curl_slist_free_all(p.headers);
        free(p.body);
        free(p.answer.text);
}

/* ------------------------------------------------------------------ what a poller does next: false when there is nothing left */

static long sent, taken, deleted;

static bool next_send(struct poller *p)
{
        if (sent >= bench.count)
                return false;
        json_t *entries = json_array();
        for (int i = 0; i < BATCH && sent < bench.count; i++, sent++) {
                char id[24];
                snprintf(id, sizeof id, "%d", i);
                json_array_append_new(entries, json_pack("{s:s,s:s}", "Id", id, "MessageBody", bench_body()));
        }
        prepare(p, "SendMessageBatch", json_pack("{s:s,s:o}", "QueueUrl", queue_url, "Entries", entries));
        return true;
}

static void all_went_well(json_t *j)
{
        if (json_array_size(json_object_get(j, "Failed")))
                die("some failed");
}

static bool after_send(struct poller *p)
{
        json_t *j = parsed(p);
        all_went_well(j);
        json_decref(j);
        return next_send(p);
}

static bool next_receive(struct poller *p)
{
        if (taken >= bench.count)
                return false;
        prepare(p, "ReceiveMessage",
                json_pack("{s:s,s:i,s:i}", "QueueUrl", queue_url, "MaxNumberOfMessages", BATCH, "WaitTimeSeconds", 1));
        return true;
}

static bool after_receive(struct poller *p)
{
        json_t *j = parsed(p), *messages = json_object_get(j, "Messages"), *message;
        json_t *entries = json_array();
        size_t i;
        if (taken == 0)
                bench_begin();
        json_array_foreach(messages, i, message)
        {
                char id[24];
                json_t *body = json_object_get(message, "Body");
                bench_look(json_string_value(body), json_string_length(body));
                snprintf(id, sizeof id, "%zu", i);
                json_array_append_new(entries,
                                      json_pack("{s:s,s:O}", "Id", id, "ReceiptHandle", json_object_get(message, "ReceiptHandle")));
        }
        size_t count = json_array_size(entries);
        taken += (long)count;
        json_decref(j);
        if (count == 0) {
                json_decref(entries);
                return next_receive(p);
        }
        prepare(p, "DeleteMessageBatch", json_pack("{s:s,s:o}", "QueueUrl", queue_url, "Entries", entries));
        return true;
}

static bool after_delete(struct poller *p)
{
        json_t *j = parsed(p);
        all_went_well(j);
        deleted += (long)json_array_size(json_object_get(j, "Successful"));
        json_decref(j);
        if (deleted >= bench.count)
                bench_end();
        return next_receive(p);
}

static bool after(struct poller *p)
{
        if (strcmp(p->action, "SendMessageBatch") == 0)
                return after_send(p);
        return strcmp(p->action, "ReceiveMessage") == 0 ? after_receive(p) : after_delete(p);
}

/* @first prepares each poller's first request; ends when none has anything left to do. */
static void run(long pollers, bool (*first)(struct poller *p))
{
        struct poller *all = calloc((size_t)pollers, sizeof *all);
        int under_way = 0, left;
        must(all ? 0 : -ENOMEM, "pollers");
        multi = curl_multi_init();
        for (long i = 0; i < pollers; i++)
                if (first(&all[i])) {
                        curl_multi_add_handle(multi, all[i].curl);
                        under_way++;
                }
        while (under_way > 0) {
                CURLMsg *m;
                int running;
                curl_multi_perform(multi, &running);
                while ((m = curl_multi_info_read(multi, &left))) {
                        struct poller *p;
                        CURLcode r = m->data.result;
                        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &p);
                        check(p, r);
                        curl_multi_remove_handle(multi, p->curl);
                        if (after(p))
                                curl_multi_add_handle(multi, p->curl);
                        else
                                under_way--;
                }
                if (running)
                        curl_multi_poll(multi, NULL, 0, 1000, NULL);
        }
        for (long i = 0; i < pollers; i++) {
                curl_easy_cleanup(all[i].curl);
                curl_slist_free_all(all[i].headers);
                free(all[i].body);
                free(all[i].answer.text);
        }
        curl_multi_cleanup(multi);
        free(all);
}

int main(int argc, char **argv)
{
        bench_arguments(argc, argv);
        bench_address();
        curl_global_init(CURL_GLOBAL_ALL);
        open_queue();
        if (bench_mode("consume")) {
                run(bench.at_once, next_send);
                bench_prepare();
                run(bench.at_once, next_receive);
        } else if (bench_mode("publish")) {
                bench_begin();
                run(bench.at_once, next_send);
                bench_end();
        } else {
                die("no such mode");
        }
        curl_global_cleanup();
        return 0;
}
