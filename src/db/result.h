/* What a statement has given, whatever database it came from, and how it becomes structs. */
#pragma once

#include <aeon/db.h>
#include <aeon/error.h>

/* What a cell is, so that it cannot become what it is not. */
enum cell_class {
        CELL_NULL,
        CELL_WHOLE,
        CELL_REAL,
        CELL_NUMERIC, /* exact, of any size */
        CELL_BOOL,    /* "t" or "f" */
        CELL_TEXT,
        CELL_BYTES, /* as they are */
        CELL_HEX,   /* bytes as "\x6869" */
        CELL_TIMESTAMP,
        CELL_INTERVAL, /* ISO 8601 */
        CELL_JSON,
        CELL_OTHER, /* text of the server's own making */
};

struct cell {
        enum cell_class class;
        const char *text; /* a NUL follows; borrowed from the result */
        size_t size;
};

struct db_result {
        const struct result_ops *ops;
        int64_t changed; /* rows; of a query: those that it gave */
        unsigned rows, columns;
        bool typed_by_value; /* each value says what it is, not its column: there are no booleans and times, but numbers and texts */
};

struct result_ops {
        const char *(*column)(const struct db_result *result, unsigned column);
        void (*cell)(const struct db_result *result, unsigned row, unsigned column, struct cell *ret_cell);
        void (*free)(struct db_result *result);
};

static inline void result_free(struct db_result *result)
{
        if (result)
                result->ops->free(result);
}

/* All rows as an array of structs in one block; NULL when there are none. Errors: -EBADMSG, -ENOMEM. */
int aeon__rows_read(const struct db_result *result, const aeon_record *record, void **ret_rows);
