/* One message from its handler's call to the verdict on it.
 *
 * DESIGN
 *      handler's run       request (somebody waits)         other
 *      ------------------  -------------------------------  --------------------------------------------------------------
 *      success             answer, ack                      ack
 *      does not fit        answer the error, dead letter    dead letter
 *      lost too often      answer the error, dead letter    dead letter, without another run
 *      failure             answer the error, dead letter    by policy: retry with backoff until max_attempts, then dead letter
 *      stopped by the app  release                          release
 *
 *   Each ends as a line of the level debug with columns of its own, and adds to the counters of meter.h.
 *
 *   Backoff has full jitter: a random part of backoff * 2^(attempt - 1), so that messages which failed together do not come back
 *   together. Source: AWS Architecture Blog, "Exponential Backoff And Jitter".
 */
#include "base/random.h"
#include "broker/core.h"
#include "task/trace.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <aeon/scope.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static aeon_duration pause_before_retry(const aeon_subscribe_opts *o, unsigned attempt)
{
        aeon_duration limit = o->backoff;
        for (unsigned i = 1; i < attempt && limit < o->backoff_max; i++)
                limit = limit > o->backoff_max / 2 ? o->backoff_max : limit * 2;
        if (limit > o->backoff_max)
                limit = o->backoff_max;
        return random_up_to(limit);
}

static void give_up(struct aeon_message *m, const char *why)
{
        const char *dead_letter = subscription_of(m)->declaration->opts.dead_letter;
        aeon_log_error("message %s of \"%s\" goes to \"%s\" after attempt %u: %s", m->envelope.id, m->envelope.destination,
                       dead_letter, m->attempt, why);
        aeon__settle_shielded(m, VERDICT_REJECT, 0, why);
}

static void retry(struct aeon_message *m, const char *why)
{
        const aeon_subscribe_opts *o = &subscription_of(m)->declaration->opts;
        aeon_duration delay = pause_before_retry(o, m->attempt);
        aeon_log_warning("message %s of \"%s\" failed (attempt %u), again in %.3g s: %s", m->envelope.id, m->envelope.destination,
                         m->attempt, (double)delay / 1e9, why);
        aeon__settle_shielded(m, VERDICT_RETRY, delay, NULL);
}

static void settle_failure(struct aeon_message *m, const struct outcome *o, const char *why)
{
        struct subscription *s = subscription_of(m);
        const aeon_subscribe_opts *opts = &s->declaration->opts;
        bool can_retry = s->source.can & CAN_RETRY;
        if (m->settled)
                aeon_log_error("message %s of \"%s\" failed: %s", m->envelope.id, m->envelope.destination, why);
        else if (o->invalid || o->refused || *m->envelope.reply_to || !can_retry || opts->ack == AEON_ACK_REJECT_ON_ERROR)
                give_up(m, why);
        else if (opts->ack == AEON_ACK_NACK_ON_ERROR || (opts->ack != AEON_ACK_ALWAYS && m->attempt < opts->max_attempts))
                retry(m, why);
        else if (opts->ack != AEON_ACK_ALWAYS)
                give_up(m, why);
        else {
                aeon_log_error("message %s of \"%s\" failed: %s", m->envelope.id, m->envelope.destination, why);
                aeon__settle_shielded(m, VERDICT_ACK, 0, NULL);
        }
}

static void conclude_failure(struct aeon_message *m, const struct outcome *o)
{
        struct subscription *s = subscription_of(m);
        const char *why = o->words ? o->words : aeon_strerror(o->code);
        if (o->invalid)
                COUNT(s->connection, invalid);
        else
                COUNT(s->connection, failed);
        aeon__cell_add(o->invalid ? s->meter.invalid : s->meter.failed, 1);
        if (*m->envelope.reply_to && aeon__answer_error(m, why) < 0)
                aeon_log_warning("the error of message %s could not be answered: %s", m->envelope.id, aeon_error_text());
        settle_failure(m, o, why);
}

static void conclude_success(struct aeon_message *m, const struct outcome *o)
{
        COUNT(subscription_of(m)->connection, processed);
        aeon__cell_add(subscription_of(m)->meter.processed, 1);
        if (*m->envelope.reply_to && !m->answered) {
                aeon_body answer = aeon_body_of(o->answer ? o->answer : "", o->answer_size, o->answer ? "application/json" : "");
                if (aeon__answer(m, answer) < 0)
                        aeon_log_warning("message %s of \"%s\" was handled, but its answer could not be sent: %s", m->envelope.id,
                                         m->envelope.destination, aeon_error_text());
        }
        if (!m->settled)
                aeon__settle_shielded(m, VERDICT_ACK, 0, NULL);
}

static void conclude(struct aeon_message *m, struct outcome *o)
{
        if (o->code >= 0 && !m->settled && subscription_of(m)->declaration->opts.ack == AEON_ACK_MANUAL) {
                o->code = -EPROTO;
                o->words = strdup("the handler returned without having settled it");
        }
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true, .name = "conclude" });
        if (o->code >= 0)
                conclude_success(m, o);
        else if (o->stopped && !m->settled)
                aeon__settle_shielded(m, VERDICT_RELEASE, 0, NULL);
        else
                conclude_failure(m, o);
        aeon_scope_close(&shield, 0);
}

/* ------------------------------------------------------------------ messages that kill */

/* After how many losses it is not handled any more. A driver that cannot tell losses from failures counts both as both. */
static unsigned losses_allowed(const struct aeon_message *m)
{
        const aeon_subscribe_opts *o = &subscription_of(m)->declaration->opts;
        bool maybe_failures = m->attempt > m->losses;
        if (o->ack == AEON_ACK_NACK_ON_ERROR || o->ack == AEON_ACK_FIRST || (o->ack == AEON_ACK_MANUAL && maybe_failures))
                return UINT_MAX;
        return o->max_deliveries > o->max_attempts ? o->max_deliveries : o->max_attempts;
}

bool aeon__is_suspect(const struct aeon_message *m)
{
        return m->losses && m->losses >= losses_allowed(m) / 2;
}

static struct outcome refusal(const struct aeon_message *m)
{
        struct outcome o = { .code = -ELOOP, .refused = true };
        if (asprintf(&o.words, "it was delivered %u times and no service lived to settle it: it may be what kills them",
                     m->losses) < 0)
                o.words = NULL;
        return o;
}

/* ------------------------------------------------------------------ what is told of it */

static aeon_span *begin_span(const struct aeon_message *m)
{
        const struct envelope *e = &m->envelope;
        aeon_span *span =
                aeon__span_take_up(SPAN_CONSUMER, "process", aeon__header_find(e->headers, e->headers_size, "traceparent"),
                                   aeon__header_find(e->headers, e->headers_size, "tracestate"));
        aeon__trace_name_lines();
        return span;
}

static void end_span(aeon_span *span, const struct aeon_message *m, const struct outcome *o)
{
        if (!span)
                return;
        const struct subscription *s = subscription_of(m);
        char name[SPAN_NAME];
        snprintf(name, sizeof name, "process %s", s->declaration->destination);
        aeon__span_rename(span, name);
        aeon_span_set(span, "messaging.system", s->connection->link.driver->name);
        aeon_span_set(span, "messaging.operation.type", "process");
        aeon_span_set(span, "messaging.destination.name", s->declaration->destination);
        aeon_span_set(span, "messaging.message.id", m->envelope.id);
        aeon_span_set_number(span, "messaging.attempt", m->attempt);
        if (o->code < 0)
                aeon_span_fail(span, o->words ? o->words : aeon_strerror(o->code));
        aeon_span_end(span);
}

/* One line per message, for who wants it: it is the only one of a message that nothing is wrong with. */
static void tell(const struct aeon_message *m, const struct outcome *o, double seconds)
{
        if (!aeon_log_enabled(AEON_LOG_DEBUG))
                return;
        const char *outcome = o->code >= 0 ? "processed"
                              : o->invalid ? "invalid"
                              : o->refused ? "refused"
                              : o->stopped ? "released"
                                           : "failed";
        const aeon_log_field fields[] = {
                { .name = "destination", .text = subscription_of(m)->declaration->destination },
                { .name = "attempt", .number = m->attempt },
                { .name = "ms", .number = (double)(int64_t)(seconds * 1e6 + .5) / 1e3 },
                { .name = "outcome", .text = outcome },
                { 0 },
        };
        aeon_log_fields(AEON_LOG_DEBUG, fields, "message %s", outcome);
}

/* Every line that is written on behalf of @m has its id. */
static void name_lines(const struct aeon_message *m)
{
        if (*m->envelope.id && aeon__log_with("message_id", m->envelope.id) < 0)
                aeon_error_clear(); /* it is handled without */
}

int aeon__dispatch(void *arg)
{
        struct aeon_message *m = arg;
        struct subscription *s = subscription_of(m);
        struct outcome o = { 0 };

        name_lines(m);
        aeon_span *span = begin_span(m);
        COUNT(s->connection, in_process);
        uint64_t begun = aeon__broker_handling_begins(&s->meter);
        bool ours = s->declaration->opts.ack != AEON_ACK_FIRST || aeon__settle(m, VERDICT_ACK, 0, NULL) >= 0;
        if (ours)
                o = m->losses >= losses_allowed(m) ? refusal(m) : aeon__handler_call(s, m);
        COUNT_BY(s->connection, in_process, -1);
        double seconds = aeon__broker_handling_ends(&s->meter, begun, ours);
        s->running--;
        aeon__subscription_wake(s);
        if (ours) {
                conclude(m, &o);
                tell(m, &o, seconds);
        }
        end_span(span, m, &o);
        free(o.words);
        free(o.answer);
        list_remove(&m->node);
        free(m);
        s->unsettled--;
        aeon__connection_unused(s->connection);
        return 0;
}
