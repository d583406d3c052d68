/* `aeon run MODULE[:APP] [flags] [app arguments]`: find the module, then do what an AEON_MAIN program does. */
#include "cli/app_main.h"
#include "cli/commands.h"
#include "cli/module.h"

#include <aeon/error.h>
#include <stdlib.h>
#include <string.h>

int run_main(int argc, char **argv)
{
        const struct command *c = &aeon__run_command;
        int at = aeon__flags_first(c, argc, argv);
        if (at < 0)
                return flags_exit(at);
        if (at == argc) {
                aeon__flags_complain(c->program, "which module? usage: %s %s [flags] [app arguments]", c->program, c->arguments);
                return 2;
        }
        struct module module;
        int r = module_load(argv[at], &module);
        if (r < 0) {
                aeon__flags_complain("aeon", "%s", aeon_error_describe(r));
                return 2;
        }
        char *name = module_app_name(argv[at], module.name);
        argv[0] = (char *)c->program;
        memmove(argv + at, argv + at + 1, (size_t)(argc - at) * sizeof *argv); /* with the NULL at the end */
        int code = aeon_main(argc - 1, argv, name ? name : module.name, module.define);
        free(name);
        free(module.name);
        return code;
}
