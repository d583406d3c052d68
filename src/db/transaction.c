/* Transactions and savepoints.
 *
 * DESIGN
 *   A transaction has a link for itself. Its end is shielded: a commit that is on its way is awaited, and a rollback is done even though
 *   its task is cancelled, both for cleanup_timeout at most. A link that is not known to be out of its transaction then is broken,
 *   and closing it makes the server roll back.
 *
 *   Inside a transaction another one is a savepoint, named by its depth: aeon_1 in aeon_0 in the transaction.
 */
#include "db/db.h"

#include "base/error.h"

#include <aeon/log.h>
#include <aeon/scope.h>
#include <aeon/task.h>
#include <stdio.h>
#include <stdlib.h>

/* A statement of our own, on the transaction's link. */
static int say(aeon_db *tx, const char *sql)
{
        struct db_result *result = NULL;
        if (tx->link->broken)
                return aeon_fail(-ECONNABORTED, "the connection of this transaction was lost");
        int r = tx->link->pool->driver->run(tx->link, &(struct statement){ .sql = sql, .once = true }, &result);
        result_free(result);
        return r;
}

/* The same within cleanup_timeout and behind a shield. */
static int say_surely(aeon_db *tx, const char *sql)
{
        aeon_scope limit;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = tx->pool->opts.cleanup_timeout, .shield = true, .name = sql });
        return aeon_scope_close(&limit, say(tx, sql));
}

static aeon_db *transaction_new(struct pool *pool)
{
        aeon_db *tx = calloc(1, sizeof *tx);
        if (tx)
                tx->pool = pool;
        else
                aeon_fail(-ENOMEM, "no memory for a transaction");
        return tx;
}

static int begin_savepoint(aeon_db *outer, aeon_db **ret_tx)
{
        char sql[40];
        struct db_result *result = NULL;
        aeon_db *tx = transaction_new(outer->pool);
        if (!tx)
                return -ENOMEM;
        tx->link = outer->link;
        tx->depth = outer->depth + 1;
        tx->outer = outer;
        snprintf(sql, sizeof sql, "savepoint aeon_%u", tx->depth);
        int r = aeon__db_run(outer, &(struct statement){ .sql = sql, .once = true }, LANE_MAIN, &result);
        result_free(result);
        if (r < 0) {
                free(tx);
                return r;
        }
        outer->inner = tx;
        *ret_tx = tx;
        return 0;
}

static int begin_transaction(aeon_db *db, const aeon_db_begin_opts *opts, aeon_db **ret_tx)
{
        static const aeon_db_begin_opts plain;
        const struct db_driver *driver = db->pool->driver;
        char sql[80];
        opts = opts ? opts : &plain;
        aeon_db *tx = transaction_new(db->pool);
        if (!tx)
                return -ENOMEM;
        int r = aeon__pool_take(db->pool, opts->read_only ? LANE_READ : LANE_MAIN, &tx->link);
        if (r >= 0) {
                r = driver->begin(opts, tx->link->lane, sql, sizeof sql);
                if (r >= 0)
                        r = say(tx, sql);
                if (r < 0)
                        aeon__pool_give(tx->link); /* in a transaction all the same: it is seen, and closed */
        }
        if (r < 0) {
                free(tx);
                return aeon_fail(r, "begin");
        }
        *ret_tx = tx;
        return 0;
}

int aeon_db_begin(aeon_db *db, const aeon_db_begin_opts *opts, aeon_db **ret_tx)
{
        if (!db)
                return aeon_fail(-EINVAL, "there is no such database here: aeon_use_db() declares one");
        if (aeon_cancelled())
                return -ECANCELED;
        if (!db->link)
                return begin_transaction(db, opts, ret_tx);
        if (opts && (opts->isolation || opts->read_only))
                return aeon_fail(-EINVAL, "a savepoint has no options: it is part of its transaction");
        return begin_savepoint(db, ret_tx);
}

/* ------------------------------------------------------------------ the end */

static void finish(aeon_db *tx)
{
        if (tx->outer)
                tx->outer->inner = NULL;
        else
                aeon__pool_give(tx->link);
        free(tx);
}

static int undo(aeon_db *tx)
{
        char sql[100];
        if (!tx->outer)
                return say_surely(tx, "rollback");
        snprintf(sql, sizeof sql, "rollback to savepoint aeon_%u", tx->depth);
        int r = say_surely(tx, sql);
        if (r >= 0) {
                snprintf(sql, sizeof sql, "release savepoint aeon_%u", tx->depth);
                r = say_surely(tx, sql);
        }
        if (r < 0)
                tx->outer->failed = true;
        return r;
}

void aeon_db_rollback(aeon_db *tx)
{
        if (!tx)
                return;
        if (!tx->link) {
                aeon_log_error("a pool was given to aeon_db_rollback(): it is no transaction");
                return;
        }
        struct error_slot why = { 0 }; /* the failure that led here keeps its words */
        aeon__error_move(aeon__error_current(), &why);
        if (tx->inner)
                aeon_db_rollback(tx->inner);
        int r = undo(tx);
        if (r < 0)
                aeon_log_debug("rollback: %s; the connection is closed", aeon_error_describe(r));
        finish(tx);
        aeon__error_move(&why, aeon__error_current());
}

static int commit(aeon_db *tx)
{
        char sql[40] = "commit";
        if (tx->outer)
                snprintf(sql, sizeof sql, "release savepoint aeon_%u", tx->depth);
        int r = say_surely(tx, sql);
        if (r == -ETIMEDOUT || (r == -ECANCELED && tx->link->broken))
                r = aeon_fail(-ECONNABORTED, "the server does not answer: it was done or not");
        if (r < 0 && tx->outer)
                tx->outer->failed = true;
        return r < 0 ? aeon_fail(r, "commit") : r;
}

int aeon_db_commit(aeon_db *tx)
{
        if (!tx || !tx->link)
                return aeon_fail(-EINVAL, "only a transaction can be committed");
        int r = 0;
        if (tx->inner)
                r = aeon_fail(-EINVAL, "a savepoint inside this transaction is still open: it was rolled back");
        else if (aeon_cancelled())
                r = -ECANCELED;
        else if (tx->link->broken)
                r = aeon_fail(-ECONNABORTED, "the connection of this transaction was lost: it was rolled back");
        else if (tx->failed)
                r = aeon_fail(-EIO, "a statement in this transaction had failed: it was rolled back");
        if (r < 0) {
                aeon_db_rollback(tx);
                return r;
        }
        r = commit(tx);
        finish(tx);
        return r;
}

int aeon_db_transaction(aeon_db *db, aeon_db_fn *fn, void *arg)
{
        aeon_db *tx;
        int r = aeon_db_begin(db, NULL, &tx);
        if (r < 0)
                return r;
        r = fn(tx, arg);
        if (r < 0) {
                aeon_db_rollback(tx);
                return r;
        }
        int committed = aeon_db_commit(tx);
        return committed < 0 ? committed : r;
}
