/* Statements on PostgreSQL: arguments, rows into records, errors. */
#include "database.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOOD(V) V(MOOD_GOOD, "good") V(MOOD_BAD, "bad")
AEON_ENUMERATION(mood, MOOD);

#define EVERYTHING(F)           \
        F(i64, i)               \
        F(u64, u)               \
        F(f64, f)               \
        F(boolean, b)           \
        F(str, s)               \
        F(bytes, y)             \
        F(timestamp, t)         \
        F(duration, d)          \
        F(json, j)              \
        F(enumeration(mood), m) \
        F(list(i64), l)         \
        F(optional(i64), oi)    \
        F(optional(str), os)    \
        F(optional(bytes), oy)  \
        F(i64, missing, .def = "7")
AEON_RECORD(everything, EVERYTHING);

#define USER(F) F(i64, id) F(str, name) F(optional(i64), age)
AEON_RECORD(user, USER);

TEST(each_kind_of_field_takes_its_types)
{
        aeon_db *db = shared_open(1);
        struct everything *e = NULL;
        int n = everything_rows(
                db, &e,
                "select 5::int as i, 7::numeric as u, 1.5::float8 as f, true as b, 'x \"y\"'::text as s, "
                "'\\x00ff10'::bytea as y, '2026-11-21 11:04:28.5+01'::timestamptz as t, '1 day 00:00:01.5'::interval as d, "
                "'{\"a\": [1]}'::jsonb as j, 'bad' as m, '[1,2,3]'::json as l, 9::bigint as oi, null::text as os, "
                "'\\x41'::bytea as oy "
                "union all select -1, 0, -2.25, false, '', '', '1970-01-01 00:00:00+00', '0', '1', 'good', '[]', null, 'z', null",
                NULL);
        REQUIRE_INT(n, 2);
        CHECK_INT(e[0].i, 5);
        CHECK_INT(e[0].u, 7);
        CHECK(e[0].f == 1.5);
        CHECK(e[0].b);
        CHECK_STR(e[0].s, "x \"y\"");
        CHECK_INT(e[0].y.size, 3);
        CHECK(!memcmp(e[0].y.data, "\0\xff\x10", 3));
        CHECK_INT(e[0].t, INT64_C(1795255468500000000));
        CHECK_INT(e[0].d, AEON_HOURS(24) + AEON_MILLISECONDS(1500));
        CHECK_STR(e[0].j, "{\"a\": [1]}");
        CHECK_INT(e[0].m, MOOD_BAD);
        CHECK_INT(e[0].l.count, 3);
        CHECK_INT(e[0].l.items[2], 3);
        CHECK_INT(*e[0].oi, 9);
        CHECK(!e[0].os);
        CHECK_INT(e[0].oy->size, 1);
        CHECK_INT(e[0].missing, 7);
        CHECK_INT(e[1].i, -1);
        CHECK(!e[1].b);
        CHECK_STR(e[1].s, "");
        CHECK_INT(e[1].y.size, 0);
        CHECK_INT(e[1].t, 0);
        CHECK_INT(e[1].d, 0);
        CHECK_INT(e[1].m, MOOD_GOOD);
        CHECK(!e[1].oi);
        CHECK_STR(e[1].os, "z");
        CHECK(!e[1].oy);
        everything_free(e);
        aeon_db_close(db);
}

TEST(what_was_an_argument_comes_back_as_it_was)
{
        aeon_db *db = shared_open(1);
        const int64_t big = INT64_MIN;
        const unsigned char bytes[] = { 0, 1, 255, '\'', '\\' };
        REQUIRE_INT(aeon_db_script(
                            db, "create table a (i bigint, u numeric, f float8, b bool, s text, y bytea, t timestamptz, oi int)"),
                    0);
        CHECK_INT(
                aeon_db_exec(db, "insert into a values ($1, $2, $3, $4, $5, $6, $7, $8)",
                             AEON_DB_ARGS(big, UINT64_MAX, 0.1, (bool)1, "it's \xc3\xa4 $1", ((aeon_bytes){ bytes, sizeof bytes }),
                                          aeon_db_timestamp(INT64_C(1795255468500001000)), (const int64_t *)NULL)),
                1);
        struct everything *e = NULL;
        REQUIRE_INT(everything_row(
                            db, &e,
                            "select i, u, f, b, s, y, t, '1s' as d, 'null'::json as j, 'good' as m, '[]' as l, oi, null::text os, "
                            "null::bytea oy from a where i = $1",
                            AEON_DB_ARGS(big)),
                    0);
        CHECK_INT(e->i, big);
        CHECK(e->u == UINT64_MAX);
        CHECK(e->f == 0.1);
        CHECK(e->b);
        CHECK_STR(e->s, "it's \xc3\xa4 $1");
        CHECK_INT(e->y.size, sizeof bytes);
        CHECK(!memcmp(e->y.data, bytes, sizeof bytes));
        CHECK_INT(e->t, INT64_C(1795255468500001000));
        CHECK(!e->oi);
        everything_free(e);
        CHECK_INT(number_of(db, "select count(*) as n from a where f = $1 and s <> $2", AEON_DB_ARGS(0.1, "")), 1);
        CHECK_INT(number_of(db, "select case when $1::float8 = 'infinity' then 1 else 0 end as n", AEON_DB_ARGS(INFINITY)), 1);
        aeon_db_close(db);
}

TEST(exec_counts_the_rows_that_it_has_changed)
{
        aeon_db *db = shared_open(1);
        CHECK_INT(aeon_db_exec(db, "create table c (i int)", NULL), 0);
        CHECK_INT(aeon_db_exec(db, "insert into c select generate_series(1, 10)", NULL), 10);
        CHECK_INT(aeon_db_exec(db, "update c set i = i + 1 where i > $1", AEON_DB_ARGS(7)), 3);
        CHECK_INT(aeon_db_exec(db, "delete from c where false", NULL), 0);
        CHECK_INT(aeon_db_exec(db, "select * from c", NULL), 10);
        aeon_db_close(db);
}

TEST(the_one_row_must_be_there_and_alone)
{
        aeon_db *db = shared_open(1);
        struct user *u = (void *)1;
        const char *sql = "select i as id, 'n' as name, null::int as age from generate_series(1, $1) i";
        CHECK_INT(user_row(db, &u, sql, AEON_DB_ARGS(0)), -ENOENT);
        CHECK_CONTAINS(aeon_error_text(), "there is no such user");
        CHECK_INT(user_row(db, &u, sql, AEON_DB_ARGS(2)), -E2BIG);
        CHECK_CONTAINS(aeon_error_text(), "there are 2");
        CHECK(u == (void *)1);
        CHECK_INT(user_rows(db, &u, sql, AEON_DB_ARGS(0)), 0);
        CHECK(!u);
        user_free(u);
        CHECK_INT(user_row(db, &u, sql, AEON_DB_ARGS(1)), 0);
        CHECK_INT(u->id, 1);
        user_free(u);
        aeon_db_close(db);
}

TEST(a_row_that_does_not_fit_names_column_and_field)
{
        static const struct {
                const char *sql, *words;
        } cases[] = {
                { "select 1 as id, 'x' as name, 2 as age, 3 as extra", "the column \"extra\" has no field in user" },
                { "select 1 as id", "no column for the field \"name\" of user" },
                { "select 1 as id, 'x' as name, 2 as id", "two columns \"id\"" },
                { "select null::int as id, 'x' as name", "row[1].id: it is NULL, and the field is not optional" },
                { "select 1 as id, 'x' as name union all select 2, null", "row[2].name: it is NULL" },
                { "select 'five'::text as id, 'x' as name", "row[1].id: it is text, and the field is a whole number" },
                { "select 1.5 as id, 'x' as name", "row[1].id: \"1.5\" is not a whole number" },
                { "select 1.5::float8 as id, 'x' as name", "it is a number with a point" },
                { "select 99999999999999999999 as id, 'x' as name", "too large" },
                { "select 1 as id, 5 as name", "row[1].name: it is a whole number, and the field is a string" },
        };
        aeon_db *db = shared_open(1);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct user *u = (void *)1;
                CHECK_INT(user_rows(db, &u, cases[i].sql, NULL), -EBADMSG);
                CHECK_CONTAINS(aeon_error_text(), cases[i].words);
                CHECK_CONTAINS(aeon_error_text(), "select");
                CHECK(u == (void *)1);
        }
        aeon_db_close(db);
}

TEST(what_the_server_says_has_a_code_and_its_words)
{
        static const struct {
                const char *sql;
                int code;
                const char *words;
        } cases[] = {
                { "insert into e values (1)", -EEXIST, "duplicate key value violates unique constraint \"e_pkey\" (23505)" },
                { "insert into e values (null)", -EINVAL, "23502" },
                { "insert into e values (-1)", -EINVAL, "23514" },
                { "selec 1", -EINVAL, "syntax error" },
                { "select * from nowhere", -EINVAL, "relation \"nowhere\" does not exist (42P01)" },
                { "select 1 / 0", -EINVAL, "division by zero (22012)" },
                { "select 100000::smallint", -ERANGE, "22003" },
                { "copy e from stdin", -ENOTSUP, "copy" },
                { "select 1; select 2", -EINVAL, "multiple commands" },
                { "select pg_sleep(10)", -ETIMEDOUT, "57014" },
        };
        aeon_db *db = shared_open(1);
        REQUIRE_INT(aeon_db_script(db, "create table e (i int primary key check (i > 0)); insert into e values (1)"), 0);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                if (cases[i].code == -ETIMEDOUT)
                        REQUIRE_INT(aeon_db_script(db, "set statement_timeout = 100"), 0);
                CHECK_INT(aeon_db_exec(db, cases[i].sql, NULL), cases[i].code);
                CHECK_CONTAINS(aeon_error_text(), cases[i].words);
                CHECK_CONTAINS(aeon_error_text(), cases[i].sql);
        }
        CHECK_INT(number_of(db, "select count(*) as n from e", NULL), 1);
        aeon_db_close(db);
}

TEST(arguments_do_not_stand_in_the_words_of_an_error)
{
        aeon_db *db = shared_open(1);
        REQUIRE_INT(aeon_db_script(db, "create table h (i int, s text unique); insert into h values (1, 'hunter2')"), 0);
        CHECK_INT(aeon_db_exec(db, "insert into h values ($1::text::int, $2)", AEON_DB_ARGS("hunter2", "x")), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "invalid input syntax");
        CHECK(!strstr(aeon_error_text(), "hunter2"));
        CHECK_INT(aeon_db_exec(db, "insert into h values (1, $1)", AEON_DB_ARGS("hunter2")), -EEXIST);
        CHECK(!strstr(aeon_error_text(), "hunter2"));
        aeon_db_close(db);
}

TEST(the_number_of_arguments_must_be_right)
{
        aeon_db *db = shared_open(1);
        CHECK_INT(aeon_db_exec(db, "select $1::int + $2::int", AEON_DB_ARGS(1)), -EINVAL);
        CHECK_INT(aeon_db_exec(db, "select $1::int", AEON_DB_ARGS(1, 2)), -EINVAL);
        CHECK_INT(aeon_db_exec(db, "select $1::int", AEON_DB_ARGS(1)), 1);
        aeon_db_close(db);
}

/* A million cells go through the socket in pieces, both ways. */
TEST(large_texts_go_there_and_back)
{
        enum { SIZE = 3 * 1000 * 1000 };
        aeon_db *db = shared_open(1);
        char *text = malloc(SIZE + 1);
        memset(text, 'x', SIZE);
        text[SIZE] = '\0';
        CHECK_INT(number_of(db, "select length($1) as n", AEON_DB_ARGS(text)), SIZE);
        struct user *u = NULL;
        int n = user_rows(db, &u, "select i as id, 'user ' || i as name, i as age from generate_series(1, $1) i",
                          AEON_DB_ARGS(50000));
        REQUIRE_INT(n, 50000);
        CHECK_STR(u[49999].name, "user 50000");
        CHECK_INT(*u[12345].age, 12346);
        user_free(u);
        free(text);
        aeon_db_close(db);
}

TEST(a_statement_is_prepared_once_per_connection_and_few_are_kept)
{
        aeon_db *db;
        REQUIRE_INT(aeon_db_open(shared_url(), &(aeon_db_opts){ .size = 1, .statements = 3 }, &db), 0);
        for (int i = 0; i < 5; i++)
                CHECK_INT(number_of(db, "select $1::int as n", AEON_DB_ARGS(i)), i);
        const char *count = "select count(*) as n from pg_prepared_statements";
        CHECK_INT(number_of(db, count, NULL), 2);
        for (int i = 0; i < 20; i++) {
                char sql[60];
                snprintf(sql, sizeof sql, "select %d as n", i);
                CHECK_INT(number_of(db, sql, NULL), i);
        }
        CHECK_INT(number_of(db, count, NULL), 3);
        aeon_db_close(db);
}

TEST(a_prepared_statement_survives_a_change_of_its_table)
{
        aeon_db *db = shared_open(1);
        REQUIRE_INT(aeon_db_script(db, "create table s (n int); insert into s values (1)"), 0);
        CHECK_INT(number_of(db, "select * from s", NULL), 1);
        REQUIRE_INT(aeon_db_script(db, "alter table s alter n type bigint"), 0);
        CHECK_INT(number_of(db, "select * from s", NULL), 1);
        REQUIRE_INT(aeon_db_script(db, "deallocate all"), 0);
        CHECK_INT(number_of(db, "select * from s", NULL), 1);

        aeon_db *tx;
        REQUIRE_INT(aeon_db_script(db, "alter table s alter n type int"), 0);
        REQUIRE_INT(aeon_db_begin(db, NULL, &tx), 0);
        CHECK_INT(aeon_db_exec(tx, "select * from s", NULL), -EAGAIN);
        aeon_db_rollback(tx);
        CHECK_INT(number_of(db, "select * from s", NULL), 1);
        aeon_db_close(db);
}

TEST(values_are_read_alike_whatever_the_servers_settings_are)
{
        aeon_db *db;
        struct everything *e = NULL;
        REQUIRE_INT(aeon_db_open(shared_url_with(
                                         "%20-cdatestyle%3DGerman%20-cintervalstyle%3Dpostgres_verbose%20-ctimezone%3DAsia/Kolkata"
                                         "%20-cbytea_output%3Descape"),
                                 NULL, &db),
                    0);
        REQUIRE_INT(
                everything_row(
                        db, &e,
                        "select 1 i, 1 u, 1::float8 f, true b, '' s, '\\xff'::bytea y, '2026-11-21 10:04:28.5+00'::timestamptz t, "
                        "'90 minutes'::interval d, '1'::json j, 'good' m, '[]' l, null::int oi, null::text os, null::bytea oy",
                        NULL),
                0);
        CHECK_INT(e->t, INT64_C(1795255468500000000));
        CHECK_INT(e->d, AEON_MINUTES(90));
        CHECK_INT(e->y.size, 1);
        everything_free(e);
        aeon_db_close(db);
}

TEST(nothing_is_a_database_that_is_not_there)
{
        CHECK_INT(aeon_db_exec(aeon_db_get(NULL), "select 1", NULL), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "there is no such database here");
}
