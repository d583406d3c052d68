/* Rows of SQLite, copied. Numbers become text here, on the thread, for the cells of all databases are text. */
#include "db/sqlite/sqlite.h"

#include "record/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct sq_result {
        struct db_result result;
        struct arena arena; /* names and texts */
        const char **columns;
        struct cell *cells; /* row after row */
        size_t capacity;    /* of them, in rows */
};

static const char *column(const struct db_result *result, unsigned i)
{
        return ((const struct sq_result *)result)->columns[i];
}

static void cell(const struct db_result *result, unsigned row, unsigned i, struct cell *ret_cell)
{
        *ret_cell = ((const struct sq_result *)result)->cells[(size_t)row * result->columns + i];
}

void aeon__sq_result_free(struct sq_result *result)
{
        if (!result)
                return;
        aeon__arena_done(&result->arena);
        free(result->columns);
        free(result->cells);
        free(result);
}

static void free_result(struct db_result *result)
{
        aeon__sq_result_free((struct sq_result *)result);
}

static const struct result_ops ops = { column, cell, free_result };

int aeon__sq_result_new(sqlite3_stmt *statement, struct sq_result **ret_result)
{
        struct sq_result *result = calloc(1, sizeof *result);
        int count = statement ? sqlite3_column_count(statement) : 0;
        if (!result)
                return aeon_fail(-ENOMEM, "no memory for a result");
        result->result = (struct db_result){ .ops = &ops, .columns = (unsigned)count, .typed_by_value = true };
        result->columns = calloc((size_t)count + 1, sizeof *result->columns);
        for (int i = 0; result->columns && i < count; i++) {
                const char *name = sqlite3_column_name(statement, i);
                result->columns[i] = name ? aeon__arena_copy(&result->arena, name, strlen(name)) : NULL;
                if (!result->columns[i])
                        count = -1;
        }
        if (!result->columns || count < 0) {
                aeon__sq_result_free(result);
                return aeon_fail(-ENOMEM, "no memory for a result");
        }
        *ret_result = result;
        return 0;
}

static const char *print_real(char text[NUMBER_SIZE], double number)
{
        return isfinite(number) ? aeon__number_print(text, number) : number > 0 ? "Infinity" : "-Infinity";
}

static bool copy_cell(struct sq_result *result, sqlite3_stmt *statement, int i, struct cell *ret_cell)
{
        char number[NUMBER_SIZE];
        const void *bytes = "";
        size_t size = 0;
        enum cell_class class = CELL_NULL;
        switch (sqlite3_column_type(statement, i)) {
        case SQLITE_INTEGER:
                class = CELL_WHOLE;
                bytes = aeon__whole_print(number, sqlite3_column_int64(statement, i));
                size = strlen(bytes);
                break;
        case SQLITE_FLOAT:
                class = CELL_REAL;
                bytes = print_real(number, sqlite3_column_double(statement, i));
                size = strlen(bytes);
                break;
        case SQLITE_TEXT:
                class = CELL_TEXT;
                bytes = sqlite3_column_text(statement, i);
                size = (size_t)sqlite3_column_bytes(statement, i);
                break;
        case SQLITE_BLOB:
                class = CELL_BYTES;
                bytes = sqlite3_column_blob(statement, i);
                size = (size_t)sqlite3_column_bytes(statement, i);
                break;
        default:
                break;
        }
        if (size && !bytes)
                return false; /* no memory in SQLite */
        char *copy = aeon__arena_copy(&result->arena, size ? bytes : "", size);
        *ret_cell = (struct cell){ .class = class, .text = copy, .size = size };
        return copy;
}

int aeon__sq_result_add(struct sq_result *result, sqlite3_stmt *statement)
{
        unsigned columns = result->result.columns, rows = result->result.rows;
        if (rows == result->capacity) {
                size_t capacity = result->capacity ? result->capacity * 2 : 8;
                struct cell *cells = realloc(result->cells, capacity * (columns + 1) * sizeof *cells);
                if (!cells)
                        return aeon_fail(-ENOMEM, "no memory for %zu rows", capacity);
                result->cells = cells;
                result->capacity = capacity;
        }
        for (unsigned i = 0; i < columns; i++)
                if (!copy_cell(result, statement, (int)i, &result->cells[(size_t)rows * columns + i]))
                        return aeon_fail(-ENOMEM, "no memory for a row");
        result->result.rows++;
        return 0;
}

struct db_result *aeon__sq_result_end(struct sq_result *result, int64_t changed)
{
        result->result.changed = changed;
        return &result->result;
}
