/* Publishing: a command, and the server's word for it. */
#include "broker/redis/link.h"

#include <aeon/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const aeon__kind_names[] = { "stream", "list", "channel", "pattern", NULL };

/* ------------------------------------------------------------------ where to */

int aeon__target_read(struct redis_link *l, const char *destination, const char *options, bool answer, struct target *ret_target)
{
        struct target target = { .kind = answer ? KIND_CHANNEL : KIND_STREAM, .format = l->format };
        if (*options) {
                struct options *o;
                int r = aeon__options_read(options, &o);
                if (r < 0)
                        return r;
                target.kind = (enum kind)aeon__option_choice(o, "kind", aeon__kind_names, (int)target.kind);
                target.format = (enum format)aeon__option_choice(o, "envelope", aeon__format_names, (int)target.format);
                target.maxlen = aeon__option_number(o, "maxlen", 1, 1000000000000, 0);
                r = aeon__options_end(o, destination);
                aeon__options_free(o);
                if (r < 0)
                        return r;
        }
        if (target.kind == KIND_PATTERN)
                return aeon_fail(-EINVAL, "nothing can be published to a pattern; a channel is meant?");
        if (target.maxlen && target.kind != KIND_STREAM)
                return aeon_fail(-EINVAL, "only a stream has a maxlen");
        *ret_target = target;
        return 0;
}

int aeon__target_of_dead(struct redis_link *l, const struct envelope *dead, struct dead_letter *ret_dead)
{
        const char *mark = strchr(dead->destination, '?');
        char *name = mark ? strndup(dead->destination, (size_t)(mark - dead->destination)) : strdup(dead->destination);
        if (!name)
                return aeon_fail(-ENOMEM, "no memory for a name");
        int r = aeon__target_read(l, name, mark ? mark + 1 : dead->options, false, &ret_dead->target);
        if (r < 0)
                free(name);
        else
                ret_dead->name = name;
        return r;
}

/* ------------------------------------------------------------------ the command */

const char *aeon__target_command(const struct target *target)
{
        return target->kind == KIND_STREAM ? "XADD" : target->kind == KIND_LIST ? "RPUSH" : "PUBLISH";
}

static void put_now(struct redis_link *l, const struct target *target, const char *destination)
{
        struct client *c = &l->commands;
        aeon__client_begin(c, aeon__target_command(target));
        aeon__client_text(c, destination);
        if (target->maxlen) {
                aeon__client_text(c, "MAXLEN");
                aeon__client_text(c, "~");
                aeon__client_number(c, target->maxlen);
        }
        if (target->kind == KIND_STREAM) {
                aeon__client_text(c, "*");
                aeon__client_text(c, "__data__");
        }
        aeon__client_word(c, l->payload.data, l->payload.length);
}

static int put_later(struct redis_link *l, const struct target *target, const char *destination, aeon_duration delay)
{
        struct client *c = &l->commands;
        char unique[48];
        char *set = aeon__redis_join(destination, ":aeon:later", "");
        if (!set)
                return aeon_fail(-ENOMEM, "no memory for a name");
        snprintf(unique, sizeof unique, "%s-%llu", l->nonce, ++l->serial);
        aeon__client_begin(c, "EVAL");
        aeon__client_text(c, aeon__script_later);
        aeon__client_number(c, 1);
        aeon__client_text(c, set);
        aeon__client_number(c, aeon__microseconds(delay));
        aeon__client_text(c, unique);
        if (target->kind == KIND_STREAM)
                aeon__client_text(c, "__data__");
        aeon__client_word(c, l->payload.data, l->payload.length);
        free(set);
        return 0;
}

int aeon__redis_route(struct link *link, const char *destination, const char *options, void **ret_route)
{
        struct target target, *kept;
        int r = aeon__target_read(link->self, destination, options, false, &target);
        if (r < 0)
                return r;
        kept = malloc(sizeof *kept);
        if (!kept)
                return aeon_fail(-ENOMEM, "no memory for a destination");
        *kept = target;
        *ret_route = kept;
        return 0;
}

void aeon__redis_unroute(struct link *link, void *route)
{
        (void)link;
        free(route);
}

int aeon__redis_publish(struct link *link, const struct envelope *e)
{
        struct redis_link *l = link->self;
        struct target own;
        const struct target *target = e->route;
        int r = 0;
        if (!target) {
                target = &own;
                r = aeon__target_read(l, e->destination, e->options, e->answer, &own);
        }
        if (r < 0)
                return r;
        if (e->delay && target->kind == KIND_CHANNEL)
                return aeon_fail(-ENOTSUP, "a channel has no delays");
        if (aeon_cancelled())
                return -ECANCELED;
        r = aeon__wire_ready(&l->commands.wire);
        if (r >= 0)
                r = aeon__wire_room(&l->commands.wire);
        if (r < 0)
                return r;

        l->payload.length = 0;
        r = aeon__format_write(&l->payload, target->format, e, 1);
        if (r < 0)
                return r;
        if (e->delay)
                r = put_later(l, target, e->destination, e->delay);
        else
                put_now(l, target, e->destination);
        if (r >= 0)
                r = aeon__client_ask(&l->commands, "publish", NULL, NULL);
        if (r >= 0 && e->delay)
                aeon__later_hint(l, e->destination, e->delay);
        return r;
}
