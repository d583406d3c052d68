/* From the words MODULE[:APP] to the function that declares the app. */
#pragma once

#include <aeon/app.h>

struct module {
        char *name; /* of the app */
        void (*define)(aeon_app *app);
};

/* Find, build when it is source, and load. A module stays loaded until the process ends. free(ret_module->name) when done.
 *
 * Errors: -ENOENT no such file, or no such app in it; -EINVAL not a module; -ENOEXEC it did not compile or load; the text says
 * which */
int module_load(const char *words, struct module *ret_module);

/* What people call the app @app of the module @words: "predict" for predict.c, however it was found; the app's own name when it has another
 * than `app`. Yours, to free(); NULL: no memory. */
char *module_app_name(const char *words, const char *app);
