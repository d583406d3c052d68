/* The shut-down report: what ended the app, how long each stretch took, who held the door.
 *
 *     hooks stopped with code 0 after 2.4 s: SIGTERM
 *       start-up 3 ms, serving 2.1 s, draining 280 ms, shut-down 12 ms
 *       cancelled: task "job 7" (drain.c:31), in sleep
 *       also: shut-down hook "flush" failed: disk full
 *
 * As text on stderr; as one JSON object there instead when the log is in JSON; and in /dev/termination-log, where Kubernetes looks.
 */
#include "app/app.h"

#include "base/log.h"
#include "loop/loop.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STRAGGLERS_NAMED = 100 };

struct report {
        pthread_mutex_t lock;
        aeon_time began[STEPS]; /* 0: never */
        char *stragglers;       /* a line each */
        unsigned straggler_count;
        bool written;
};

int aeon__report_new(aeon_app *app)
{
        app->report = calloc(1, sizeof *app->report);
        if (!app->report)
                return aeon_fail(-ENOMEM, "no memory for the report");
        pthread_mutex_init(&app->report->lock, NULL);
        return 0;
}

void aeon__report_free(aeon_app *app)
{
        if (!app->report)
                return;
        pthread_mutex_destroy(&app->report->lock);
        free(app->report->stragglers);
        free(app->report);
}

void aeon__report_step(aeon_app *app, enum report_step step)
{
        pthread_mutex_lock(&app->report->lock);
        app->report->began[step] = aeon_now();
        pthread_mutex_unlock(&app->report->lock);
}

static void add_straggler(struct report *report, const struct aeon_task *t, const char *fate)
{
        char *longer = NULL;
        pthread_mutex_lock(&report->lock);
        if (report->straggler_count++ < STRAGGLERS_NAMED &&
            asprintf(&longer, "%s%s: task \"%s\" (%s), in %s\n", report->stragglers ? report->stragglers : "", fate, t->name,
                     t->site, t->waiting ? t->waiting->what : "its own code") >= 0) {
                free(report->stragglers);
                report->stragglers = longer;
        }
        pthread_mutex_unlock(&report->lock);
}

void aeon__report_stragglers(aeon_app *app, aeon_group *group, const char *fate)
{
        struct aeon_task *t;
        if (!group)
                return;
        list_foreach (t, aeon__group_tasks(group), in_group)
                add_straggler(app->report, t, fate);
}

/* ------------------------------------------------------------------ writing */

static const char *const step_names[STEPS] = { "start-up", "serving", "draining", "shut-down" };
static const char *const step_keys[STEPS] = { "start_ms", "serve_ms", "drain_ms", "shutdown_ms" };

/* How long step @i took; -1 when it never began. */
static aeon_duration step_length(const struct report *report, int i, aeon_time now)
{
        if (!report->began[i])
                return -1;
        for (int next = i + 1; next < STEPS; next++)
                if (report->began[next])
                        return report->began[next] - report->began[i];
        return now - report->began[i];
}

static void print_duration(FILE *out, aeon_duration d)
{
        if (d < AEON_SECONDS(1))
                fprintf(out, "%lld ms", (long long)(d / 1000000));
        else
                fprintf(out, "%.1f s", (double)d / 1e9);
}

static void print_lines(FILE *out, const char *lines, const char *before)
{
        while (lines && *lines) {
                int length = (int)strcspn(lines, "\n");
                fprintf(out, "  %s%.*s\n", before, length, lines);
                lines += length + (lines[length] == '\n');
        }
}

/* A cause of several lines, as bad settings are, keeps its lines. */
static void print_cause(FILE *out, const char *cause)
{
        if (!strchr(cause, '\n')) {
                fprintf(out, ": %s\n ", cause);
                return;
        }
        fputs(":\n", out);
        print_lines(out, cause, "");
        fputc(' ', out);
}

static void write_text(FILE *out, aeon_app *app, int code, aeon_time now)
{
        const struct report *report = app->report;
        fputs(app->opts.name, out);
        if (aeon_worker_id())
                fprintf(out, ", worker %u,", aeon_worker_id());
        fprintf(out, " stopped with code %d after ", code);
        print_duration(out, report->began[STEP_START] ? now - report->began[STEP_START] : 0);
        print_cause(out, app->stop.cause);
        const char *comma = " ";
        for (int i = 0; i < STEPS; i++) {
                aeon_duration length = step_length(report, i, now);
                if (length < 0)
                        continue;
                fprintf(out, "%s%s ", comma, step_names[i]);
                print_duration(out, length);
                comma = ", ";
        }
        fputc('\n', out);
        print_lines(out, report->stragglers, "");
        if (report->straggler_count > STRAGGLERS_NAMED)
                fprintf(out, "  and %u more\n", report->straggler_count - STRAGGLERS_NAMED);
        print_lines(out, app->stop.also, "also: ");
}

static void print_json_string(FILE *out, const char *text)
{
        char escaped[16384];
        aeon__json_escape(escaped, sizeof escaped, text ? text : "", text ? strlen(text) : 0);
        fprintf(out, "\"%s\"", escaped);
}

static void write_json(FILE *out, aeon_app *app, int code, aeon_time now)
{
        const struct report *report = app->report;
        fprintf(out, "{\"event\":\"stopped\",\"app\":");
        print_json_string(out, app->opts.name);
        if (aeon_worker_id())
                fprintf(out, ",\"worker\":%u", aeon_worker_id());
        fprintf(out, ",\"code\":%d,\"cause\":", code);
        print_json_string(out, app->stop.cause);
        for (int i = 0; i < STEPS; i++) {
                aeon_duration length = step_length(report, i, now);
                if (length >= 0)
                        fprintf(out, ",\"%s\":%.3f", step_keys[i], (double)length / 1e6);
        }
        fprintf(out, ",\"stragglers\":");
        print_json_string(out, report->stragglers);
        fprintf(out, ",\"also\":");
        print_json_string(out, app->stop.also);
        fprintf(out, "}\n");
}

/* To free(); NULL when memory is short. */
static char *text_of(void (*print)(FILE *, aeon_app *, int, aeon_time), aeon_app *app, int code)
{
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        if (!out)
                return NULL;
        print(out, app, code, aeon_now());
        fclose(out);
        return text;
}

static void write_out(int fd, const char *text)
{
        ssize_t written = text ? write(fd, text, strlen(text)) : 0;
        (void)written; /* nowhere left to report it */
}

static void write_for_people_and_machines(aeon_app *app, int code)
{
        char *text = text_of(aeon__log_is_json() ? write_json : write_text, app, code);
        write_out(STDERR_FILENO, text);
        free(text);
        if (aeon_worker_id()) /* there is room for the supervisor's word only */
                return;
        int fd = open("/dev/termination-log", O_WRONLY | O_TRUNC | O_CLOEXEC);
        if (fd < 0)
                return;
        text = text_of(write_json, app, code);
        write_out(fd, text);
        free(text);
        close(fd);
}

static void tell_watcher(aeon_app *app, int code)
{
        char *text = text_of(write_text, app, code);
        app->watcher->report(app->watcher, text ? text : "");
        free(text);
}

void aeon__report_write(aeon_app *app, int code)
{
        struct report *report = app->report;
        if (!report)
                return;
        pthread_mutex_lock(&report->lock);
        pthread_mutex_lock(&app->stop.lock); /* the hard deadline writes while others may still fail */
        bool wanted = !report->written && app->stop.cause;
        report->written = true;
        if (wanted && app->watcher)
                tell_watcher(app, code);
        else if (wanted && !app->opts.quiet)
                write_for_people_and_machines(app, code);
        pthread_mutex_unlock(&app->stop.lock);
        pthread_mutex_unlock(&report->lock);
}
