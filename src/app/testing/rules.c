/* Judging a life; see rules.h. */
#include "app/testing/rules.h"

#include "app/app.h"

#include <aeon/testing.h>
#include <stdarg.h>
#include <stdlib.h>

enum status { NEVER_CALLED, RUNNING, DONE, FAILED };

enum { CODES = 8 }; /* exit codes below this are counted one by one */

struct rules {
        unsigned loops, counts[CALL_KINDS], width;
        aeon_duration least_patience, hard_deadline;
        uint8_t *table;      /* enum status, by kind, index, loop */
        unsigned *in_flight; /* handlers and tasks that run, by loop */
        bool down;           /* a call of the way down has begun */
        bool shut;           /* ... of what comes after everything in flight */
        unsigned deferred;   /* the index of the last one, plus 1; 0: none has come yet */

        bool stopped;
        aeon_time stopped_at;
        int code; /* that the stops so far have as their result */
        unsigned stops[CODES], failures[CODES];
        aeon_time failed_at; /* the latest failure */
        unsigned signals;
        aeon_time hurried_at;        /* by a second signal */
        aeon_duration longest_hurry; /* what is left of a life then */
        bool died;                   /* a lifespan */
        aeon_time died_at;
        bool was_patient; /* a call ended so long after the stop that it may have been given up before */
        bool late;        /* something was overtaken or abandoned */
        bool refused;     /* it could not even be bound */

        aeon_time begun, now;
        char *broken;
        size_t broken_size;
};

/* ------------------------------------------------------------------ words */

static void break_rule(struct rules *rules, const char *format, ...)
{
        if (*rules->broken)
                return;
        int used = snprintf(rules->broken, rules->broken_size, "at %.3f s, ", (double)(rules->now - rules->begun) / 1e9);
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(rules->broken + used, rules->broken_size - (size_t)used, format, arguments);
        va_end(arguments);
}

/* ------------------------------------------------------------------ the table */

static bool is_up(enum call_kind kind)
{
        return kind <= CALL_ON_READY;
}

static bool is_down(enum call_kind kind)
{
        return kind >= CALL_QUIESCE && kind <= CALL_UNBIND;
}

static bool is_per_loop(enum call_kind kind)
{
        return kind == CALL_ENTER || kind == CALL_OPEN || kind == CALL_SERVE || kind == CALL_QUIESCE || kind == CALL_CLOSE ||
               kind == CALL_LEAVE;
}

static unsigned loops_of(const struct rules *rules, enum call_kind kind)
{
        return is_per_loop(kind) ? rules->loops : 1;
}

static uint8_t *status(const struct rules *rules, enum call_kind kind, unsigned index, unsigned loop)
{
        return &rules->table[((unsigned)kind * rules->width + index) * rules->loops + loop];
}

static bool has_ended(const struct rules *rules, enum call_kind kind, unsigned index, unsigned loop)
{
        return *status(rules, kind, index, loop) >= DONE;
}

/* Whether every call of this kind has succeeded. */
static bool all_done(const struct rules *rules, enum call_kind kind)
{
        for (unsigned i = 0; i < rules->counts[kind]; i++)
                for (unsigned loop = 0; loop < loops_of(rules, kind); loop++)
                        if (*status(rules, kind, i, loop) != DONE)
                                return false;
        return true;
}

static bool any_begun(const struct rules *rules, enum call_kind kind)
{
        for (unsigned i = 0; i < rules->counts[kind]; i++)
                for (unsigned loop = 0; loop < loops_of(rules, kind); loop++)
                        if (*status(rules, kind, i, loop) != NEVER_CALLED)
                                return true;
        return false;
}

/* Whether a call of the way down must come, by what has succeeded on the way up. */
static bool is_due(const struct rules *rules, enum call_kind kind, unsigned index, unsigned loop)
{
        switch (kind) {
        case CALL_QUIESCE:
        case CALL_CLOSE:
                return *status(rules, CALL_OPEN, index, loop) == DONE;
        case CALL_LEAVE:
                return *status(rules, CALL_ENTER, 0, loop) == DONE;
        case CALL_ON_SHUTDOWN:
                return rules->counts[CALL_ON_STARTUP] ? all_done(rules, CALL_ON_STARTUP) : any_begun(rules, CALL_ENTER);
        case CALL_AFTER_SHUTDOWN:
                return any_begun(rules, CALL_ON_STARTUP) || any_begun(rules, CALL_ENTER);
        case CALL_UNBIND:
                return *status(rules, CALL_BIND, index, 0) == DONE;
        default:
                return false;
        }
}

static const char *describe(enum call_kind kind, unsigned index, unsigned loop)
{
        static __thread char text[64];
        snprintf(text, sizeof text, "%s %u of loop %u", aeon__call_words[kind], index, loop);
        return text;
}

/* ------------------------------------------------------------------ late */

/* A loop still works on something, when it has had its time. */
static bool is_overrunning(const struct rules *rules, unsigned loop, aeon_time now)
{
        if (!rules->stopped || now - rules->stopped_at < rules->least_patience)
                return false;
        bool busy = rules->in_flight[loop];
        for (int kind = 0; kind < CALL_KINDS; kind++)
                for (unsigned i = 0; i < rules->counts[kind]; i++)
                        busy = busy || *status(rules, (enum call_kind)kind, i, loop) == RUNNING;
        return busy;
}

/* What should have waited for @loop was called. */
static bool may_overtake(struct rules *rules, unsigned loop, aeon_time now)
{
        bool may = is_overrunning(rules, loop, now);
        rules->late = rules->late || may;
        return may;
}

/* ------------------------------------------------------------------ calls */

static void judge_up(struct rules *rules, const struct moment *m, const char *words)
{
        const struct call *c = &m->call;
        for (int kind = 0; kind < (int)c->kind; kind++)
                if (!all_done(rules, (enum call_kind)kind))
                        break_rule(rules, "%s came before every %s had succeeded", words, aeon__call_words[kind]);
        for (unsigned i = 0; i < c->index; i++)
                if (*status(rules, c->kind, i, c->loop) != DONE)
                        break_rule(rules, "%s came before %s had succeeded", words, describe(c->kind, i, c->loop));
        if (rules->down)
                break_rule(rules, "%s came on the way down", words);
        if (rules->stopped && m->time > rules->stopped_at)
                break_rule(rules, "%s came after the app was told to stop", words);
        if (c->kind == CALL_ON_READY && !m->ready && !rules->stopped)
                break_rule(rules, "%s came before the app was ready", words);
}

static bool goes_upwards(enum call_kind kind)
{
        return kind == CALL_ON_SHUTDOWN || kind == CALL_AFTER_SHUTDOWN;
}

static void judge_order_down(struct rules *rules, const struct moment *m, const char *words)
{
        const struct call *c = &m->call;
        for (int kind = CALL_QUIESCE; kind <= (int)c->kind; kind++)
                for (unsigned i = 0; i < rules->counts[kind]; i++)
                        for (unsigned loop = 0; loop < loops_of(rules, (enum call_kind)kind); loop++) {
                                bool same = kind == (int)c->kind;
                                bool before = !same || (loop == c->loop && (goes_upwards(c->kind) ? i < c->index : i > c->index));
                                if (before && is_due(rules, (enum call_kind)kind, i, loop) &&
                                    !has_ended(rules, (enum call_kind)kind, i, loop) && !may_overtake(rules, loop, m->time))
                                        break_rule(rules, "%s came before %s had ended", words,
                                                   describe((enum call_kind)kind, i, loop));
                        }
}

static void judge_down(struct rules *rules, const struct moment *m, const char *words)
{
        const struct call *c = &m->call;
        bool perhaps = goes_upwards(c->kind) && !rules->counts[CALL_ON_STARTUP]; /* then nothing tells whether step 2 had begun */
        if (!perhaps && !is_due(rules, c->kind, c->index, c->loop))
                break_rule(rules, "%s came although what it undoes had not succeeded", words);
        judge_order_down(rules, m, words);
        for (unsigned loop = 0; loop < rules->loops && c->kind >= CALL_ON_SHUTDOWN; loop++)
                if (rules->in_flight[loop] && !may_overtake(rules, loop, m->time))
                        break_rule(rules, "%s came while something was in flight on loop %u", words, loop);
        rules->down = true;
        rules->shut = rules->shut || c->kind >= CALL_ON_SHUTDOWN;
}

static void judge_in_flight(struct rules *rules, const struct moment *m, const char *words)
{
        const struct call *c = &m->call;
        bool task = c->kind == CALL_TASK;
        for (unsigned i = 0; i < rules->counts[CALL_SERVE] && task; i++)
                if (*status(rules, CALL_SERVE, i, c->loop) != DONE)
                        break_rule(rules, "%s began before its loop served", words);
        if (*status(rules, CALL_ENTER, 0, c->loop) != DONE)
                break_rule(rules, "%s began outside the lifespan of its loop", words);
        if (rules->shut && !may_overtake(rules, c->loop, m->time))
                break_rule(rules, "%s began after everything in flight had ended", words);
        rules->in_flight[c->loop]++;
}

static void judge_deferred(struct rules *rules, const struct moment *m, const char *words)
{
        if (rules->deferred && m->call.index + 2 != rules->deferred)
                break_rule(rules, "%s came out of order", words);
        rules->deferred = m->call.index + 1;
}

static void judge_begin(struct rules *rules, const struct moment *m)
{
        const struct call *c = &m->call;
        char words[80];
        aeon__call_describe(c, words, sizeof words);
        if (c->kind == CALL_TASK || c->kind == CALL_HANDLER) {
                judge_in_flight(rules, m, words);
                return;
        }
        if (c->kind == CALL_DEFERRED) {
                judge_deferred(rules, m, words);
                return;
        }
        if (c->kind == CALL_ON_RELOAD)
                return; /* as often as it is asked for */
        uint8_t *s = status(rules, c->kind, c->index, c->loop);
        if (*s != NEVER_CALLED)
                break_rule(rules, "%s came twice", words);
        if (is_up(c->kind))
                judge_up(rules, m, words);
        else
                judge_down(rules, m, words);
        *s = RUNNING;
}

/* The exit code of a failure of this kind. */
static int code_of(enum call_kind kind)
{
        return kind == CALL_LEAVE ? 3 : 1;
}

static void judge_result(struct rules *rules, const struct moment *m)
{
        enum call_kind kind = m->call.kind;
        if (kind == CALL_BIND) {
                rules->refused = true;
        } else if (m->result != -ECANCELED) {
                rules->failures[code_of(kind)]++;
                rules->failed_at = m->time;
        }
}

static void judge_end_of_call(struct rules *rules, const struct moment *m)
{
        const struct call *c = &m->call;
        rules->was_patient = rules->was_patient || (rules->stopped && m->time - rules->stopped_at >= rules->least_patience);
        if (c->kind == CALL_TASK || c->kind == CALL_HANDLER)
                rules->in_flight[c->loop]--;
        if (!is_up(c->kind) && !is_down(c->kind))
                return;
        *status(rules, c->kind, c->index, c->loop) = m->result < 0 ? FAILED : DONE;
        if (m->result < 0)
                judge_result(rules, m);
}

/* ------------------------------------------------------------------ causes and time */

static void judge_stop(struct rules *rules, const struct moment *m)
{
        if (!rules->stopped) {
                rules->stopped = true;
                rules->stopped_at = m->time;
                rules->code = m->result;
        } else if (rules->code == 0) {
                rules->code = m->result;
        }
        if (m->result > 0 && m->result < CODES)
                rules->stops[m->result]++;
}

/* Words travel between loops, but in no time. */
static void judge_causes(struct rules *rules, aeon_time now)
{
        if (now == rules->failed_at)
                return;
        if (rules->stops[1] + rules->stops[2] < rules->failures[1] || rules->stops[3] < rules->failures[3])
                break_rule(rules, "a failure was not told as a cause to stop");
}

static void judge_time(struct rules *rules, aeon_time now)
{
        if (rules->stopped && now - rules->stopped_at > rules->hard_deadline)
                break_rule(rules, "the life went on for %.3f s after its hard deadline",
                           (double)(now - rules->stopped_at - rules->hard_deadline) / 1e9);
        if (rules->signals >= 2 && now - rules->hurried_at > rules->longest_hurry)
                break_rule(rules, "the life went on for %.3f s after a second signal", (double)(now - rules->hurried_at) / 1e9);
}

static void judge_ready(struct rules *rules, const struct moment *m)
{
        if (!m->ready)
                return;
        if (!all_done(rules, CALL_SERVE))
                break_rule(rules, "the app was ready before it served on every loop");
        if (rules->down)
                break_rule(rules, "the app was ready on its way down");
        if (rules->stopped && m->time > rules->stopped_at)
                break_rule(rules, "the app was still ready after it was told to stop");
}

void aeon__rules_judge(struct rules *rules, const struct moment *m)
{
        rules->now = m->time;
        judge_causes(rules, m->time);
        judge_time(rules, m->time);
        switch (m->kind) {
        case MOMENT_BEGAN:
                judge_begin(rules, m);
                break;
        case MOMENT_ENDED:
                judge_end_of_call(rules, m);
                break;
        case MOMENT_STOP:
                judge_stop(rules, m);
                break;
        case MOMENT_SIGNAL:
                if (++rules->signals == 2)
                        rules->hurried_at = m->time;
                break;
        case MOMENT_FAULT:
                if (m->result == AEON_FAULT_DIE && !rules->died) {
                        rules->died = true;
                        rules->died_at = m->time;
                }
                break;
        case MOMENT_EXIT:
                break;
        }
        judge_ready(rules, m);
}

/* ------------------------------------------------------------------ the end */

static void judge_completeness(struct rules *rules)
{
        for (int kind = CALL_QUIESCE; kind <= CALL_UNBIND; kind++)
                for (unsigned i = 0; i < rules->counts[kind]; i++)
                        for (unsigned loop = 0; loop < loops_of(rules, (enum call_kind)kind); loop++)
                                if (is_due(rules, (enum call_kind)kind, i, loop) &&
                                    !has_ended(rules, (enum call_kind)kind, i, loop))
                                        break_rule(rules, "%s was due and did not come to its end",
                                                   describe((enum call_kind)kind, i, loop));
        for (unsigned loop = 0; loop < rules->loops; loop++)
                if (rules->in_flight[loop])
                        break_rule(rules, "something was left in flight on loop %u", loop);
        if (rules->deferred > 1)
                break_rule(rules, "%u deferred calls did not come", rules->deferred - 1);
}

static void judge_cut(struct rules *rules, int code, aeon_time now)
{
        bool overrun = false;
        for (unsigned loop = 0; loop < rules->loops; loop++)
                overrun = is_overrunning(rules, loop, now) || overrun;
        if (!overrun && rules->signals < 3)
                break_rule(rules, "the process was ended with code %d although nothing was late", code);
}

void aeon__rules_judge_end(struct rules *rules, int code, bool cut, aeon_time now)
{
        rules->now = now;
        judge_time(rules, now);
        if (cut)
                judge_cut(rules, code, now);
        else
                judge_completeness(rules);
        bool third_signal = cut && rules->signals >= 3 && code > 128;
        bool abandoned = (rules->late || rules->was_patient) && rules->code == 0 && code == 4;
        int expected = rules->refused ? 1 : rules->code;
        if (code != expected && !third_signal && !abandoned)
                break_rule(rules, "the exit code was %d, where the first cause has %d", code, expected);
        rules->late = rules->late || abandoned || (cut && !third_signal);
        if (cut)
                return;
        judge_causes(rules, INT64_MAX);
        if (rules->died && rules->died_at < rules->stopped_at && code == 0)
                break_rule(rules, "a lifespan died, and the exit code is 0");
}

/* ------------------------------------------------------------------ beginning */

static unsigned hooks_of(const aeon_app *app, aeon_hook_kind kind)
{
        unsigned count = 0;
        for (const struct hook *hook = app->hooks[kind]; hook; hook = hook->next)
                count++;
        return count;
}

static void count_calls(struct rules *rules, const aeon_app *app)
{
        static const enum call_kind of_parts[] = { CALL_BIND, CALL_OPEN, CALL_SERVE, CALL_QUIESCE, CALL_CLOSE, CALL_UNBIND };
        for (size_t i = 0; i < sizeof of_parts / sizeof *of_parts; i++)
                rules->counts[of_parts[i]] = app->part_count;
        rules->counts[CALL_ENTER] = rules->counts[CALL_LEAVE] = 1;
        rules->counts[CALL_ON_STARTUP] = hooks_of(app, AEON_ON_STARTUP);
        rules->counts[CALL_AFTER_STARTUP] = hooks_of(app, AEON_AFTER_STARTUP);
        rules->counts[CALL_ON_READY] = hooks_of(app, AEON_ON_READY);
        rules->counts[CALL_ON_SHUTDOWN] = hooks_of(app, AEON_ON_SHUTDOWN);
        rules->counts[CALL_AFTER_SHUTDOWN] = hooks_of(app, AEON_AFTER_SHUTDOWN);
        for (int kind = 0; kind < CALL_KINDS; kind++)
                if (rules->counts[kind] > rules->width)
                        rules->width = rules->counts[kind];
}

bool aeon__rules_late(const struct rules *rules)
{
        return rules->late;
}

unsigned aeon__rules_calls(const struct rules *rules)
{
        unsigned calls = 0;
        for (int kind = 0; kind < CALL_KINDS; kind++)
                calls += rules->counts[kind] * loops_of(rules, (enum call_kind)kind);
        return calls;
}

struct rules *aeon__rules_new(const aeon_app *app, char *broken, size_t broken_size)
{
        struct rules *rules = calloc(1, sizeof *rules);
        if (!rules)
                return NULL;
        const aeon_app_opts *o = &app->opts;
        rules->loops = o->loops;
        rules->least_patience = o->cleanup_timeout < RESERVE ? o->cleanup_timeout : RESERVE;
        rules->hard_deadline = o->drain_delay + o->graceful_timeout + o->cleanup_timeout + 3 * RESERVE;
        rules->longest_hurry = o->cleanup_timeout + 3 * RESERVE;
        rules->begun = aeon_now();
        rules->broken = broken;
        rules->broken_size = broken_size;
        count_calls(rules, app);
        rules->table = calloc((size_t)CALL_KINDS * rules->width * rules->loops, 1);
        rules->in_flight = calloc(rules->loops, sizeof *rules->in_flight);
        if (rules->table && rules->in_flight)
                return rules;
        aeon__rules_free(rules);
        return NULL;
}

void aeon__rules_free(struct rules *rules)
{
        if (!rules)
                return;
        free(rules->table);
        free(rules->in_flight);
        free(rules);
}
