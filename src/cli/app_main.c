/* aeon_main(): an app with the flags of `aeon run`.
 *
 * DESIGN
 *   The flags fill aeon_app_opts; what is left of argv is the app's. The admin listener is a part like any other, and the first
 * one, so that the probes answer before anything of the app starts: aeon_app_run() is therefore given define_with_admin(), which
 * adds it and then calls the app's own function. That function takes the app and nothing else, so what it needs waits in `running`:
 *   one program runs one app.
 */
#include "cli/app_main.h"

#include "app/calls.h"
#include "http/admin.h"
#include "record/number.h"
#include "settings/settings.h"

#include <aeon/app.h>
#include <aeon/error.h>
#include <aeon/log.h>
#include <aeon/record.h>
#include <stdio.h>
#include <string.h>

struct run {
        aeon_app_opts app;
        const char *log_level;
        const char *trace_ratio;
        int log_format;
        void (*define)(aeon_app *app);
};

static const struct flag flags[] = {
        { "loops", FLAG_COUNT(struct run, app.loops), "N", "event loops, each on a thread of its own (1)" },
        { "workers", FLAG_COUNT(struct run, app.workers), "N",
          "processes of so many loops each, under one that starts a dead one again and on SIGHUP replaces all" },
        { "reload", FLAG_SWITCH(struct run, app.reload), NULL,
          "for writing it: build and start again when sources, headers or .env change" },
        { "admin", FLAG_TEXT(struct run, app.admin), "HOST:PORT",
          "where the probes answer; unix:PATH, or off (the first free port of 127.0.0.1:7979-7999)" },
        { "health-details", FLAG_SWITCH(struct run, app.health_details), NULL,
          "show components of /healthz to everybody, not only to loopback" },
        { "drain-delay", FLAG_DURATION(struct run, app.drain_delay), "TIME",
          "after a stop signal serve on for this long, not ready (0s)" },
        { "graceful-timeout", FLAG_DURATION(struct run, app.graceful_timeout), "TIME", "then let what is in flight finish (30s)" },
        { "cleanup-timeout", FLAG_DURATION(struct run, app.cleanup_timeout), "TIME", "then let what was cancelled clean up (5s)" },
        { "grace-period", FLAG_DURATION(struct run, app.grace_period), "TIME",
          "what a stop is given before it is killed (terminationGracePeriodSeconds, TimeoutStopSec): warns when too short" },
        { "stall-limit", FLAG_DURATION(struct run, app.stall_limit), "TIME",
          "a loop that does not come round for this long fails the live probe (10s)" },
        { "explain-settings", FLAG_SWITCH(struct run, app.explain_settings), NULL,
          "print each setting, its value and where it came from, and stop" },
        { "trace-endpoint", FLAG_TEXT(struct run, app.trace_endpoint), "URL",
          "send traces to this OTLP/HTTP collector, http://localhost:4318; or off (OTEL_EXPORTER_OTLP_ENDPOINT)" },
        { "trace-ratio", FLAG_TEXT(struct run, trace_ratio), "SHARE",
          "of the traces that begin here, 0.01 for one in a hundred (1)" },
        { "log-level", FLAG_TEXT(struct run, log_level), "LEVEL[,PART=LEVEL]...",
          "debug, info, warning, error or off; of a file or folder too: info,broker=debug (info)" },
        { "log-format", FLAG_CHOICE(struct run, log_format), "text|json", "(text)" },
        { 0 },
};

const struct command aeon__run_command = {
        .program = "aeon run",
        .arguments = "MODULE[:APP]",
        .summary = "Run an app: build its module when it is source, and take it through its life.",
        .example = "aeon run predict.c --graceful-timeout 10s --broker sqlite:./q.db",
        .flags = flags,
        .open = true,
};

static struct run running;

static void define_with_admin(aeon_app *app)
{
        aeon__admin_use(app, running.app.admin, running.app.health_details);
        running.define(app);
}

/* The part of --help that the app has declared. */
static void print_arguments(aeon_app *app, void *arg)
{
        const aeon_record *record = aeon__args_record(app);
        (void)arg;
        if (!record)
                return;
        struct text lines = { 0 };
        aeon__arguments_help(record, &lines);
        printf("\nArguments of %s:\n%s", aeon_app_name(app), lines.failed ? "  out of memory\n" : lines.data);
        aeon__text_done(&lines);
}

int aeon_main(int argc, char **argv, const char *name, void (*define)(aeon_app *app))
{
        struct command command = aeon__run_command;
        if (strcmp(argv[0], command.program) != 0) {
                const char *slash = strrchr(argv[0], '/');
                command.program = slash ? slash + 1 : argv[0];
                command.arguments = "";
                command.summary = "A service made with Aeon.";
                command.example = command.program;
                if (!strcmp(name, "app"))
                        name = command.program;
        }
        running = (struct run){ .log_level = "info", .log_format = AEON_LOG_TEXT, .define = define, .app.name = name };
        int left = aeon__flags_parse(&command, &running, argc, argv);
        if (left == FLAGS_HELPED)
                aeon__app_declare(define, &running.app, print_arguments, NULL);
        if (left < 0)
                return flags_exit(left);

        if (aeon_log_set_levels(running.log_level) < 0) {
                aeon__flags_complain(command.program, "--log-level: %s", aeon_error_text());
                return flags_exit(FLAGS_BAD);
        }
        if (running.trace_ratio &&
            (aeon__number_parse(running.trace_ratio, &running.app.trace_ratio) < 0 || !(running.app.trace_ratio > 0))) {
                aeon__flags_complain(command.program, "--trace-ratio: \"%s\" is not a share above 0 and up to 1",
                                     running.trace_ratio);
                return flags_exit(FLAGS_BAD);
        }
        aeon_log_set_format((aeon_log_format)running.log_format);
        running.app.argc = left;
        running.app.argv = argv;
        return aeon_app_run(define_with_admin, &running.app);
}
