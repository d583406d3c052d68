/* The dump of a loop's tasks.
 *
 * DESIGN
 *   No list of all tasks is kept for it: a task knows the groups it has open, a group its tasks, and the way back goes through the
 *   group's scope, which knows the task that opened it. So the walk needs neither recursion nor memory, however deep the tree.
 *
 *        task "main" -- groups --> group -- outer --> group
 *              ^                    |  tasks
 *              '---- owner ---------+--> task, with groups of its own
 *
 *   A dump of a million tasks must stay readable: past the limit, tasks are only counted, by where they were spawned and what they
 *   wait for. One line of that says more than the million.
 */
#include "task/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_LIMIT = 1000, TALLIES = 64, NAME_COLUMN = 34, WAIT_COLUMN = 44, DEPTH_SHOWN = 24 };

/* ------------------------------------------------------------------ the walk */

/* The first task of @g and those around it that have one. */
static struct aeon_task *first_task(aeon_group *g)
{
        for (; g; g = aeon__group_outer(g))
                if (!list_empty(aeon__group_tasks(g)))
                        return list_first(aeon__group_tasks(g), struct aeon_task, in_group);
        return NULL;
}

struct aeon_task *aeon__task_next(struct aeon_task *t, unsigned *depth)
{
        struct aeon_task *next = first_task(t->groups);
        if (next) {
                ++*depth;
                return next;
        }
        for (; t->group; --*depth) {
                if (t->in_group.next != aeon__group_tasks(t->group))
                        return container_of(t->in_group.next, struct aeon_task, in_group);
                next = first_task(aeon__group_outer(t->group));
                if (next)
                        return next;
                t = aeon_group_scope(t->group)->owner;
        }
        return NULL;
}

/* ------------------------------------------------------------------ one task */

static const char *state_of(const struct aeon_task *t)
{
        return t->waiting ? "waiting" : t->fiber.state == FIBER_RUNNING ? "running" : "ready";
}

static unsigned count_shields(const struct aeon_task *t)
{
        unsigned count = 0;
        for (const aeon_scope *s = t->scope; s && aeon__scope_is_open(s); s = s->parent)
                count += s->shield;
        return count;
}

const char *aeon__task_describe_wait(const struct aeon_task *task, char *text, size_t size)
{
        const struct wait *wait = task->waiting;
        text[0] = '\0';
        if (wait && wait->describe)
                wait->describe(wait, task, text, size);
        else if (wait && wait->object)
                snprintf(text, size, "%s %p", wait->what, wait->object);
        else if (wait)
                snprintf(text, size, "%s", wait->what);
        return text;
}

static void print_task(struct text *out, const struct aeon_task *t, unsigned depth, aeon_time now)
{
        char name[64 + 2 * DEPTH_SHOWN], wait[128], doing[192], duration[DURATION_WORDS];
        snprintf(name, sizeof name, "%*s%s #%llu", 2 * (int)(depth < DEPTH_SHOWN ? depth : DEPTH_SHOWN), "", t->name,
                 (unsigned long long)t->id);
        snprintf(doing, sizeof doing, "%s", state_of(t));
        if (t->waiting)
                snprintf(doing, sizeof doing, "waiting %s: %s", aeon__duration_words(now - t->waiting_since, duration),
                         aeon__task_describe_wait(t, wait, sizeof wait));
        aeon__text_print(out, "%-*s %-*s from %s, age %s", NAME_COLUMN, name, WAIT_COLUMN, doing, t->site,
                         aeon__duration_words(now - t->spawned_at, duration));
        aeon_time deadline = aeon__task_deadline(t);
        if (deadline != AEON_NEVER && deadline != INT64_MIN)
                aeon__text_print(out, ", deadline in %s", aeon__duration_words(deadline - now, duration));
        unsigned shields = count_shields(t);
        if (shields)
                aeon__text_print(out, ", %u shield%s", shields, shields == 1 ? "" : "s");
        if (t->scope->state == SCOPE_CANCELLED)
                aeon__text_print(out, ", cancelled: %s", aeon_scope_reason(t->scope));
        aeon__text_print(out, "\n");
}

static long long milliseconds(aeon_duration d)
{
        return (long long)(d / 1000000);
}

static void print_task_json(struct text *out, const struct aeon_task *t, unsigned depth, aeon_time now)
{
        aeon__text_print(out, "{\"id\":%llu,\"parent\":", (unsigned long long)t->id);
        if (t->group)
                aeon__text_print(out, "%llu", (unsigned long long)aeon_group_scope(t->group)->owner->id);
        else
                aeon__text_print(out, "null");
        aeon__text_print(out, ",\"depth\":%u,\"name\":", depth);
        aeon__json_add_string(out, t->name);
        aeon__text_print(out, ",\"site\":");
        aeon__json_add_string(out, t->site);
        aeon__text_print(out, ",\"state\":\"%s\",\"wait\":", state_of(t));
        if (t->waiting) {
                char wait[128];
                aeon__text_print(out, "{\"what\":\"%s\",\"object\":", t->waiting->what);
                if (t->waiting->object)
                        aeon__text_print(out, "\"%p\"", t->waiting->object);
                else
                        aeon__text_print(out, "null");
                aeon__text_print(out, ",\"text\":");
                aeon__json_add_string(out, aeon__task_describe_wait(t, wait, sizeof wait));
                aeon__text_print(out, ",\"ms\":%lld}", milliseconds(now - t->waiting_since));
        } else {
                aeon__text_print(out, "null");
        }
        aeon__text_print(out, ",\"age_ms\":%lld,\"deadline_ms\":", milliseconds(now - t->spawned_at));
        aeon_time deadline = aeon__task_deadline(t);
        if (deadline == AEON_NEVER || deadline == INT64_MIN)
                aeon__text_print(out, "null");
        else
                aeon__text_print(out, "%lld", milliseconds(deadline - now));
        aeon__text_print(out, ",\"shields\":%u,\"cancelled\":", count_shields(t));
        if (t->scope->state == SCOPE_CANCELLED)
                aeon__json_add_string(out, aeon_scope_reason(t->scope));
        else
                aeon__text_print(out, "null");
        aeon__text_print(out, "}");
}

/* ------------------------------------------------------------------ the rest, counted */

struct tally {
        const char *site, *state, *what; /* static strings: compared by address */
        size_t count;
        aeon_duration longest; /* wait */
};

struct tallies {
        struct tally at[TALLIES]; /* what finds no place is counted in the last */
        size_t used;
};

static void count_task(struct tallies *all, const struct aeon_task *t, aeon_time now)
{
        const char *state = state_of(t), *what = t->waiting ? t->waiting->what : "";
        struct tally *tally = all->at;
        while (tally < all->at + all->used && (tally->site != t->site || tally->state != state || tally->what != what))
                tally++;
        if (tally == all->at + all->used && all->used < TALLIES - 1) {
                *tally = (struct tally){ .site = t->site, .state = state, .what = what };
                all->used++;
        } else if (tally == all->at + TALLIES - 1) {
                *tally = (struct tally){ "elsewhere", "various", "", tally->count, tally->longest };
        }
        tally->count++;
        if (t->waiting && now - t->waiting_since > tally->longest)
                tally->longest = now - t->waiting_since;
}

static int most_first(const void *a, const void *b)
{
        const struct tally *x = a, *y = b;
        return x->count < y->count ? 1 : -(x->count > y->count);
}

static void sort_tallies(struct tallies *all)
{
        all->used += all->at[TALLIES - 1].count > 0;
        qsort(all->at, all->used, sizeof *all->at, most_first);
}

static void print_tally(struct text *out, const struct tally *tally)
{
        char duration[DURATION_WORDS];
        aeon__text_print(out, "%10zu  %s", tally->count, tally->state);
        if (tally->what[0])
                aeon__text_print(out, ": %s, for up to %s", tally->what, aeon__duration_words(tally->longest, duration));
        aeon__text_print(out, ", from %s\n", tally->site);
}

static void print_tally_json(struct text *out, const struct tally *tally)
{
        aeon__text_print(out, "{\"count\":%zu,\"site\":", tally->count);
        aeon__json_add_string(out, tally->site);
        aeon__text_print(out, ",\"state\":\"%s\",\"what\":\"%s\",\"longest_ms\":%lld}", tally->state, tally->what,
                         milliseconds(tally->longest));
}

/* ------------------------------------------------------------------ the whole */

struct counts {
        size_t all, running, ready;
};

static void count(struct counts *counts, const struct aeon_task *t)
{
        counts->all++;
        counts->running += !t->waiting && t->fiber.state == FIBER_RUNNING;
        counts->ready += !t->waiting && t->fiber.state == FIBER_READY;
}

static void begin(struct text *out, const struct counts *c, bool json)
{
        size_t waiting = c->all - c->running - c->ready;
        if (json)
                aeon__text_print(out, "{\"tasks\":%zu,\"running\":%zu,\"ready\":%zu,\"waiting\":%zu,\"list\":[", c->all, c->running,
                                 c->ready, waiting);
        else
                aeon__text_print(out, "%zu task%s: %zu running, %zu ready, %zu waiting\n", c->all, c->all == 1 ? "" : "s",
                                 c->running, c->ready, waiting);
}

static void print_rest(struct text *out, struct tallies *rest, size_t count, bool json)
{
        sort_tallies(rest);
        if (json)
                aeon__text_print(out, "],\"rest\":[");
        else if (count)
                aeon__text_print(out, "and %zu more, by where they were spawned and what they do:\n", count);
        for (size_t i = 0; i < rest->used; i++) {
                if (json && i)
                        aeon__text_print(out, ",");
                (json ? print_tally_json : print_tally)(out, &rest->at[i]);
        }
        if (json)
                aeon__text_print(out, "]}");
}

void aeon__runner_dump(struct runner *runner, const aeon_dump_opts *opts, struct text *out)
{
        bool json = opts && opts->json;
        size_t limit = opts && opts->limit ? opts->limit : DEFAULT_LIMIT;
        struct counts counts = { 0 };
        struct tallies rest = { .used = 0 };
        struct text list = { 0 };
        aeon_time now = aeon__runner_clock(runner);
        unsigned depth = 0;

        for (struct aeon_task *t = runner->root.owner; t; t = aeon__task_next(t, &depth)) {
                count(&counts, t);
                if (counts.all > limit) {
                        count_task(&rest, t, now);
                        continue;
                }
                if (json && counts.all > 1)
                        aeon__text_print(&list, ",");
                (json ? print_task_json : print_task)(&list, t, depth, now);
        }
        begin(out, &counts, json);
        aeon__text_add(out, list.data ? list.data : "", list.length);
        out->failed = out->failed || list.failed;
        aeon__text_done(&list);
        print_rest(out, &rest, counts.all > limit ? counts.all - limit : 0, json);
}

static int dump_running(const aeon_dump_opts *opts, struct text *out)
{
        struct runner *runner = aeon__runner_now();
        if (!runner)
                return aeon_fail(-EINVAL, "no loop runs here whose tasks could be dumped");
        aeon__runner_dump(runner, opts, out);
        if (!out->failed)
                return 0;
        aeon__text_done(out);
        return aeon_fail(-ENOMEM, "no memory for a dump of %zu tasks", runner->tasks);
}

int aeon_task_dump(const aeon_dump_opts *opts, char **ret_text)
{
        struct text out = { 0 };
        int r = dump_running(opts, &out);
        if (r == 0)
                *ret_text = out.data;
        return r;
}

int aeon_task_dump_to(int fd, const aeon_dump_opts *opts)
{
        struct text out = { 0 };
        int r = dump_running(opts, &out);
        if (r < 0)
                return r;
        if (opts && opts->json)
                aeon__text_print(&out, "\n");
        r = aeon__text_write(&out, fd);
        aeon__text_done(&out);
        return r < 0 ? aeon_fail_os(r, "cannot write the dump") : 0;
}
