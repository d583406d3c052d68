/* Publishing.
 *
 * DESIGN
 *      to a stream     HPUB subject PREFIX.pN: the stream answers there when it has the message (the PubAck)
 *      core            HPUB subject [reply]: confirmed by the PONG behind it; a request needs no confirmation but its answer
 *
 *   Answers, and whatever else begins with "_INBOX." or "$", go by core. A request to a stream carries its reply address in the header reply_to,
 *   as FastStream has it, since the stream needs the other one. Somebody who listens to the same subject without the stream answers where
 *   the stream does: see ask.c.
 */
#include "broker/nats/nats.h"

#include <aeon/error.h>
#include <aeon/scope.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ADDRESS_SIZE = 128 };

/* Our own address of answers with the correlation id behind it, so that any answer says what it answers; or the address as it is. */
static const char *reply_address(const struct nats *l, const struct envelope *e, char *to, bool *ret_ours)
{
        *ret_ours = !strncmp(e->reply_to, l->prefix, l->prefix_length) && !strcmp(e->reply_to + l->prefix_length, "r");
        if (!*ret_ours)
                return e->reply_to;
        snprintf(to, ADDRESS_SIZE, "%s%s", e->reply_to, e->correlation_id);
        return to;
}

/* ------------------------------------------------------------------ core */

static int publish_core(struct nats *l, const struct envelope *e, const char *message_id)
{
        char address[ADDRESS_SIZE];
        bool ours;
        const char *reply = reply_address(l, e, address, &ours);
        const struct text *block;
        int r = aeon__nats_encode_headers(l, e, "", message_id, &block);
        if (r >= 0)
                r = aeon__nats_put(l, e->destination, reply, block, e->body, e->size);
        return r < 0 || ours ? r : aeon__nats_flushed(l, e->destination);
}

/* ------------------------------------------------------------------ to a stream */

static void stored(struct asked *a, const struct content *c, int code, const char *words)
{
        char said[200] = "";
        if (c && c->status) {
                code = -ENOENT;
                words = "no stream has the subject";
        } else if (c && strncmp(c->envelope.body, "{\"stream\":", strlen("{\"stream\":")) != 0) {
                json_t *answer = json_loadb(c->envelope.body, c->envelope.size, 0, NULL);
                code = aeon__nats_refusal(answer, said, sizeof said);
                code = code == -ENOENT || code == -EINVAL ? -EREMOTEIO : code;
                words = said;
                json_decref(answer);
        }
        aeon__confirmation_come(&a->confirmation, code, words);
}

static int publish_once(struct nats *l, const struct envelope *e, const struct nats_options *o)
{
        char address[ADDRESS_SIZE], inbox[ADDRESS_SIZE];
        bool ours;
        const char *reply = reply_address(l, e, address, &ours);
        const struct text *block;
        int r = aeon__nats_encode_headers(l, e, reply, o->message_id, &block);
        if (r < 0)
                return r;
        struct asked a;
        aeon__nats_asked_init(l, &a, "publish", e->destination);
        a.come = stored;
        aeon__nats_inbox_of(&a, ours ? e->correlation_id : "", inbox, sizeof inbox);
        r = aeon__nats_put(l, e->destination, inbox, block, e->body, e->size);
        if (r >= 0)
                r = aeon__confirmation_wait(&a.confirmation);
        list_remove(&a.confirmation.node);
        return r;
}

static int publish_to_stream(struct nats *l, const struct envelope *e, const struct nats_options *o)
{
        int r = aeon__nats_topic(l, e->destination, o);
        if (r >= 0)
                r = publish_once(l, e, o);
        if (r != -ENOENT)
                return r;
        aeon__nats_topic_forget(l, e->destination); /* the stream was deleted */
        r = aeon__nats_topic(l, e->destination, o);
        return r < 0 ? r : publish_once(l, e, o);
}

int aeon__nats_publish(struct link *link, const struct envelope *e)
{
        struct nats *l = link->self;
        const struct nats_options *o = e->route;
        if (aeon_cancelled())
                return aeon_checkpoint();
        int r = o ? 0 : aeon__nats_subject_check(e->destination, false);
        if (r >= 0)
                r = aeon__wire_ready(&l->wire);
        if (r >= 0)
                r = aeon__wire_room(&l->wire);
        if (r < 0)
                return r;
        if (!o || o->mode == NATS_CORE)
                return publish_core(l, e, o ? o->message_id : NULL);
        return publish_to_stream(l, e, o);
}

int aeon__nats_route(struct link *link, const char *destination, const char *options, void **ret_route)
{
        int r = aeon__nats_subject_check(destination, false);
        if (r < 0)
                return r;
        struct nats_options *o = malloc(sizeof *o);
        if (!o)
                return aeon_fail(-ENOMEM, "no memory for a destination");
        r = aeon__nats_publish_options(link->self, options, o);
        if (r < 0) {
                free(o);
                return r;
        }
        if (aeon__nats_is_fleeting(destination))
                o->mode = NATS_CORE;
        *ret_route = o;
        return 0;
}

void aeon__nats_unroute(struct link *link, void *route)
{
        struct nats_options *o = route;
        (void)link;
        aeon__options_free(o->all);
        free(o);
}
