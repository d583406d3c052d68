/* Declared arguments: prints them and stops. */
#include <aeon.h>
#include <stdio.h>

#define ARGS(F)                                   \
        F(str, input, .doc = "what to read")      \
        F(i64, max_size, .def = "10", .max = 100, .doc = "in megabytes")
AEON_RECORD(args, ARGS);

static int show(aeon_app *app)
{
        const struct args *a = aeon_args(app);
        printf("input=%s max_size=%d\n", a->input, (int)a->max_size);
        return aeon_app_stop(app, 0);
}

AEON_APP(app)
{
        aeon_use_args(app, args_record());
        aeon_on_startup(app, show);
}
