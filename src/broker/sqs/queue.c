/* Queues: names, URLs, making them; see queue.h. */
#include "broker/sqs/queue.h"

#include <aeon/error.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MOST = 80, SEND_WORKERS = 16, SETTLE_WORKERS = 16 };

/* ------------------------------------------------------------------ names */

static bool is_allowed(char c)
{
        return isascii((unsigned char)c) && (isalnum((unsigned char)c) || c == '-' || c == '_');
}

/* Is @text the beginning of an escape, as a name of its own? */
static bool looks_escaped(const char *text)
{
        return text[0] == '_' && text[1] == 'x';
}

/* Write @name with what SQS does not allow as "_x" hexadecimal digits "_": "test.dead" is "test_x2E_dead". "_x" itself is escaped, so
 * no two names become one. A ".fifo" at the end stays. Returns the length. */
static size_t encode_name(const char *name, char *to)
{
        size_t length = strlen(name), end = length > 5 && !strcmp(name + length - 5, ".fifo") ? length - 5 : length;
        char *at = to;
        for (size_t i = 0; i < end;) {
                if (is_allowed(name[i]) && !looks_escaped(name + i)) {
                        *at++ = name[i++];
                        continue;
                }
                at = stpcpy(at, "_x");
                do
                        at += sprintf(at, "%02X", (unsigned char)name[i++]);
                while (i < end && !is_allowed(name[i]));
                *at++ = '_';
        }
        strcpy(at, name + end);
        return (size_t)(at - to) + length - end;
}

/* Errors: -EINVAL */
static int name_of(const char *destination, char *ret_name, size_t size)
{
        if (strlen(destination) * 5 + sizeof ".fifo" > size)
                return aeon_fail(-EINVAL, "\"%.80s...\" is too long for the name of an SQS queue", destination);
        if (encode_name(destination, ret_name) > NAME_MOST)
                return aeon_fail(-EINVAL,
                                 "\"%s\" is too long for the name of an SQS queue: as \"%s\" it has more than %d characters",
                                 destination, ret_name, NAME_MOST);
        return 0;
}

static bool is_url(const char *destination)
{
        return !strncmp(destination, "https://", 8) || !strncmp(destination, "http://", 7);
}

/* ------------------------------------------------------------------ the table */

static void batch_init(struct sqs_batch *b, struct sqs_queue *q, const char *action, unsigned most_workers)
{
        *b = (struct sqs_batch){ .queue = q, .action = action, .most_workers = most_workers };
        list_init(&b->waiting);
}

static int set_url(struct sqs_queue *q, const char *url)
{
        json_t *json = json_string(url);
        char *copy = strdup(url), *text = json ? json_dumps(json, JSON_ENCODE_ANY) : NULL;
        json_decref(json);
        if (!copy || !text) {
                free(copy);
                free(text);
                return aeon_fail(-EINVAL, "\"%s\" is not a URL, or there is no memory for it", url);
        }
        free(q->url);
        free(q->url_json);
        q->url = copy;
        q->url_json = text;
        return 0;
}

static struct sqs_queue *queue_new(struct sqs_link *l, const char *name, bool by_url)
{
        size_t length = strlen(name);
        struct sqs_queue *q = calloc(1, sizeof *q + length + 1);
        if (!q)
                return NULL;
        strcpy(q->name, name);
        q->link = l;
        q->by_url = by_url;
        q->fifo = length > 5 && !strcmp(name + length - 5, ".fifo");
        batch_init(&q->send, q, "SendMessageBatch", q->fifo ? 1 : SEND_WORKERS); /* one after another keep their order */
        q->send.once = true;
        batch_init(&q->delete, q, "DeleteMessageBatch", SETTLE_WORKERS);
        batch_init(&q->visibility, q, "ChangeMessageVisibilityBatch", SETTLE_WORKERS);
        if (by_url && set_url(q, name) < 0) {
                free(q);
                return NULL;
        }
        list_append(&l->queues, &q->node);
        return q;
}

int aeon__sqs_queue_get(struct sqs_link *l, const char *destination, struct sqs_queue **ret_queue)
{
        char encoded[600];
        const char *name = destination;
        bool by_url = is_url(destination);
        if (!by_url) {
                int r = name_of(destination, encoded, sizeof encoded);
                if (r < 0)
                        return r;
                name = encoded;
        }
        struct sqs_queue *q;
        list_foreach (q, &l->queues, node)
                if (!strcmp(q->name, name)) {
                        *ret_queue = q;
                        return 0;
                }
        q = queue_new(l, name, by_url);
        if (!q)
                return aeon_fail(-ENOMEM, "no memory for a queue");
        *ret_queue = q;
        return 0;
}

void aeon__sqs_queues_free(struct sqs_link *l)
{
        struct list *node;
        while ((node = list_pop(&l->queues))) {
                struct sqs_queue *q = container_of(node, struct sqs_queue, node);
                free(q->url);
                free(q->url_json);
                free(q);
        }
}

/* ------------------------------------------------------------------ where they are */

static int ask_url(struct sqs_queue *q, const char *action, json_t *request, aeon_duration patience)
{
        struct sqs_call call = { .action = action, .patience = patience };
        json_t *answer;
        int r = aeon__sqs_ask(q->link, &call, request, &answer);
        if (r < 0)
                return r;
        const char *url = json_string_value(json_object_get(answer, "QueueUrl"));
        r = url ? set_url(q, url) : aeon_fail(-EREMOTEIO, "%s: the server names no URL for the queue \"%s\"", action, q->name);
        json_decref(answer);
        return r;
}

static json_t *creation(const struct sqs_queue *q)
{
        json_t *attributes = json_object();
        if (q->fifo)
                json_object_set_new(attributes, "FifoQueue", json_string("true"));
        if (q->transient)
                json_object_set_new(attributes, "MessageRetentionPeriod", json_string("300"));
        return json_pack("{s:s, s:o}", "QueueName", q->name, "Attributes", attributes);
}

static json_t *lookup(const struct sqs_queue *q)
{
        const char *owner = q->link->account.owner;
        return json_pack("{s:s, s:s*}", "QueueName", q->name, "QueueOwnerAWSAccountId", *owner ? owner : NULL);
}

/* Whoever else looks for it meanwhile may be quicker: then it is found, whatever our own question came to. */
int aeon__sqs_queue_find(struct sqs_queue *q, aeon_duration patience, bool may_create)
{
        int r = 0;
        if (!q->url && !q->transient) {
                r = ask_url(q, "GetQueueUrl", lookup(q), patience);
                if (r == -ENOENT && !q->url && !may_create)
                        return aeon_fail(-ENOENT, "there is no queue \"%s\", and create=no", q->name);
        }
        if (!q->url && (r == -ENOENT || q->transient))
                r = ask_url(q, "CreateQueue", creation(q), patience);
        return q->url ? 0 : r;
}

bool aeon__sqs_queue_forget(struct sqs_queue *q)
{
        if (q->by_url)
                return false;
        free(q->url);
        q->url = NULL;
        return true;
}
