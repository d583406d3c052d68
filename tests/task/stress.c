/* The choice of acts, the keeper, and the whole run; see stress.h. */
#include "stress.h"

#include "base/random.h"
#include "invariants.h"

#include <aeon/log.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { ACTS_PER_CHECK = 5000, DEALT_AT_ONCE = 200 };

struct stress stress;

/* ------------------------------------------------------------------ chance */

size_t chance(size_t n)
{
        return (size_t)(random_next(&stress.random) % n);
}

aeon_duration some_time(void)
{
        return (aeon_duration)chance(20) * stress.plan.tick;
}

/* The tables of acts; the last is NULL. */
static struct act *const *all_acts(void)
{
        static struct act *tables[] = {
                stress_wait_acts, stress_scope_acts, stress_sync_acts, stress_channel_acts, stress_lock_acts, NULL, NULL
        };
        tables[5] = stress.plan.more;
        return tables;
}

static struct act *choose(void)
{
        unsigned sum = 0;
        for (struct act *const *table = all_acts(); *table; table++)
                for (const struct act *a = *table; a->name; a++)
                        sum += a->weight;
        unsigned left = (unsigned)chance(sum);
        for (struct act *const *table = all_acts();; table++)
                for (struct act *a = *table; a->name; a++) {
                        if (left < a->weight)
                                return a;
                        left -= a->weight;
                }
}

static void check(void)
{
        invariants_check(aeon__runner_now());
        stress.checks++;
        if (stress.alive > stress.most_alive)
                stress.most_alive = stress.alive;
}

int act_some(struct band *band, int depth)
{
        int r = 0;
        for (size_t n = chance(8); n-- && r == 0 && stress.acts_left > 0;) {
                struct act *a = choose();
                if (a->nests && depth == 0)
                        continue;
                if (stress.acts_left-- % ACTS_PER_CHECK == 0)
                        check();
                a->times++;
                r = a->run(band, depth - 1);
                if (r == -ECANCELED && chance(8) == 0)
                        r = 0; /* some do not listen, and will hear it again */
        }
        return r;
}

/* ------------------------------------------------------------------ waiting */

int suspended(bool cancelled_before, int r)
{
        if (cancelled_before)
                REQUIRE_INT(r, -ECANCELED);
        if (r == -ECANCELED && !stress.meddling) {
                REQUIRE(aeon_cancelled());
                REQUIRE_INT(aeon_checkpoint(), -ECANCELED); /* not only the first call */
        }
        stress.cancelled += r == -ECANCELED;
        return r;
}

static int act_checkpoint(struct band *band, int depth)
{
        (void)band, (void)depth;
        return SUSPENDED(aeon_checkpoint());
}

static int act_sleep(struct band *band, int depth)
{
        (void)band, (void)depth;
        aeon_time until = aeon_now() + some_time();
        int r = SUSPENDED(aeon_sleep_until(until));
        REQUIRE(r == -ECANCELED || (r == 0 && aeon_now() >= until));
        return r;
}

struct act stress_wait_acts[] = {
        { .name = "checkpoint", .weight = 12, .run = act_checkpoint },
        { .name = "sleep", .weight = 10, .run = act_sleep },
        { 0 },
};

/* ------------------------------------------------------------------ the keeper */

static void end_all(struct band *crowd)
{
        aeon_group_cancel(crowd->group, "all acts are done");
        stress_scopes_unshield();
}

static int keep(void *arg)
{
        struct band *crowd = arg;
        while (!crowd->closed) {
                /* At odd times: few others wake at the same, so often everybody else waits. */
                REQUIRE_INT(aeon_sleep(1 + (aeon_duration)chance((size_t)stress.plan.tick)), 0);
                bool idle = !aeon__sched_has_ready(aeon__sched); /* everybody else waits */
                if (idle) {
                        stress_sync_check_idle();
                        stress_channels_check_idle();
                        stress_locks_check_idle();
                        check();
                        stress.idle_checks++;
                }
                stress_sync_tend();
                if (crowd->closed)
                        break;
                if (stress.acts_left == 0)
                        end_all(crowd);
                else
                        for (int i = stress.alive < stress.plan.crowd / 2 ? DEALT_AT_ONCE : idle;
                             i--;) /* the others are children of these */
                                spawn_into(crowd);
        }
        return 0;
}

static void report(void)
{
        const struct stress *s = &stress;
        for (struct act *const *table = all_acts(); *table; table++)
                for (const struct act *a = *table; a->name; a++) {
                        fprintf(stderr, "    %8ld %s\n", a->times, a->name);
                        REQUIRE(a->times > 0);
                }
        fprintf(stderr, "    %ld tasks, %zu at a time; calls cancelled: %ld; scopes absorbed: %ld, timed out: %ld\n", s->tasks,
                s->most_alive, s->cancelled, s->absorbed, s->timed_out);
        fprintf(stderr, "    groups failed: %ld; values delivered: %ld, refused: %ld; checks: %ld, idle: %ld\n", s->failed_groups,
                s->delivered, s->refused, s->checks, s->idle_checks);
        REQUIRE(s->cancelled && s->absorbed && s->timed_out && s->failed_groups && s->delivered && s->refused && s->idle_checks);
}

/* ------------------------------------------------------------------ the run */

void stress_run(const struct stress_plan *plan)
{
        stress = (struct stress){ .plan = *plan, .random = plan->seed, .acts_left = plan->acts };
        stress.meddling = chance(2);
        aeon__runner_now()->sched.shuffle = chance(4) ? random_next(&stress.random) | 1 : 0;
        fprintf(stderr, "    AEON_SEED=%" PRIu64 " runs this again\n", plan->seed);
        aeon_log_set_level(AEON_LOG_OFF);
        stress_sync_open();
        stress_channels_open(plan->acts);
        stress_locks_open();

        aeon_group *keepers;
        REQUIRE_INT(aeon_group_open(&keepers), 0);
        struct band *crowd = band_open();
        crowd->never_fails = true;
        for (int i = 0; i < DEALT_AT_ONCE; i++)
                spawn_into(crowd);
        REQUIRE_INT(aeon_spawn(keepers, "keeper", keep, crowd), 0);
        (void)band_close(crowd);
        REQUIRE_INT(aeon_group_close(keepers), 0);
        REQUIRE_INT(stress.acts_left, 0);
        stress_sync_close();
        stress_channels_close();
        stress_locks_close();
        stress_bands_free();
        report();
}

static uint64_t seed_or(uint64_t otherwise)
{
        const char *set = getenv("AEON_SEED");
        return set ? strtoull(set, NULL, 10) : otherwise;
}

uint64_t stress_fixed_seed(void)
{
        return seed_or(20240607);
}

uint64_t stress_fresh_seed(void)
{
        return seed_or((uint64_t)random_up_to(INT64_MAX));
}
