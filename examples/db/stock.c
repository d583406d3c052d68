/* examples/db/stock.c - A shop sells what it has: transactions, rows as structs, and a sale that is undone.
 *
 * Runs on either database: ./stock --db postgresql://localhost/shop
 */
#include <aeon.h>
#include <inttypes.h>
#include <stdio.h>

#define ITEM(F) F(i64, id) F(str, name) F(i64, pieces)
AEON_RECORD(item, ITEM);

static int make_tables(aeon_app *app)
{
        int r = aeon_db_set_url(app, NULL, aeon_app_arg(app, "db", "sqlite::memory:"));
        if (r < 0)
                return r;
        return aeon_db_script(aeon_db_get(NULL),
                              "drop table if exists item;"
                              "create table item (id bigint primary key, name text not null, pieces bigint check (pieces >= 0));"
                              "insert into item values (1, 'lamp', 2), (2, 'table', 1)");
}

struct sale {
        int64_t item, pieces;
};

/* Committed when it returns 0, rolled back when it fails or its task is cancelled. */
static int sell(aeon_db *tx, void *arg)
{
        const struct sale *sale = arg;
        struct item *item;
        int r = item_row(tx, &item, "select id, name, pieces from item where id = $1", AEON_DB_ARGS(sale->item));
        if (r < 0)
                return r; /* -ENOENT: there is no such item */
        printf("%" PRId64 " %s, please: ", sale->pieces, item->name);
        item_free(item);
        r = aeon_db_exec(tx, "update item set pieces = pieces - $1 where id = $2", AEON_DB_ARGS(sale->pieces, sale->item));
        return r < 0 ? r : 0;
}

static int open_shop(void *arg)
{
        static const struct sale sales[] = { { 1, 1 }, { 2, 1 }, { 2, 1 }, { 7, 1 } };
        aeon_db *db = aeon_db_get(NULL);
        for (size_t i = 0; i < sizeof sales / sizeof *sales; i++) {
                int r = aeon_db_transaction(db, sell, (void *)&sales[i]);
                printf("%s\n", r < 0 ? aeon_error_describe(r) : "sold");
        }

        struct item *items;
        int n = item_rows(db, &items, "select id, name, pieces from item order by id", NULL);
        for (int i = 0; i < n; i++)
                printf("left: %" PRId64 " %s\n", items[i].pieces, items[i].name);
        if (n >= 0)
                item_free(items);
        return n < 0 ? n : aeon_app_stop(arg, 0);
}

AEON_APP(app)
{
        aeon_use_db(app, NULL, NULL, NULL); /* make_tables gives the URL */
        aeon_on_startup(app, make_tables);
        aeon_background(app, "shop", open_shop, app, NULL);
}

AEON_MAIN(app);
