/* `aeon health [URL]` and `aeon tasks [URL]`: what a running app says of itself, as tables for people.
 *
 * DESIGN
 *   Both ask the admin listener. /healthz gives JSON, of which the table is made here; /tasks gives the tree as text already.
 */
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/flags.h"

#include "base/log.h"

#include <aeon/error.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct inspect {
        bool json;
        aeon_duration timeout;
};

static const struct flag flags[] = {
        { "json", FLAG_SWITCH(struct inspect, json), NULL, "print what the app answered, as it came" },
        { "timeout", FLAG_DURATION(struct inspect, timeout), "TIME", "no answer after this long is a failure (5s)" },
        { 0 },
};

static const struct command health_command = {
        .program = "aeon health",
        .arguments = "[URL]",
        .summary = "Show the components of a running app. Exit code 0 when it is healthy or degraded. Default: " ADMIN_DEFAULT,
        .example = "aeon health 127.0.0.1:7980",
        .flags = flags,
        .most = 1,
};

static const struct command tasks_command = {
        .program = "aeon tasks",
        .arguments = "[URL]",
        .summary = "Show the tasks of a running app, and what each waits for. Default: " ADMIN_DEFAULT,
        .example = "aeon tasks unix:/run/serve.sock",
        .flags = flags,
        .most = 1,
};

/* ------------------------------------------------------------------ asking */

/* 0 and the status and body of @path, or an exit code above 0, complained about. */
static int ask(const struct command *command, const struct inspect *opts, const char *address, const char *path, int *ret_status,
               char **ret_body)
{
        int r = cli_ask(address, path, opts->timeout, NULL, ret_body);
        if (r < 0) {
                aeon__flags_complain(command->program, "%s: %s", address, aeon_error_describe(r));
                return r == -EINVAL ? 2 : 1;
        }
        *ret_status = r;
        return 0;
}

/* ------------------------------------------------------------------ health */

static const char *text_of(const json_t *component, const char *key)
{
        const char *text = json_string_value(json_object_get(component, key));
        return text ? text : "";
}

static void print_since(double seconds)
{
        if (seconds < 60)
                printf("%4.0f s  ", seconds);
        else if (seconds < 3600)
                printf("%4.0f min", seconds / 60);
        else if (seconds < 48 * 3600)
                printf("%4.0f h  ", seconds / 3600);
        else
                printf("%4.0f d  ", seconds / 86400);
}

static const char *colour_of(const char *status)
{
        if (!aeon__colours_on(STDOUT_FILENO))
                return NULL;
        return !strcmp(status, "healthy") ? "\x1b[32m" : !strcmp(status, "degraded") ? "\x1b[33m" : "\x1b[31m";
}

static void print_status(const char *status, int width)
{
        const char *colour = colour_of(status);
        printf("%s%-*s%s", colour ? colour : "", width, status, colour ? "\x1b[0m" : "");
}

static void print_components(const json_t *components)
{
        size_t i;
        int width = (int)strlen("component");
        const json_t *component;
        json_array_foreach(components, i, component)
        {
                int length = (int)strlen(text_of(component, "name"));
                width = length > width ? length : width;
        }
        printf("%-*s  %-9s  %10s  %8s  %-9s  %s\n", width, "component", "status", "latency", "since", "impact", "error");
        json_array_foreach(components, i, component)
        {
                printf("%-*s  ", width, text_of(component, "name"));
                print_status(text_of(component, "status"), 9);
                printf("  %7.1f ms  ", json_number_value(json_object_get(component, "latency_ms")));
                print_since(json_number_value(json_object_get(component, "since_s")));
                bool more = *text_of(component, "error");
                printf("  %-*s", more ? 9 : 0, text_of(component, "impact"));
                json_int_t failures = json_integer_value(json_object_get(component, "failures"));
                if (more)
                        printf("  %s", text_of(component, "error"));
                if (failures > 1)
                        printf(" (%lld times in a row)", (long long)failures);
                putchar('\n');
        }
}

static int print_health(const char *body)
{
        json_error_t error;
        json_t *health = json_loads(body, 0, &error);
        if (!health) {
                aeon__flags_complain(health_command.program, "the answer is not JSON: %s", error.text);
                return 1;
        }
        print_status(text_of(health, "status"), 0);
        putchar('\n');
        const json_t *components = json_object_get(health, "components");
        if (json_array_size(components))
                print_components(components);
        else if (!components)
                puts("(components are shown to loopback only, unless the app runs with --health-details)");
        json_decref(health);
        return 0;
}

int health_main(int argc, char **argv)
{
        struct inspect opts = { .timeout = AEON_SECONDS(5) };
        int left = aeon__flags_parse(&health_command, &opts, argc, argv), status;
        if (left < 0)
                return flags_exit(left);
        char *body;
        int code = ask(&health_command, &opts, left ? argv[0] : ADMIN_DEFAULT, "/healthz", &status, &body);
        if (code)
                return code;
        code = opts.json ? puts(body) < 0 : print_health(body);
        free(body);
        return code || (status != 200);
}

/* ------------------------------------------------------------------ tasks */

int tasks_main(int argc, char **argv)
{
        struct inspect opts = { .timeout = AEON_SECONDS(5) };
        int left = aeon__flags_parse(&tasks_command, &opts, argc, argv), status;
        if (left < 0)
                return flags_exit(left);
        const char *address = left ? argv[0] : ADMIN_DEFAULT;
        char *body;
        int code = ask(&tasks_command, &opts, address, opts.json ? "/tasks" : "/tasks?verbose", &status, &body);
        if (code)
                return code;
        if (status == 200)
                fputs(body, stdout);
        else
                aeon__flags_complain(tasks_command.program, "%s answered %d", address, status);
        free(body);
        return status != 200;
}
