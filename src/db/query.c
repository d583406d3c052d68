/* One statement: a link for it, the driver, and the link back. */
#include "db/db.h"

#include "record/number.h"

#include <aeon/scope.h>
#include <aeon/task.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *aeon__db_value_print(const aeon_db_value *value, char buffer[VALUE_SIZE])
{
        _Static_assert((int)VALUE_SIZE >= (int)NUMBER_SIZE, "room for a number");
        switch (value->kind) {
        case AEON_DB_IS_I64:
                return aeon__whole_print(buffer, value->of.i64);
        case AEON_DB_IS_U64:
                return aeon__unsigned_print(buffer, value->of.u64);
        case AEON_DB_IS_F64:
                if (isnan(value->of.f64))
                        return "NaN";
                if (isinf(value->of.f64))
                        return value->of.f64 > 0 ? "Infinity" : "-Infinity";
                return aeon__number_print(buffer, value->of.f64);
        case AEON_DB_IS_BOOL:
                return value->of.boolean ? "true" : "false";
        case AEON_DB_IS_TIMESTAMP:
                return aeon__timestamp_print(buffer, value->of.i64);
        case AEON_DB_IS_TEXT:
                return value->of.text;
        case AEON_DB_IS_NULL:
        case AEON_DB_IS_BYTES:
                break;
        }
        return NULL;
}

/* ------------------------------------------------------------------ where it runs */

static int check_use(aeon_db *db, const char *sql)
{
        if (!db)
                return aeon_fail(-EINVAL, "there is no such database here: aeon_use_db() declares one");
        if (!sql || !*sql)
                return aeon_fail(-EINVAL, "an empty statement");
        if (!db->link)
                return 0;
        if (db->inner)
                return aeon_fail(-EBUSY, "a savepoint is open inside this transaction: use that");
        if (db->busy)
                return aeon_fail(-EBUSY, "another task uses this transaction");
        if (db->failed)
                return aeon_fail(-EIO, "a statement in this transaction has failed: it can only be rolled back");
        if (db->link->broken)
                return aeon_fail(-ECONNABORTED, "the connection of this transaction was lost");
        return 0;
}

static int run_in_transaction(aeon_db *tx, const struct statement *s, struct db_result **ret_result)
{
        tx->busy = true;
        int r = tx->link->pool->driver->run(tx->link, s, ret_result);
        tx->busy = false;
        if (r < 0)
                tx->failed = true;
        return r;
}

int aeon__db_run(aeon_db *db, const struct statement *s, enum lane_kind lane, struct db_result **ret_result)
{
        char shown[STATEMENT_SHOWN];
        int r = check_use(db, s->sql);
        if (r < 0)
                return r;
        if (aeon_cancelled())
                return -ECANCELED;
        if (db->link) {
                r = run_in_transaction(db, s, ret_result);
        } else {
                struct statement alone = *s;
                struct db_link *link;
                alone.alone = true;
                r = aeon__pool_take(db->pool, lane, &link);
                if (r < 0)
                        return r;
                r = link->pool->driver->run(link, &alone, ret_result); /* @db may be closed by now, the link's pool lives */
                aeon__pool_give(link);
        }
        return r < 0 ? aeon_fail(r, "%s", aeon__db_statement_shown(s->sql, shown)) : r;
}

static enum lane_kind lane_of(const aeon_db *db, const char *sql)
{
        return db && sql && db->pool->driver->only_reads && db->pool->driver->only_reads(sql) ? LANE_READ : LANE_MAIN;
}

/* ------------------------------------------------------------------ what users call */

int aeon_db_exec(aeon_db *db, const char *sql, const aeon_db_args *args)
{
        struct db_result *result = NULL;
        int r = aeon__db_run(db, &(struct statement){ .sql = sql, .args = args }, lane_of(db, sql), &result);
        if (r < 0)
                return r;
        int64_t changed = result->changed;
        result_free(result);
        return changed > INT_MAX ? INT_MAX : (int)changed;
}

int aeon_db_script(aeon_db *db, const char *sql)
{
        struct db_result *result = NULL;
        int r = aeon__db_run(db, &(struct statement){ .sql = sql, .script = true }, LANE_MAIN, &result);
        result_free(result);
        return r < 0 ? r : 0;
}

static int query(aeon_db *db, const aeon_record *record, const char *sql, const aeon_db_args *args, bool one, void **ret_rows)
{
        char shown[STATEMENT_SHOWN];
        struct db_result *result = NULL;
        int r = aeon__db_run(db, &(struct statement){ .sql = sql, .args = args }, lane_of(db, sql), &result);
        if (r < 0)
                return r;
        void *rows = NULL;
        if (one && result->rows == 0)
                r = aeon_fail(-ENOENT, "there is no such %s", record->name);
        else if (one && result->rows > 1)
                r = aeon_fail(-E2BIG, "one %s was asked for, and there are %u", record->name, result->rows);
        else if (result->rows > INT_MAX)
                r = aeon_fail(-E2BIG, "%u rows", result->rows);
        else
                r = aeon__rows_read(result, record, &rows);
        if (r >= 0)
                *ret_rows = rows;
        r = r < 0 ? aeon_fail(r, "%s", aeon__db_statement_shown(sql, shown)) : (int)result->rows;
        result_free(result);
        return r;
}

int aeon_db_query(aeon_db *db, const aeon_record *record, const char *sql, const aeon_db_args *args, void **ret_rows)
{
        return query(db, record, sql, args, false, ret_rows);
}

int aeon_db_query_one(aeon_db *db, const aeon_record *record, const char *sql, const aeon_db_args *args, void **ret_row)
{
        int r = query(db, record, sql, args, true, ret_row);
        return r < 0 ? r : 0;
}
