/* The cells of libpq's results. */
#include "db/postgres/postgres.h"

#include <stdlib.h>

struct pg_result {
        struct db_result result;
        PGresult *rows;
};

/* Numbers of the built-in types. Source: PostgreSQL, src/include/catalog/pg_type.dat; they never change. */
static enum cell_class class_of(Oid type)
{
        switch (type) {
        case 16:
                return CELL_BOOL;
        case 17:
                return CELL_HEX;
        case 20: /* int8 */
        case 21:
        case 23:
        case 26: /* oid */
                return CELL_WHOLE;
        case 700:
        case 701:
                return CELL_REAL;
        case 1700:
                return CELL_NUMERIC;
        case 18: /* "char" */
        case 19: /* name */
        case 25:
        case 1042:
        case 1043:
                return CELL_TEXT;
        case 114:
        case 3802:
                return CELL_JSON;
        case 1114:
        case 1184:
                return CELL_TIMESTAMP;
        case 1186:
                return CELL_INTERVAL;
        default:
                return CELL_OTHER;
        }
}

static const char *column(const struct db_result *result, unsigned i)
{
        return PQfname(((const struct pg_result *)result)->rows, (int)i);
}

static void cell(const struct db_result *result, unsigned row, unsigned i, struct cell *ret_cell)
{
        const PGresult *rows = ((const struct pg_result *)result)->rows;
        if (PQgetisnull(rows, (int)row, (int)i))
                *ret_cell = (struct cell){ .class = CELL_NULL, .text = "" };
        else
                *ret_cell = (struct cell){ .class = class_of(PQftype(rows, (int)i)),
                                           .text = PQgetvalue(rows, (int)row, (int)i),
                                           .size = (size_t)PQgetlength(rows, (int)row, (int)i) };
}

static void free_result(struct db_result *result)
{
        PQclear(((struct pg_result *)result)->rows);
        free(result);
}

static const struct result_ops ops = { column, cell, free_result };

int aeon__pg_result_new(PGresult *rows, struct db_result **ret_result)
{
        struct pg_result *result = calloc(1, sizeof *result);
        if (!result) {
                PQclear(rows);
                return aeon_fail(-ENOMEM, "no memory for a result");
        }
        result->rows = rows;
        result->result = (struct db_result){ .ops = &ops,
                                             .rows = (unsigned)PQntuples(rows),
                                             .columns = (unsigned)PQnfields(rows),
                                             .changed = strtoll(PQcmdTuples(rows), NULL, 10) };
        *ret_result = &result->result;
        return 0;
}
