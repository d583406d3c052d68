/* Batches; see queue.h. */
#include "broker/sqs/queue.h"

#include <aeon/error.h>
#include <aeon/task.h>
#include <stdio.h>
#include <stdlib.h>

enum { ENTRIES = 10 };

static const aeon_duration gather_time = AEON_MILLISECONDS(10);

/* On the stack of the task that waits. */
struct entry {
        struct confirmation done;
        json_t *json;
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

static json_t *request_of(const char *url, struct list *entries)
{
        json_t *array = json_array();
        unsigned id = 0;
        for (struct list *at = entries->next; at != entries; at = at->next) {
                struct entry *e = entry_at(at);
                char text[16];
                e->id = id++;
                snprintf(text, sizeof text, "%u", e->id);
                json_object_set_new(e->json, "Id", json_string(text));
                json_array_append(array, e->json);
        }
        return json_pack("{s:s, s:o}", "QueueUrl", url, "Entries", array);
}

static struct entry *find(struct list *entries, const json_t *item)
{
        const char *text = json_string_value(json_object_get(item, "Id"));
        unsigned long id = text ? strtoul(text, NULL, 10) : ENTRIES;
        for (struct list *at = entries->next; at != entries; at = at->next)
                if (entry_at(at)->id == id)
                        return entry_at(at);
        return NULL; /* cancelled meanwhile */
}

static const char *word(const json_t *item, const char *name)
{
        const char *text = json_string_value(json_object_get(item, name));
        return text ? text : "";
}

/* Give each entry its result; those that may succeed later stay in @entries. */
static void inspect(struct sqs_batch *b, struct list *entries, const json_t *answer, bool last_try)
{
        size_t i;
        json_t *item;
        json_array_foreach(json_object_get(answer, "Successful"), i, item)
        {
                struct entry *e = find(entries, item);
                if (e)
                        aeon__confirmation_come(&e->done, 0, NULL);
        }
        json_array_foreach(json_object_get(answer, "Failed"), i, item)
        {
                struct entry *e = find(entries, item);
                int r = aeon__sqs_refusal(b->action, word(item, "Code"), word(item, "Message"));
                if (e && (last_try || !aeon__sqs_may_pass(r)))
                        aeon__confirmation_come(&e->done, r, aeon_error_text());
        }
        if (last_try)
                aeon__confirmations_come(entries, -EREMOTEIO, "the server's answer does not name it");
}

static int send_once(struct sqs_batch *b, struct list *entries, aeon_duration patience, json_t **ret_answer)
{
        const char *url;
        int r = aeon__sqs_queue_find(b->queue, patience, b->queue->link->account.create, &url);
        if (r < 0)
                return r;
        json_t *request = request_of(url, entries);
        struct sqs_call call = { .action = b->action, .request = request, .patience = patience, .once = b->once };
        r = request ? aeon__sqs_call(b->queue->link, &call, ret_answer) : aeon_fail(-ENOMEM, "no memory for a request");
        json_decref(request);
        return r;
}

static void send(struct sqs_batch *b, struct list *entries)
{
        struct sqs_link *l = b->queue->link;
        aeon_time until = aeon_now() + l->account.connect_timeout;
        bool found_anew = false;
        for (unsigned n = 0; !list_empty(entries); n++) {
                json_t *answer;
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
                inspect(b, entries, answer, last_try);
                json_decref(answer);
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

int aeon__sqs_batch_ask(struct sqs_batch *b, json_t *entry, size_t bytes, bool hurry)
{
        struct entry e = { .json = entry, .bytes = bytes };
        if (!entry)
                return aeon_fail(-ENOMEM, "no memory for a request");
        if (aeon_cancelled()) {
                json_decref(entry);
                return -ECANCELED;
        }
        aeon__confirmation_init(&e.done, b->action);
        list_append(&b->waiting, &e.done.node);
        bool full = count_of(&b->waiting) == ENTRIES;
        int r = start_worker(b, full || hurry);
        if (r >= 0)
                r = aeon__confirmation_wait(&e.done);
        list_remove(&e.done.node);
        json_decref(entry);
        return r;
}
