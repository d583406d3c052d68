/* `aeon docs gen MODULE[:APP]`: the AsyncAPI document of an app, without running it. */
#include "app/calls.h"
#include "broker/document.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/layout.h"
#include "cli/module.h"
#include "http/document.h"

#include <aeon/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct docs {
        int format; /* 0: YAML */
        const char *version;
        bool http;
};

static const struct flag flags[] = {
        { "http", FLAG_SWITCH(struct docs, http), NULL, "the OpenAPI document of its routes in place of the AsyncAPI one" },
        { "format", FLAG_CHOICE(struct docs, format), "yaml|json", "(yaml)" },
        { "app-version", FLAG_TEXT(struct docs, version), "VERSION", "of the service (what the app says, or 1.0.0)" },
        { 0 },
};

static const struct command command = {
        .program = "aeon docs",
        .arguments = "gen MODULE[:APP]",
        .summary = "Print the AsyncAPI 3.0 document of what an app subscribes to and publishes. The app is declared, not run.",
        .example = "aeon docs gen predict.c > asyncapi.yaml",
        .flags = flags,
        .least = 2,
        .most = 2,
};

struct look {
        const struct docs *docs;
        int result;
};

static void write_document(aeon_app *app, void *arg)
{
        struct look *l = arg;
        char *json;
        l->result = l->docs->http ? aeon__openapi(app, l->docs->version, &json) : aeon__asyncapi(app, l->docs->version, &json);
        if (l->result < 0)
                return;
        if (l->docs->format == 0)
                layout_yaml(json, stdout);
        else
                layout_json(json, stdout);
        free(json);
        if (fflush(stdout) == EOF || ferror(stdout))
                l->result = aeon_fail(-EIO, "the document could not be written");
}

int docs_main(int argc, char **argv)
{
        struct docs d = { 0 };
        struct module module;
        int left = aeon__flags_parse(&command, &d, argc, argv);
        if (left < 0)
                return flags_exit(left);
        if (strcmp(argv[0], "gen") != 0) {
                aeon__flags_complain(command.program, "\"%s\" is not gen", argv[0]);
                return 2;
        }
        int r = module_load(argv[1], &module);
        if (r < 0) {
                aeon__flags_complain("aeon", "%s", aeon_error_describe(r));
                return 2;
        }
        struct look l = { .docs = &d };
        char *name = module_app_name(argv[1], module.name);
        r = aeon__app_declare(module.define, &(aeon_app_opts){ .name = name ? name : module.name }, write_document, &l);
        free(name);
        r = r < 0 ? r : l.result;
        if (r < 0)
                aeon__flags_complain(command.program, "%s", aeon_error_describe(r));
        free(module.name);
        return r < 0;
}
