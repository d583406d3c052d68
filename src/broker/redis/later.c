/* Delayed messages, and the clock of the driver.
 *
 * DESIGN
 *   What is not due yet lies in a sorted set beside its stream or list. Any consumer may move what is due; the script that does so is
 *   atomic, so it does not matter who is first. Each source looks at its sets when the next one is due as far as it knows, and once a
 *   second: another process may have added something.
 */
#include "broker/redis/link.h"

#include <aeon/error.h>
#include <aeon/scope.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_EVERY AEON_SECONDS(1)

static void hurry(struct redis_link *l)
{
        if (l->hurry)
                aeon_try_send(l->hurry, ""); /* full: it hurries already */
}

void aeon__later_add(struct redis_source *s, char *set, char *target)
{
        s->later[s->laters++] = (struct later){ .set = set, .target = target, .source = s };
        hurry(s->link);
}

static void look_by(struct later *later, aeon_time at)
{
        if (at < later->at) {
                later->at = at;
                hurry(later->source->link);
        }
}

void aeon__later_hint(struct redis_link *l, const char *target, aeon_duration delay)
{
        aeon_time at = aeon_now() + delay;
        struct redis_source *s;
        list_foreach (s, &l->sources, node)
                for (unsigned i = 0; i < s->laters; i++)
                        if (!strcmp(s->later[i].target, target))
                                look_by(&s->later[i], at);
}

/* ------------------------------------------------------------------ moving */

static void moved(void *owner, const struct reply *reply)
{
        struct later *later = owner;
        later->asking = false;
        if (reply && reply->type == REDIS_REPLY_INTEGER && reply->number >= 0)
                look_by(later, aeon_now() + reply->number * 1000 + 1000);
}

static void move(struct later *later)
{
        struct redis_source *s = later->source;
        struct client *c = &s->link->commands;
        later->at = aeon_now() + LOOK_EVERY;
        if (later->asking || !c->wire.up)
                return;
        aeon__client_begin(c, "EVAL");
        aeon__client_text(c, aeon__script_move);
        aeon__client_number(c, 2);
        aeon__client_text(c, later->set);
        aeon__client_text(c, later->target);
        aeon__client_text(c, s->kind == KIND_STREAM ? "XADD" : "RPUSH");
        later->asking = aeon__client_send(c, moved, later) >= 0;
}

/* Do what is due; returns when something is again. */
static aeon_time look(struct redis_link *l)
{
        aeon_time now = aeon_now(), next = now + LOOK_EVERY;
        struct redis_source *s;
        aeon__acks_expire(l);
        list_foreach (s, &l->sources, node) {
                for (unsigned i = 0; i < s->laters && !s->draining; i++) {
                        if (s->later[i].at <= now)
                                move(&s->later[i]);
                        next = s->later[i].at < next ? s->later[i].at : next;
                }
                aeon__redis_fetch(s); /* one that was refused tries again */
        }
        return next;
}

static int run(void *arg)
{
        struct redis_link *l = arg;
        int r;
        do {
                char signal;
                aeon_scope until;
                aeon_scope_open(&until, &(aeon_scope_opts){ .deadline = look(l), .name = "next delayed message" });
                r = aeon_scope_close(&until, aeon_receive(l->hurried, &signal));
        } while (r >= 0 || r == -ETIMEDOUT);
        aeon_event_set(l->later_ended);
        return r == AEON_EOF ? 0 : r;
}

int aeon__later_start(struct redis_link *l)
{
        int r = aeon_channel_open(1, 1, &l->hurry, &l->hurried);
        if (r >= 0)
                r = aeon_event_new(&l->later_ended);
        if (r >= 0)
                r = aeon_spawn(l->link->group, "delayed messages", run, l);
        if (r < 0) {
                aeon_event_free(l->later_ended);
                l->later_ended = NULL;
        }
        return r;
}

void aeon__later_end(struct redis_link *l)
{
        aeon_sender_close(l->hurry);
        l->hurry = NULL;
        if (l->later_ended)
                aeon_event_wait(l->later_ended);
        aeon_receiver_close(l->hurried);
        aeon_event_free(l->later_ended);
}
