/* One request to the server and all that it answers.
 *
 * DESIGN
 *   The task that asks also reads. When it is cancelled, what it has asked for must not go on without it, and nobody else may get the
 *   answer. So, behind a shield and for cleanup_timeout at most:
 *
 *        ask the server to cancel      PQcancel(), on a thread: it makes a connection of its own and blocks
 *        read the answer to the end    "canceled", or the result, when that was quicker: then it is a success
 *        ask for nothing, read that    a cancel that comes late hits this and no other statement
 *
 *   If any of it fails, the link is broken. The server then finds its client gone.
 */
#include "db/postgres/postgres.h"

#include <aeon/scope.h>
#include <aeon/thread.h>
#include <stdlib.h>
#include <string.h>

int aeon__pg_lost(struct pg_link *l)
{
        const char *words = PQerrorMessage(l->conn);
        l->link.broken = true;
        return aeon_fail(-ECONNABORTED, "the connection was lost%s%.*s", *words ? ": " : "", (int)strcspn(words, "\n"), words);
}

static int flush(struct pg_link *l)
{
        int left;
        while ((left = PQflush(l->conn)) > 0) {
                int r = aeon_watch_wait(l->watch, AEON_READABLE | AEON_WRITABLE);
                if (r < 0)
                        return r;
                if ((r & AEON_READABLE) && !PQconsumeInput(l->conn)) /* it wants to be read before it goes on reading */
                        return aeon__pg_lost(l);
        }
        return left < 0 ? aeon__pg_lost(l) : 0;
}

static bool is_error(const PGresult *result)
{
        ExecStatusType status = PQresultStatus(result);
        return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE || status == PGRES_NONFATAL_ERROR;
}

static void keep(struct pg_link *l, PGresult *result)
{
        if (l->result && is_error(l->result)) {
                PQclear(result);
                return;
        }
        PQclear(l->result);
        l->result = result;
}

static int collect(struct pg_link *l)
{
        int r = flush(l);
        while (r >= 0) {
                while (PQisBusy(l->conn)) {
                        r = aeon_watch_wait(l->watch, AEON_READABLE);
                        if (r < 0)
                                return r;
                        if (!PQconsumeInput(l->conn))
                                return aeon__pg_lost(l);
                }
                PGresult *result = PQgetResult(l->conn);
                if (!result)
                        return 0;
                ExecStatusType status = PQresultStatus(result);
                keep(l, result);
                if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
                        l->link.broken = true;
                        return aeon_fail(-ENOTSUP, "copy is not supported");
                }
                if (PQstatus(l->conn) == CONNECTION_BAD)
                        l->link.broken = true; /* and PQgetResult() comes to its end */
        }
        return r;
}

/* ------------------------------------------------------------------ cancelling at the server */

struct cancel_job {
        PGcancel *cancel;
        char words[256];
};

static int cancel_on_thread(void *arg)
{
        struct cancel_job *job = arg;
        return PQcancel(job->cancel, job->words, sizeof job->words) ? 0 : aeon_fail(-ENOTCONN, "%s", job->words);
}

static void cancel_free(void *arg)
{
        struct cancel_job *job = arg;
        PQfreeCancel(job->cancel);
        free(job);
}

static int cancel_at_server(struct pg_link *l)
{
        struct cancel_job *job = calloc(1, sizeof *job);
        if (!job)
                return -ENOMEM;
        job->cancel = PQgetCancel(l->conn);
        if (!job->cancel) {
                free(job);
                return -ENOMEM;
        }
        int r = aeon_offload_with(cancel_on_thread, job, &(aeon_offload_opts){ .abandon = true, .done = cancel_free });
        if (r != -ECANCELED)
                cancel_free(job);
        return r;
}

static int ask_for_nothing(struct pg_link *l)
{
        PGresult *kept = l->result;
        l->result = NULL;
        int r = PQsendQuery(l->conn, "") ? collect(l) : -ECONNABORTED;
        if (r >= 0 && (!l->result || l->link.broken))
                r = -ECONNABORTED;
        PQclear(l->result);
        l->result = kept;
        return r;
}

static int stop(struct pg_link *l)
{
        aeon_scope limit;
        aeon_scope_open(&limit,
                        &(aeon_scope_opts){ .timeout = l->link.pool->opts.cleanup_timeout, .shield = true, .name = "cancel" });
        int r = cancel_at_server(l);
        if (r >= 0)
                r = collect(l);
        if (r >= 0)
                r = l->link.broken ? -ECONNABORTED : ask_for_nothing(l);
        r = aeon_scope_close(&limit, r);
        if (r < 0)
                l->link.broken = true;
        return r;
}

/* ------------------------------------------------------------------ the whole */

static int judge(struct pg_link *l, bool cancelled)
{
        if (!l->result)
                return aeon__pg_lost(l);
        if (!is_error(l->result))
                return 0;
        const char *state = PQresultErrorField(l->result, PG_DIAG_SQLSTATE);
        if (cancelled && state && !strcmp(state, "57014"))
                return -ECANCELED;
        int r = aeon__pg_failure(l->result);
        if (r == -ECONNABORTED)
                l->link.broken = true;
        return r;
}

int aeon__pg_exchange(struct pg_link *l, int sent, PGresult **ret_result)
{
        *ret_result = NULL;
        if (!sent) {
                const char *words = PQerrorMessage(l->conn);
                l->link.broken = true;
                return aeon_fail(-ENOTCONN, "it could not be sent: %.*s", (int)strcspn(words, "\n"), words);
        }
        int r = collect(l);
        bool cancelled = r == -ECANCELED;
        if (cancelled)
                r = stop(l);
        if (r >= 0)
                r = judge(l, cancelled);
        else
                l->link.broken = true;
        *ret_result = l->result;
        l->result = NULL;
        return r < 0 && cancelled ? -ECANCELED : r;
}

int aeon__pg_say(struct pg_link *l, const char *sql)
{
        PGresult *result;
        int r = aeon__pg_exchange(l, PQsendQuery(l->conn, sql), &result);
        PQclear(result);
        return r;
}
