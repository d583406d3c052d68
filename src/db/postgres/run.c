/* Statements. Each text is prepared when it first comes along a link, and found again by its hash; of too many the one that was used
 * longest ago is given up. When a table has changed so that the server refuses a prepared statement, it is prepared again. */
#include "db/postgres/postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 32, ARGUMENTS = 65535 };

static void name_of(const struct kept *p, char name[NAME_SIZE])
{
        snprintf(name, NAME_SIZE, "aeon_%lu", p->number);
}

void aeon__pg_forget_all(struct pg_link *l)
{
        struct kept *p;
        while ((p = aeon__kept_oldest(&l->prepared)))
                aeon__kept_forget(&l->prepared, p);
}

/* The server forgets it, too. */
static int give_up(struct pg_link *l, struct kept *p)
{
        char name[NAME_SIZE], sql[NAME_SIZE + 16];
        name_of(p, name);
        snprintf(sql, sizeof sql, "deallocate %s", name);
        aeon__kept_forget(&l->prepared, p);
        return aeon__pg_say(l, sql);
}

static int prepare(struct pg_link *l, const char *sql, struct kept **ret_prepared)
{
        char name[NAME_SIZE];
        PGresult *result;
        int r = 0;
        while (r >= 0 && l->prepared.count >= l->link.pool->opts.statements)
                r = give_up(l, aeon__kept_oldest(&l->prepared));
        if (r < 0)
                return r;
        struct kept *p = aeon__kept_add(&l->prepared, sql);
        if (!p)
                return aeon_fail(-ENOMEM, "no memory for a statement");
        p->number = ++l->prepared_number;
        name_of(p, name);
        r = aeon__pg_exchange(l, PQsendPrepare(l->conn, name, sql, 0, NULL), &result);
        PQclear(result);
        if (r < 0)
                aeon__kept_forget(&l->prepared, p);
        else
                *ret_prepared = p;
        return r;
}

/* ------------------------------------------------------------------ arguments */

struct arguments {
        const char **values;
        int *lengths, *formats;
        char (*buffers)[VALUE_SIZE];
};

static void arguments_done(struct arguments *a)
{
        free(a->values);
        free(a->lengths);
        free(a->formats);
        free(a->buffers);
}

static int arguments_init(struct arguments *a, const aeon_db_args *args)
{
        size_t count = args ? args->count : 0;
        *a = (struct arguments){ 0 };
        if (!count)
                return 0;
        if (count > ARGUMENTS)
                return aeon_fail(-E2BIG, "%zu arguments; PostgreSQL takes %d", count, ARGUMENTS);
        a->values = calloc(count, sizeof *a->values);
        a->lengths = calloc(count, sizeof *a->lengths);
        a->formats = calloc(count, sizeof *a->formats);
        a->buffers = calloc(count, sizeof *a->buffers);
        if (!a->values || !a->lengths || !a->formats || !a->buffers) {
                arguments_done(a);
                return aeon_fail(-ENOMEM, "no memory for %zu arguments", count);
        }
        for (size_t i = 0; i < count; i++) {
                const aeon_db_value *value = &args->values[i];
                if (value->kind == AEON_DB_IS_BYTES) {
                        a->values[i] = value->of.bytes.size ? value->of.bytes.data : "";
                        a->lengths[i] = (int)value->of.bytes.size;
                        a->formats[i] = 1;
                } else {
                        a->values[i] = aeon__db_value_print(value, a->buffers[i]);
                }
        }
        return 0;
}

/* ------------------------------------------------------------------ running */

static int execute(struct pg_link *l, const struct kept *p, const aeon_db_args *args, PGresult **ret_result)
{
        char name[NAME_SIZE];
        struct arguments a;
        *ret_result = NULL;
        int r = arguments_init(&a, args);
        if (r < 0)
                return r;
        name_of(p, name);
        int sent = PQsendQueryPrepared(l->conn, name, args ? (int)args->count : 0, a.values, a.lengths, a.formats, 0);
        r = aeon__pg_exchange(l, sent, ret_result);
        arguments_done(&a);
        return r;
}

/* The server has no such statement any more, or its columns have become others. */
static bool is_stale(const PGresult *result)
{
        const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
        return state && (!strcmp(state, "0A000") || !strcmp(state, "26000"));
}

static int run_prepared(struct pg_link *l, const struct statement *s, PGresult **ret_result)
{
        struct kept *p = aeon__kept_find(&l->prepared, s->sql);
        bool found = p;
        int r = found ? 0 : prepare(l, s->sql, &p);
        if (r >= 0)
                r = execute(l, p, s->args, ret_result);
        if (r >= 0 || !found || !is_stale(*ret_result))
                return r;
        aeon__kept_forget(&l->prepared, p); /* its name at the server is not used again */
        if (!s->alone)
                return aeon_fail(-EAGAIN, "a table has changed under a prepared statement: do the transaction again");
        PQclear(*ret_result);
        *ret_result = NULL;
        r = prepare(l, s->sql, &p);
        return r < 0 ? r : execute(l, p, s->args, ret_result);
}

int aeon__pg_run(struct db_link *link, const struct statement *s, struct db_result **ret_result)
{
        struct pg_link *l = pg_link_of(link);
        PGresult *result = NULL;
        int r;
        if (s->script || s->once)
                r = aeon__pg_exchange(l, PQsendQuery(l->conn, s->sql), &result);
        else
                r = run_prepared(l, s, &result);
        if (r >= 0)
                return aeon__pg_result_new(result, ret_result);
        PQclear(result);
        aeon__pg_hide_arguments(r, s->args);
        return r;
}
