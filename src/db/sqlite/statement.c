/* One statement of SQLite, on a thread: prepared or found, bound, stepped to its end. */
#include "db/sqlite/sqlite.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ preparing */

static int refuse_more(const char *tail)
{
        for (; *tail; tail++)
                if (!isspace((unsigned char)*tail) && *tail != ';')
                        return aeon_fail(-EINVAL, "more than one statement: aeon_db_script() runs several");
        return 0;
}

void aeon__sq_give_up(struct sq_link *l, struct kept *p)
{
        sqlite3_finalize(p->handle);
        aeon__kept_forget(&l->prepared, p);
}

static int prepare(struct sq_link *l, const char *sql, struct kept **ret_prepared)
{
        sqlite3_stmt *statement;
        const char *tail;
        int code = sqlite3_prepare_v3(l->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, &tail);
        if (code != SQLITE_OK)
                return aeon__sq_failure(l, code);
        int r = statement ? refuse_more(tail) : aeon_fail(-EINVAL, "an empty statement");
        while (r >= 0 && l->prepared.count >= l->link.pool->opts.statements)
                aeon__sq_give_up(l, aeon__kept_oldest(&l->prepared));
        struct kept *p = r >= 0 ? aeon__kept_add(&l->prepared, sql) : NULL;
        if (!p) {
                sqlite3_finalize(statement);
                return r < 0 ? r : aeon_fail(-ENOMEM, "no memory for a statement");
        }
        p->handle = statement;
        *ret_prepared = p;
        return 0;
}

/* ------------------------------------------------------------------ binding */

/* Which argument the placeholder is for: "$2" and "?2" the second, "?" the one of its place. 0: it has a name of its own. */
static size_t number_of(sqlite3_stmt *statement, int i)
{
        const char *name = sqlite3_bind_parameter_name(statement, i);
        if (!name)
                return (size_t)i;
        if ((*name != '$' && *name != '?') || !isdigit((unsigned char)name[1]) ||
            strspn(name + 1, "0123456789") != strlen(name + 1))
                return 0;
        return strtoul(name + 1, NULL, 10);
}

static int bind_one(struct sq_link *l, sqlite3_stmt *statement, int i, const aeon_db_value *value)
{
        char buffer[VALUE_SIZE];
        int code = SQLITE_OK;
        switch (value->kind) {
        case AEON_DB_IS_NULL:
                code = sqlite3_bind_null(statement, i);
                break;
        case AEON_DB_IS_U64:
                if (value->of.u64 > INT64_MAX)
                        return aeon_fail(-ERANGE, "an argument is too large: SQLite's numbers have a sign");
                code = sqlite3_bind_int64(statement, i, (int64_t)value->of.u64);
                break;
        case AEON_DB_IS_I64:
                code = sqlite3_bind_int64(statement, i, value->of.i64);
                break;
        case AEON_DB_IS_F64:
                code = sqlite3_bind_double(statement, i, value->of.f64);
                break;
        case AEON_DB_IS_BOOL:
                code = sqlite3_bind_int(statement, i, value->of.boolean);
                break;
        case AEON_DB_IS_TEXT:
                code = sqlite3_bind_text64(statement, i, value->of.text, strlen(value->of.text), SQLITE_STATIC, SQLITE_UTF8);
                break;
        case AEON_DB_IS_BYTES:
                code = sqlite3_bind_blob64(statement, i, value->of.bytes.size ? value->of.bytes.data : "", value->of.bytes.size,
                                           SQLITE_STATIC);
                break;
        case AEON_DB_IS_TIMESTAMP:
                code = sqlite3_bind_text(statement, i, aeon__db_value_print(value, buffer), -1, SQLITE_TRANSIENT);
                break;
        }
        return code == SQLITE_OK ? 0 : aeon__sq_failure(l, code);
}

static int bind(struct sq_link *l, sqlite3_stmt *statement, const aeon_db_args *args)
{
        size_t given = args ? args->count : 0, wanted = 0;
        int count = sqlite3_bind_parameter_count(statement);
        for (int i = 1; i <= count; i++) {
                const char *name = sqlite3_bind_parameter_name(statement, i);
                size_t number = number_of(statement, i);
                if (!number && name)
                        return aeon_fail(-EINVAL, "the placeholder \"%s\" has no number (like $1)", name);
                if (number > wanted)
                        wanted = number;
                if (!args || number > args->count)
                        continue;
                int r = bind_one(l, statement, i, &args->values[number - 1]);
                if (r < 0)
                        return r;
        }
        return wanted == given
                       ? 0
                       : aeon_fail(-EINVAL, "the statement has %zu placeholders, and %zu arguments were given", wanted, given);
}

/* ------------------------------------------------------------------ running */

static int step(struct sq_link *l, sqlite3_stmt *statement, struct db_result **ret_result)
{
        struct sq_result *result;
        sqlite3_int64 before = sqlite3_total_changes64(l->db);
        int code = SQLITE_DONE, r = aeon__sq_result_new(statement, &result);
        if (r < 0)
                return r;
        int64_t rows = 0;
        while (r >= 0 && (code = sqlite3_step(statement)) == SQLITE_ROW) {
                r = aeon__sq_result_add(result, statement);
                rows++;
        }
        if (r >= 0 && code != SQLITE_DONE)
                r = aeon__sq_failure(l, code);
        if (r < 0) {
                aeon__sq_result_free(result);
                return r;
        }
        if (!sqlite3_stmt_readonly(statement))
                rows = sqlite3_total_changes64(l->db) > before ? sqlite3_changes64(l->db) : 0;
        *ret_result = aeon__sq_result_end(result, rows);
        return 0;
}

static int run_prepared(struct sq_link *l, const struct statement *s, struct db_result **ret_result)
{
        struct kept *p = aeon__kept_find(&l->prepared, s->sql);
        int r = p ? 0 : prepare(l, s->sql, &p);
        if (!p)
                return r;
        r = bind(l, p->handle, s->args);
        if (r >= 0)
                r = step(l, p->handle, ret_result);
        sqlite3_reset(p->handle);
        sqlite3_clear_bindings(p->handle); /* they point to what is the caller's */
        return r;
}

static int run_script(struct sq_link *l, const char *sql, struct db_result **ret_result)
{
        struct sq_result *result;
        bool alone = sqlite3_get_autocommit(l->db);
        int r = aeon__sq_result_new(NULL, &result);
        if (r < 0)
                return r;
        int code = alone ? sqlite3_exec(l->db, "begin immediate", NULL, NULL, NULL) : SQLITE_OK;
        if (code == SQLITE_OK)
                code = sqlite3_exec(l->db, sql, NULL, NULL, NULL);
        if (code == SQLITE_OK && alone)
                code = sqlite3_exec(l->db, "commit", NULL, NULL, NULL);
        if (code == SQLITE_OK) {
                *ret_result = aeon__sq_result_end(result, 0);
                return 0;
        }
        r = aeon__sq_failure(l, code);
        aeon__sq_result_free(result);
        if (alone && !sqlite3_get_autocommit(l->db))
                sqlite3_exec(l->db, "rollback", NULL, NULL, NULL);
        return r;
}

int aeon__sq_run(struct sq_link *l, const struct statement *s, struct db_result **ret_result)
{
        return s->script ? run_script(l, s->sql, ret_result) : run_prepared(l, s, ret_result);
}
