/* examples/settings/arguments.c - Declared arguments: typed, checked all at once, and listed by --help.
 *
 *     $ aeon run arguments.c --input words.txt --max-size 20 --db.port 5433
 *     reading words.txt into localhost:5433, 20 MB at most
 */
#include <aeon.h>
#include <inttypes.h>
#include <stdio.h>

#define DB(F)                                     \
        F(str, host, .def = "localhost")          \
        F(i64, port, .def = "5432", .max = 65535) \
        F(boolean, tls, .def = "no", .doc = "encrypt")
AEON_RECORD(db, DB);

#define ARGS(F)                                                                     \
        F(str, input, .doc = "what to read")                                        \
        F(i64, max_size, .def = "10", .min = 1, .max = 1000, .doc = "in megabytes") \
        F(list(str), tags, .def = "[]")                                             \
        F(record(db), db)
AEON_RECORD(args, ARGS);

static int read_input(aeon_app *app)
{
        const struct args *a = aeon_args(app);
        printf("reading %s into %s:%" PRId64 ", %" PRId64 " MB at most\n", a->input, a->db.host, a->db.port, a->max_size);
        return aeon_app_stop(app, 0);
}

AEON_APP(app)
{
        aeon_use_args(app, args_record());
        aeon_on_startup(app, read_input);
}
