/* The memory broker's queues; see queue.h. */
#include "broker/memory/queue.h"

#include <aeon/error.h>
#include <aeon/thread.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct queue {
        struct list node; /* in the memory */
        struct list groups;
        char destination[];
};

struct group {
        struct list node; /* in the queue */
        struct list ready, delayed, sources;
        uint64_t waiting; /* items that are ready */
        char *name;       /* NULL: nobody subscribed yet; the first who does takes it over */
};

struct item {
        struct list node;
        struct group *group;
        struct aeon_message *content; /* never delivered itself */
        unsigned attempt;
        aeon_time due;
};

/* ------------------------------------------------------------------ making and finding */

static struct {
        pthread_mutex_t lock;
        struct list all;
} named = { PTHREAD_MUTEX_INITIALIZER, LIST_INIT(named.all) };

static struct memory *memory_new(const char *name)
{
        struct memory *m = calloc(1, sizeof *m);
        char *copy = strdup(name);
        if (!m || !copy) {
                free(m);
                free(copy);
                return NULL;
        }
        m->name = copy;
        list_init(&m->place);
        pthread_mutex_init(&m->lock, NULL);
        list_init(&m->queues);
        list_init(&m->links);
        return m;
}

/* With the lock of the named held. */
static struct memory *memory_find(const char *name)
{
        struct memory *m;
        list_foreach (m, &named.all, place)
                if (!strcmp(m->name, name))
                        return m;
        return NULL;
}

int aeon__memory_share(const char *name, struct memory **ret_memory)
{
        pthread_mutex_lock(&named.lock);
        struct memory *m = memory_find(name);
        if (!m && (m = memory_new(name)) && *name)
                list_append(&named.all, &m->place);
        if (m)
                m->sharers++;
        pthread_mutex_unlock(&named.lock);
        if (!m)
                return aeon_fail(-ENOMEM, "no memory for a memory broker");
        *ret_memory = m;
        return 0;
}

static struct group *group_new(struct queue *q)
{
        struct group *g = calloc(1, sizeof *g);
        if (!g)
                return NULL;
        list_init(&g->ready);
        list_init(&g->delayed);
        list_init(&g->sources);
        list_append(&q->groups, &g->node);
        return g;
}

static struct queue *queue_of(struct memory *m, const char *destination)
{
        struct queue *q;
        list_foreach (q, &m->queues, node)
                if (!strcmp(q->destination, destination))
                        return q;
        q = malloc(sizeof *q + strlen(destination) + 1);
        if (!q)
                return NULL;
        list_init(&q->groups);
        strcpy(q->destination, destination);
        if (!group_new(q)) {
                free(q);
                return NULL;
        }
        list_append(&m->queues, &q->node);
        return q;
}

static struct group *group_of(struct queue *q, const char *name)
{
        struct group *g, *unnamed = NULL;
        list_foreach (g, &q->groups, node) {
                if (!g->name)
                        unnamed = g;
                else if (!strcmp(g->name, name))
                        return g;
        }
        char *copy = strdup(name);
        g = unnamed ? unnamed : copy ? group_new(q) : NULL;
        if (!copy || !g) {
                free(copy);
                return NULL;
        }
        g->name = copy;
        return g;
}

static void item_free(struct item *i)
{
        list_remove(&i->node);
        free(i->content);
        free(i);
}

static void items_free(struct list *items)
{
        struct item *i, *next;
        list_foreach_safe (i, next, items, node)
                item_free(i);
}

static void group_free(struct group *g)
{
        items_free(&g->ready);
        items_free(&g->delayed);
        free(g->name);
        free(g);
}

static void queue_free(struct queue *q)
{
        struct group *g, *next;
        list_foreach_safe (g, next, &q->groups, node)
                group_free(g);
        free(q);
}

static void memory_free(struct memory *m)
{
        struct queue *q, *next;
        list_foreach_safe (q, next, &m->queues, node)
                queue_free(q);
        pthread_mutex_destroy(&m->lock);
        free(m->name);
        free(m);
}

void aeon__memory_unshare(struct memory *m)
{
        pthread_mutex_lock(&named.lock);
        bool last = --m->sharers == 0;
        if (last)
                list_remove(&m->place);
        pthread_mutex_unlock(&named.lock);
        if (last)
                memory_free(m);
}

/* ------------------------------------------------------------------ order */

static int priority(const struct item *i)
{
        return i->content->envelope.priority;
}

/* Into ready, behind its equals; in front of them when it was @given_back. */
static void make_ready(struct item *i, bool given_back)
{
        struct list *place = &i->group->ready, *ready = place;
        if (given_back) {
                for (place = ready->next; place != ready && priority(container_of(place, struct item, node)) > priority(i);)
                        place = place->next;
        } else {
                while (place->prev != ready && priority(container_of(place->prev, struct item, node)) < priority(i))
                        place = place->prev;
        }
        list_insert_before(place, &i->node);
        i->group->waiting++;
}

static void make_delayed(struct item *i, aeon_time due)
{
        struct list *place = &i->group->delayed, *delayed = place;
        i->due = due;
        while (place->prev != delayed && container_of(place->prev, struct item, node)->due > due)
                place = place->prev;
        list_insert_before(place, &i->node);
}

/* ------------------------------------------------------------------ delivery */

static void deliver_posted(void *arg)
{
        struct aeon_message *m = arg;
        aeon__deliver(m->source, m);
}

/* False: not now. */
static bool deliver(struct memory_source *s, struct item *i)
{
        struct aeon_message *copy = aeon__message_new(&i->content->envelope);
        if (!copy)
                return false;
        copy->token = (int64_t)(intptr_t)i;
        copy->attempt = i->attempt;
        copy->source = s->source;
        list_remove(&i->node);
        i->group->waiting--;
        list_append(&s->outstanding, &i->node);
        s->credit--;
        if (s->source->link->loop == aeon_loop_current()) {
                aeon__deliver(s->source, copy);
                return true;
        }
        if (aeon_post(s->source->link->loop, deliver_posted, copy) < 0) {
                free(copy);
                list_remove(&i->node);
                make_ready(i, true);
                s->credit = 0; /* that loop is at its end */
                return false;
        }
        return true;
}

static struct memory_source *next_with_credit(struct group *g)
{
        struct memory_source *s;
        list_foreach (s, &g->sources, node)
                if (s->credit && !s->draining)
                        return s;
        return NULL;
}

static void flow(struct group *g)
{
        struct memory_source *s;
        while (!list_empty(&g->ready) && (s = next_with_credit(g))) {
                if (!deliver(s, list_first(&g->ready, struct item, node)))
                        return;
                list_remove(&s->node);
                list_append(&g->sources, &s->node);
        }
}

void aeon__memory_flow(struct memory_source *s)
{
        flow(s->group);
}

uint64_t aeon__memory_waiting(const struct memory_source *s)
{
        return s->group->waiting;
}

aeon_time aeon__memory_promote(struct memory *m, aeon_time now)
{
        aeon_time next = AEON_NEVER;
        struct queue *q;
        struct group *g;
        list_foreach (q, &m->queues, node) {
                list_foreach (g, &q->groups, node) {
                        while (!list_empty(&g->delayed)) {
                                struct item *i = list_first(&g->delayed, struct item, node);
                                if (i->due > now) {
                                        next = i->due < next ? i->due : next;
                                        break;
                                }
                                list_remove(&i->node);
                                make_ready(i, false);
                        }
                        flow(g);
                }
        }
        return next;
}

/* ------------------------------------------------------------------ what the driver asks for */

static struct item *item_new(struct group *g, const struct envelope *e)
{
        struct item *i = malloc(sizeof *i);
        struct aeon_message *content = aeon__message_new(e);
        if (!i || !content) {
                free(i);
                free(content);
                return NULL;
        }
        *i = (struct item){ .group = g, .content = content, .attempt = 1 };
        list_init(&i->node);
        return i;
}

int aeon__memory_publish(struct memory *m, const struct envelope *e, aeon_time now)
{
        struct queue *q = queue_of(m, e->destination);
        if (!q)
                return aeon_fail(-ENOMEM, "no memory for a queue");
        struct list made;
        list_init(&made);
        char id[24];
        struct envelope content = *e;
        content.id = id;
        struct group *g;
        list_foreach (g, &q->groups, node) {
                snprintf(id, sizeof id, "%" PRIu64, ++m->last_id);
                struct item *i = item_new(g, &content);
                if (!i) {
                        items_free(&made);
                        return aeon_fail(-ENOMEM, "no memory for a message of %zu bytes", e->size);
                }
                list_append(&made, &i->node);
        }
        struct list *node;
        while ((node = list_pop(&made))) {
                struct item *i = container_of(node, struct item, node);
                if (e->delay)
                        make_delayed(i, now + e->delay);
                else
                        make_ready(i, false);
                flow(i->group);
        }
        return 0;
}

int aeon__memory_attach(struct memory *m, struct memory_source *s)
{
        struct queue *q = queue_of(m, s->source->destination);
        s->group = q ? group_of(q, s->source->group) : NULL;
        if (!s->group)
                return aeon_fail(-ENOMEM, "no memory for a queue");
        list_append(&s->group->sources, &s->node);
        return 0;
}

void aeon__memory_detach(struct memory_source *s)
{
        list_remove(&s->node);
        while (!list_empty(&s->outstanding)) {
                struct item *i =
                        container_of(s->outstanding.prev, struct item, node); /* last first: they go in front of each other */
                list_remove(&i->node);
                make_ready(i, true);
        }
        flow(s->group);
}

int aeon__memory_settle(struct memory_source *s, int64_t token, const struct settlement *verdict, aeon_time now)
{
        struct item *i = (struct item *)(intptr_t)token;
        int r;
        switch (verdict->verdict) {
        case VERDICT_REJECT:
                r = aeon__memory_publish(s->memory, verdict->dead, now);
                if (r < 0)
                        return r;
                item_free(i);
                return 0;
        case VERDICT_ACK:
                item_free(i);
                return 0;
        case VERDICT_RETRY:
                i->attempt++;
                list_remove(&i->node);
                make_delayed(i, now + verdict->delay);
                return 0;
        case VERDICT_RELEASE:
                list_remove(&i->node);
                make_ready(i, true);
                flow(i->group);
                return 0;
        }
        return aeon_fail(-EINVAL, "unknown verdict");
}
