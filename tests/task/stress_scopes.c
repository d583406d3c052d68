/* What the crowd does to scopes and groups, its own and others'. */
#include "stress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { PUBLIC_SCOPES = 16, PUBLIC_BANDS = 32, DEPTH = 4 };

static aeon_scope *scopes[PUBLIC_SCOPES]; /* open ones of all tasks, for the others to meddle with */
static struct band *bands[PUBLIC_BANDS];
static struct band *all_bands;
static const char scope_name[] = "stress";

/* ------------------------------------------------------------------ scopes */

/* From the causes and shields alone. */
static bool cancelled_from_outside(const aeon_scope *s)
{
        while (!s->shield && s->parent) {
                s = s->parent;
                if (s->cause != AEON_CAUSE_NONE)
                        return true;
        }
        return false;
}

/* Rules 9 and 11. */
static int expected_of_close(const aeon_scope *s, int r)
{
        if (r != -ECANCELED || s->cause == AEON_CAUSE_NONE || cancelled_from_outside(s))
                return r;
        return s->cause == AEON_CAUSE_DEADLINE ? -ETIMEDOUT : 0;
}

static void scope_open(aeon_scope *s)
{
        aeon_scope_opts opts = { .name = scope_name, .shield = chance(4) == 0 };
        if (chance(2))
                opts.timeout = some_time();
        if (chance(4) == 0)
                opts.deadline = aeon_now() + some_time();
        REQUIRE_INT(aeon_scope_init(s, &opts), 0);
        if (chance(20) == 0)
                aeon_scope_cancel(s, "before it was entered");
        REQUIRE_INT(aeon_scope_enter(s), 0);
        scopes[chance(PUBLIC_SCOPES)] = s;
}

static int scope_close(aeon_scope *s, int r)
{
        for (size_t i = 0; i < PUBLIC_SCOPES; i++)
                if (scopes[i] == s)
                        scopes[i] = NULL;
        int expected = expected_of_close(s, r), closed = aeon_scope_close(s, r);
        REQUIRE_INT(closed, expected);
        REQUIRE_INT(aeon_scope_caught(s), closed != r);
        stress.absorbed += closed != r;
        stress.timed_out += closed == -ETIMEDOUT;
        return closed == -ETIMEDOUT ? 0 : closed;
}

static int act_scope(struct band *band, int depth)
{
        aeon_scope s;
        scope_open(&s);
        return scope_close(&s, act_some(band, depth));
}

void stress_meddle(void)
{
        aeon_scope *s = scopes[chance(PUBLIC_SCOPES)];
        if (!s)
                return;
        switch (chance(stress.meddling ? 4 : 2)) {
        case 0:
                aeon_scope_cancel(s, "by a stranger");
                REQUIRE(aeon_scope_cancelled(s));
                break;
        case 1:
                REQUIRE_INT(aeon_scope_set_deadline(s, chance(3) ? aeon_now() + some_time() : AEON_NEVER), 0);
                break;
        default:
                aeon_scope_set_shield(s, chance(2) != 0);
                break;
        }
}

void stress_meddle_with(aeon_scope *s)
{
        if (stress.meddling && s->name == scope_name)
                aeon_scope_set_shield(s, !s->shield);
}

static int act_meddle(struct band *band, int depth)
{
        (void)band, (void)depth;
        stress_meddle();
        return 0;
}

static void unshield_scopes_of(struct aeon_task *t)
{
        for (aeon_scope *s = t->inner.scope; s; s = s->inner.scope) {
                if (s->shield && s->name == scope_name) /* others' are none of our business */
                        aeon_scope_set_shield(s, false);
                struct aeon_task *inside;
                if (s->group)
                        list_foreach (inside, aeon__group_tasks(s->group), in_group)
                                unshield_scopes_of(inside);
        }
}

void stress_scopes_unshield(void)
{
        struct aeon_task *t = aeon__task_now();
        while (t->group)
                t = aeon_group_scope(t->group)->owner;
        unshield_scopes_of(t);
}

/* ------------------------------------------------------------------ tasks */

static void note_failure(struct band *band, int r, bool cancelled)
{
        if (r < 0 && !(r == -ECANCELED && cancelled) && !band->first_code)
                band->first_code = r;
}

/* A task of @band ends with @r, which its code hands on; returns what it ends with. */
static int end_in(struct band *band, int r)
{
        if (band->never_fails && !(r == -ECANCELED && aeon_cancelled()))
                r = 0;
        REQUIRE(!band->closed);
        REQUIRE_INT(aeon_group_size(band->group), band->started - band->ended);
        band->ended++;
        note_failure(band, r, aeon_cancelled());
        return r;
}

static int live_in(struct band *band)
{
        REQUIRE(!band->closed);
        char words[32];
        snprintf(words, sizeof words, "of task %" PRIu64, aeon_task_id(aeon_task_current()));
        (void)aeon_fail(-ENOANO, "%s", words);
        int r = act_some(band, DEPTH);
        REQUIRE_INT(aeon_cancelled(), aeon_effective_deadline() == INT64_MIN);
        if (aeon_error_describe(-ENOANO) != aeon_strerror(-ENOANO))
                REQUIRE(test_check_contains(aeon_error_text(), words, __FILE__, __LINE__, "the task's own words"));
        if (r == 0 && chance(50) == 0)
                r = aeon_fail(-EIO, "%s gives up", words);
        return end_in(band, r);
}

static int live(void *arg)
{
        stress.alive++;
        stress.tasks++;
        int r = live_in(arg);
        stress.alive--;
        return r;
}

void spawn_into(struct band *band)
{
        aeon_spawn_opts opts = { .stack_size = chance(8) ? 65536 : 0 };
        int r = aeon_spawn_with(band->group, "stress", live, band, &opts);
        if (r == -EINVAL && band->joining)
                REQUIRE_INT(band->ended, band->started); /* too late: the joiner is about to run */
        else
                REQUIRE_INT(r, 0);
        band->started += r == 0;
}

static int act_spawn(struct band *band, int depth)
{
        (void)depth;
        if (stress.alive < stress.plan.crowd)
                spawn_into(band);
        return 0;
}

/* ------------------------------------------------------------------ tasks that say when they are ready */

struct starting { /* on the stack of who starts it: gone once it is ready */
        struct band *band;
        int code; /* what it failed with, before it was ready */
        bool ready, ended;
};

static int say_ready(struct starting *s)
{
        int r = aeon_started(s);
        if (r == 0) {
                s->ready = true;
                s->band->started++;
                REQUIRE_INT(aeon_started(s), -EALREADY);
        }
        return r;
}

static int start_and_live(void *arg)
{
        struct starting *s = arg;
        struct band *band = s->band;
        aeon_scope scope;
        bool inside = chance(2), speaks = chance(8) != 0; /* in a scope that moves over with the task; some end without a word */
        stress.alive++;
        stress.tasks++;
        if (inside)
                scope_open(&scope);
        int r = act_some(band, 1);
        if (r == 0 && speaks)
                r = say_ready(s);
        bool ready = s->ready;
        if (ready)
                r = act_some(band, 1);
        if (inside)
                r = scope_close(&scope, r);
        if (ready) {
                r = r == 0 ? live_in(band) : end_in(band, r);
        } else {
                s->code = r < 0 && !(r == -ECANCELED && aeon_cancelled()) ? r : 0;
                s->ended = true;
        }
        stress.alive--;
        return r;
}

static int act_start(struct band *band, int depth)
{
        (void)depth;
        if (stress.alive >= stress.plan.crowd)
                return 0;
        struct starting s = { .band = band };
        void *value = NULL;
        bool was_joining = band->joining;
        int r = SUSPENDED(
                aeon_start_with(band->group, "start", start_and_live, &s, &value, &(aeon_spawn_opts){ .stack_size = 65536 }));
        REQUIRE_INT(r == 0, s.ready);
        REQUIRE(s.ready ? value == &s : !value);
        if (s.ended)
                REQUIRE(s.code ? r == s.code : r == -EPROTO || r == -ECANCELED);
        else if (!s.ready)
                REQUIRE(r == -ECANCELED || (r == -EINVAL && was_joining));
        return r == -ECANCELED ? r : 0;
}

/* ------------------------------------------------------------------ groups */

struct band *band_open(void)
{
        struct band *band = calloc(1, sizeof *band);
        REQUIRE(band != NULL);
        band->next = all_bands;
        all_bands = band;
        REQUIRE_INT(aeon_group_open(&band->group), 0);
        return band;
}

int band_close(struct band *band)
{
        band->joining = true;
        int r = aeon_group_close(band->group);
        band->closed = true;
        for (size_t i = 0; i < PUBLIC_BANDS; i++)
                if (bands[i] == band)
                        bands[i] = NULL;
        REQUIRE_INT(band->ended, band->started);
        if (band->first_code)
                REQUIRE_INT(r, band->first_code);
        else
                REQUIRE(r == 0 || r == -ETIMEDOUT || (r == -ECANCELED && aeon_cancelled()));
        stress.failed_groups += band->first_code != 0;
        return r;
}

void stress_bands_free(void)
{
        for (struct band *next; all_bands; all_bands = next) {
                next = all_bands->next;
                free(all_bands);
        }
}

static int act_group(struct band *band, int depth)
{
        (void)band;
        struct band *inner = band_open();
        bands[chance(PUBLIC_BANDS)] = inner;
        if (chance(4) == 0)
                REQUIRE_INT(aeon_scope_set_deadline(aeon_group_scope(inner->group), aeon_now() + some_time()), 0);
        for (size_t i = chance(3); i--;)
                (void)act_spawn(inner, depth);
        int r = act_some(inner, depth);
        note_failure(inner, r, aeon_cancelled());
        aeon_group_fail(inner->group, r);
        r = band_close(inner);
        return r == -ECANCELED || chance(10) == 0 ? r : 0;
}

static int act_on_a_group(struct band *band, int depth)
{
        (void)band;
        struct band *other = bands[chance(PUBLIC_BANDS)];
        if (!other)
                return 0;
        if (chance(8) == 0)
                aeon_group_cancel(other->group, "by a stranger");
        else
                return chance(4) ? act_spawn(other, depth) : act_start(other, depth);
        return 0;
}

struct act stress_scope_acts[] = {
        { .name = "scope", .weight = 10, .run = act_scope, .nests = true },
        { .name = "meddle", .weight = 3, .run = act_meddle },
        { .name = "spawn", .weight = 1, .run = act_spawn },
        { .name = "start", .weight = 1, .run = act_start },
        { .name = "group", .weight = 4, .run = act_group, .nests = true },
        { .name = "on a group", .weight = 2, .run = act_on_a_group },
        { 0 },
};
