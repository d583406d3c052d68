/* `aeon docs gen MODULE[:APP]`: the AsyncAPI or OpenAPI document of an app, without running it; `aeon docs serve`: both as a page. */
#include "app/calls.h"
#include "broker/document.h"
#include "cli/commands.h"
#include "cli/docs_serve.h"
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
        const char *listen, *target;
};

static const struct flag flags[] = {
        { "http", FLAG_SWITCH(struct docs, http), NULL, "gen: the OpenAPI document of its routes in place of the AsyncAPI one" },
        { "format", FLAG_CHOICE(struct docs, format), "yaml|json", "gen: (yaml)" },
        { "app-version", FLAG_TEXT(struct docs, version), "VERSION", "of the service (what the app says, or 1.0.0)" },
        { "listen", FLAG_TEXT(struct docs, listen), "HOST:PORT",
          "serve: where the page is; can try routes on 127.0.0.1 only (127.0.0.1:8001)" },
        { "target", FLAG_TEXT(struct docs, target), "URL",
          "serve: the running service to try routes on (where the app listens, or http://127.0.0.1:8000)" },
        { 0 },
};

static const struct command command = {
        .program = "aeon docs",
        .arguments = "gen|serve MODULE[:APP]",
        .summary = "gen: print the AsyncAPI 3.0 document of an app's messages, or the OpenAPI 3.1 one of its routes. serve: both "
                   "as a page "
                   "that can try routes. The app is declared, not run.",
        .example = "aeon docs gen predict.c > asyncapi.yaml",
        .flags = flags,
        .least = 2,
        .most = 2,
};

/* Both documents of an app. */
struct look {
        const struct docs *docs;
        char *openapi, *asyncapi;
        int result;
};

static void look(aeon_app *app, void *arg)
{
        struct look *l = arg;
        l->result = aeon__openapi(app, l->docs->version, &l->openapi);
        if (l->result >= 0)
                l->result = aeon__asyncapi(app, l->docs->version, &l->asyncapi);
}

static int print(const struct docs *d, const char *json)
{
        if (d->format == 0)
                layout_yaml(json, stdout);
        else
                layout_json(json, stdout);
        if (fflush(stdout) == EOF || ferror(stdout))
                return aeon_fail(-EIO, "the document could not be written");
        return 0;
}

/* Declare the app of the module @words, and have a look at it. */
static int look_at(const char *words, const struct module *module, struct look *l)
{
        char *name = module_app_name(words, module->name);
        int r = aeon__app_declare(module->define, &(aeon_app_opts){ .name = name ? name : module->name }, look, l);
        free(name);
        return r < 0 ? r : l->result;
}

static int carry_out(const char *what, const struct docs *d, struct look *l)
{
        if (!strcmp(what, "gen"))
                return print(d, d->http ? l->openapi : l->asyncapi);
        return docs_serve(
                &(struct docs_site){ .openapi = l->openapi, .asyncapi = l->asyncapi, .listen = d->listen, .target = d->target });
}

int docs_main(int argc, char **argv)
{
        struct docs d = { .listen = "127.0.0.1:8001" };
        struct module module;
        int left = aeon__flags_parse(&command, &d, argc, argv);
        if (left < 0)
                return flags_exit(left);
        if (strcmp(argv[0], "gen") != 0 && strcmp(argv[0], "serve") != 0) {
                aeon__flags_complain(command.program, "\"%s\" is not gen or serve", argv[0]);
                return 2;
        }
        int r = module_load(argv[1], &module);
        if (r < 0) {
                aeon__flags_complain("aeon", "%s", aeon_error_describe(r));
                return 2;
        }
        struct look l = { .docs = &d };
        r = look_at(argv[1], &module, &l);
        if (r >= 0)
                r = carry_out(argv[0], &d, &l);
        if (r < 0)
                aeon__flags_complain(command.program, "%s", aeon_error_describe(r));
        free(l.openapi);
        free(l.asyncapi);
        free(module.name);
        return r < 0 ? 1 : r;
}
