/* Batches; see queue.h. */
#include "broker/sqs/queue.h"
#include "broker/sqs/scan.h"

#include <aeon/error.h>
#include <aeon/task.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRIES = 10 };

static const aeon_duration gather_time = AEON_MILLISECONDS(10);

/* On the stack of the task that waits. */
struct entry {
        struct confirmation done;
        char *members; /* of its JSON object, but "Id" */
        size_t bytes;
        unsigned id; /* in its batch */
};

static struct entry *entry_at(struct list *node)
{
        return container_of(node, struct entry, done.node);
}

static unsigned count_of(const struct list *entries)
{
        unsigned count = 0;
        for (const struct list *at = entries->next; at != entries && count < ENTRIES; at = at->next)
                count++;
        return count;
}

/* ------------------------------------------------------------------ one batch */

/* Move what one request can carry. False: nothing waits. */
static bool take(struct sqs_batch *b, struct list *ret_taken)
{
        size_t room = (size_t)b->queue->link->account.max_message;
        list_init(ret_taken);
        for (unsigned count = 0; count < ENTRIES && !list_empty(&b->waiting); count++) {
                struct entry *e = entry_at(b->waiting.next);
                if (count && e->bytes > room)
                        break;
                room -= e->bytes < room ? e->bytes : room;
                list_remove(&e->done.node);
                list_append(ret_taken, &e->done.node);
        }
        return !list_empty(ret_taken);
}

static struct text request_of(const struct sqs_queue *q, struct list *entries)
{
        struct text t = { 0 };
        unsigned id = 0;
        aeon__text_print(&t, "{\"QueueUrl\":%s,\"Entries\":[", q->url_json);
        for (struct list *at = entries->next; at != entries; at = at->next) {
                struct entry *e = entry_at(at);
                e->id = id++;
                aeon__text_print(&t, "%s{\"Id\":\"%u\",", e->id ? "," : "", e->id);
                aeon__text_add(&t, e->members, strlen(e->members));
                aeon__text_add(&t, "}", 1);
        }
        aeon__text_add(&t, "]}", 2);
        return t;
}

static struct entry *find(struct list *entries, const char *id)
{
        unsigned long number = strtoul(id, NULL, 10);
        for (struct list *at = entries->next; *id && at != entries; at = at->next)
                if (entry_at(at)->id == number)
                        return entry_at(at);
        return NULL; /* cancelled meanwhile */
}

struct item {
        char id[16], code[80], message[200];
};

/* As much of the string as fits. */
static void scan_text(struct scan *s, char *to, size_t size)
{
        struct span raw = aeon__scan_skip(s);
        char *all = malloc(raw.length + 1);
        if (all) {
                struct scan value = aeon__scan(raw.at, raw.length);
                aeon__scan_string(&value, all);
                snprintf(to, size, "%s", all);
        }
        free(all);
}

static struct item scan_result(struct scan *s)
{
        struct item item = { "", "", "" };
        struct span name;
        aeon__scan_open(s, '{');
        while (aeon__scan_member(s, &name)) {
                if (aeon__span_is(name, "Id"))
                        scan_text(s, item.id, sizeof item.id);
                else if (aeon__span_is(name, "Code"))
                        scan_text(s, item.code, sizeof item.code);
                else if (aeon__span_is(name, "Message"))
                        scan_text(s, item.message, sizeof item.message);
                else
                        aeon__scan_skip(s);
        }
        return item;
}

static void settle(struct sqs_batch *b, struct list *entries, const struct item *item, bool failed, bool last_try)
{
        struct entry *e = find(entries, item->id);
        int r = e && failed ? aeon__sqs_refusal(b->action, item->code, item->message) : 0;
        if (e && (last_try || !aeon__sqs_may_pass(r)))
                aeon__confirmation_come(&e->done, r, r < 0 ? aeon_error_text() : NULL);
}

/* Give each entry its result; those that may succeed later stay in @entries. */
static void inspect(struct sqs_batch *b, struct list *entries, const struct text *answer, bool last_try)
{
        struct scan s = aeon__scan(answer->data ? answer->data : "", answer->length);
        struct span name;
        aeon__scan_open(&s, '{');
        while (aeon__scan_member(&s, &name)) {
                bool failed = aeon__span_is(name, "Failed");
                if (!failed && !aeon__span_is(name, "Successful")) {
                        aeon__scan_skip(&s);
                        continue;
                }
                aeon__scan_open(&s, '[');
                while (aeon__scan_item(&s)) {
                        struct item item = scan_result(&s);
                        settle(b, entries, &item, failed, last_try);
                }
        }
        if (last_try)
                aeon__confirmations_come(entries, -EREMOTEIO, "the server's answer does not name it");
}

static int send_once(struct sqs_batch *b, struct list *entries, aeon_duration patience, struct text *ret_answer)
{
        struct sqs_link *l = b->queue->link;
        int r = aeon__sqs_queue_find(b->queue, patience, l->account.create);
        if (r < 0)
                return r;
        struct text request = request_of(b->queue, entries);
        struct sqs_call call = { .action = b->action, .patience = patience, .once = b->once };
        call.request = request.failed ? NULL : request.data;
        r = aeon__sqs_call(l, &call, ret_answer);
        aeon__text_done(&request);
        return r;
}

static void send(struct sqs_batch *b, struct list *entries)
{
        struct sqs_link *l = b->queue->link;
        aeon_time until = aeon_now() + l->account.connect_timeout;
        bool found_anew = false;
        for (unsigned n = 0; !list_empty(entries); n++) {
                struct text answer;
                aeon_duration patience = until - aeon_now();
                int r = send_once(b, entries, patience > 0 ? patience : 0, &answer);
                if (r == -ENOENT && !b->once) /* who made it anew has none of its messages */
                        r = aeon_fail(-ESTALE, "the queue is gone");
                if (r == -ENOENT && !found_anew && aeon__sqs_queue_forget(b->queue)) {
                        found_anew = true;
                        continue;
                }
                if (r < 0) {
                        aeon__confirmations_come(entries, r, aeon_error_describe(r));
                        return;
                }
                aeon_duration pause = aeon__sqs_pause(l, n);
                bool last_try = aeon_now() + pause >= until;
                inspect(b, entries, &answer, last_try);
                aeon__text_done(&answer);
                if (!list_empty(entries))
                        (void)aeon_sleep(pause);
        }
}

/* ------------------------------------------------------------------ workers */

static void work(struct sqs_link *l, void *arg)
{
        struct sqs_batch *b = arg;
        struct list entries;
        (void)l;
        b->hurried = false;
        if (b->workers >= b->most_workers)
                return; /* those who are at it take the rest */
        b->workers++;
        while (take(b, &entries))
                send(b, &entries);
        b->workers--;
}

static void gather(struct sqs_link *l, void *arg)
{
        struct sqs_batch *b = arg;
        (void)aeon_sleep(gather_time);
        b->gathering = false;
        work(l, b);
}

/* A worker begins in the next turn at the earliest, so that it finds all of this one. */
static int start_worker(struct sqs_batch *b, bool hurry)
{
        bool *flag = hurry ? &b->hurried : &b->gathering;
        if (*flag || b->workers >= b->most_workers)
                return 0;
        int r = aeon__sqs_spawn(b->queue->link, b->action, hurry ? work : gather, b);
        *flag = r >= 0;
        return r;
}

int aeon__sqs_batch_ask(struct sqs_batch *b, char *entry, size_t bytes, bool hurry)
{
        struct entry e = { .members = entry, .bytes = bytes };
        if (!entry)
                return aeon_fail(-ENOMEM, "no memory for a request");
        if (aeon_cancelled()) {
                free(entry);
                return -ECANCELED;
        }
        aeon__confirmation_init(&e.done, b->action);
        list_append(&b->waiting, &e.done.node);
        bool full = count_of(&b->waiting) == ENTRIES;
        int r = start_worker(b, full || hurry);
        if (r >= 0)
                r = aeon__confirmation_wait(&e.done);
        list_remove(&e.done.node);
        free(entry);
        return r;
}
