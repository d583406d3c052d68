/* Answers of a supervisor, made of those of its workers.
 *
 * DESIGN
 *   Each worker has an admin listener of its own on a port of 127.0.0.1, which its supervisor knows. They are asked at once, each for a
 *   second at most; one that does not answer is left out.
 *
 *   Prometheus wants a family in one piece, so the texts are cut into families, by their `# HELP`, and those of one name are put together:
 *
 *       # HELP x_total ...        own:       x_total 1
 *       # TYPE x_total counter    worker 1:  x_total{code="200"} 7   becomes   x_total{worker="1",code="200"} 7
 */
#include "http/admin_workers.h"

#include "app/workers.h"

#include <aeon/stream.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE AEON_SECONDS(1)

struct answer {
        struct worker_place place;
        const char *path;
        struct text text; /* head and body */
        const char *body; /* in it; NULL: there was no answer */
};

struct answers {
        struct answer *each;
        unsigned count;
};

/* ------------------------------------------------------------------ asking */

static int exchange(struct answer *a)
{
        aeon_stream *stream;
        char request[256], piece[16384];
        int r = aeon_stream_connect(a->place.admin, &stream);
        if (r < 0)
                return r;
        int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", a->path);
        ssize_t n = aeon_stream_write(stream, request, (size_t)length);
        while (n >= 0 && (n = aeon_stream_read(stream, piece, sizeof piece)) > 0)
                aeon__text_add(&a->text, piece, (size_t)n);
        aeon_stream_close(stream);
        return n < 0 ? (int)n : a->text.failed ? -ENOMEM : 0;
}

static int ask(void *arg)
{
        struct answer *a = arg;
        aeon_scope patience;
        aeon_scope_open(&patience, &(aeon_scope_opts){ .timeout = PATIENCE, .name = "worker" });
        int r = aeon_scope_close(&patience, exchange(a));
        const char *end = r == 0 && a->text.data ? strstr(a->text.data, "\r\n\r\n") : NULL;
        if (end && strstr(a->text.data, " 200 ") && strstr(a->text.data, " 200 ") < end)
                a->body = end + 4;
        return r == -ECANCELED ? r : 0;
}

static void answers_done(struct answers *all)
{
        for (unsigned i = 0; i < all->count; i++)
                aeon__text_done(&all->each[i].text);
        free(all->each);
}

static int ask_each(struct answers *all)
{
        aeon_group *group;
        int r = aeon_group_open(&group);
        if (r < 0)
                return r;
        for (unsigned i = 0; i < all->count && r >= 0; i++)
                if (all->each[i].place.admin[0])
                        r = aeon_spawn(group, "ask a worker", ask, &all->each[i]);
        if (r < 0)
                aeon_group_cancel(group, "not all workers can be asked");
        int closed = aeon_group_close(group);
        return r < 0 ? r : closed;
}

static int ask_all(aeon_app *app, const char *path, struct answers *ret_all)
{
        struct answers all = { .count = aeon__workers_count(app) };
        all.each = calloc(all.count, sizeof *all.each);
        if (!all.each)
                return aeon_fail(-ENOMEM, "no memory to ask %u workers", all.count);
        for (unsigned i = 0; i < all.count; i++) {
                all.each[i].path = path;
                aeon__workers_place(app, i, &all.each[i].place);
        }
        int r = ask_each(&all);
        if (r < 0)
                answers_done(&all);
        else
                *ret_all = all;
        return r;
}

/* ------------------------------------------------------------------ tasks */

static void add_tasks(struct text *out, bool json, const struct worker_place *place, const char *tasks)
{
        if (json)
                aeon__text_print(out, "%s{\"worker\":%u,\"process\":%d,\"tasks\":%s}", place->id ? "," : "", place->id, place->pid,
                                 tasks ? tasks : "null");
        else if (place->id)
                aeon__text_print(out, "\nworker %u (process %d)\n\n%s", place->id, place->pid, tasks ? tasks : "does not answer\n");
        else
                aeon__text_print(out, "supervisor\n\n%s", tasks);
}

int aeon__workers_tasks(aeon_app *app, bool json, const struct text *own, struct text *ret_all)
{
        struct answers all;
        int r = ask_all(app, json ? "/tasks" : "/tasks?verbose", &all);
        if (r < 0)
                return r;
        struct text out = { 0 };
        if (json)
                aeon__text_print(&out, "{\"workers\":[");
        add_tasks(&out, json, &(struct worker_place){ .pid = (int)getpid() }, own->data);
        for (unsigned i = 0; i < all.count; i++)
                add_tasks(&out, json, &all.each[i].place, all.each[i].body);
        if (json)
                aeon__text_print(&out, "]}");
        answers_done(&all);
        if (out.failed) {
                aeon__text_done(&out);
                return aeon_fail(-ENOMEM, "no memory for the tasks of all workers");
        }
        *ret_all = out;
        return 0;
}

/* ------------------------------------------------------------------ metrics */

static const char help[] = "# HELP ";

/* The length of the name of the family that begins at @family. */
static size_t name_length(const char *family)
{
        return strcspn(family + strlen(help), " \n");
}

static bool same_family(const char *a, const char *b)
{
        size_t length = name_length(a);
        return length == name_length(b) && !memcmp(a, b, strlen(help) + length);
}

/* The next family at or behind @at; NULL: none. */
static const char *next_family(const char *at)
{
        while (at && *at && strncmp(at, help, strlen(help)) != 0) {
                at = strchr(at, '\n');
                at = at ? at + 1 : NULL;
        }
        return at && *at ? at : NULL;
}

static const char *family_in(const char *text, const char *family)
{
        const char *found = next_family(text);
        while (found && !same_family(found, family))
                found = next_family(found + 1);
        return found;
}

static void add_sample(struct text *out, const char *line, size_t length, unsigned worker)
{
        size_t name = strcspn(line, "{ ");
        aeon__text_add(out, line, name);
        if (worker)
                aeon__text_print(out, line[name] == '{' ? "{worker=\"%u\"," : "{worker=\"%u\"}", worker);
        size_t rest = name + (worker && line[name] == '{');
        aeon__text_add(out, line + rest, length - rest);
}

/* Its samples; with @opening also the lines about it. */
static void add_family(struct text *out, const char *family, unsigned worker, bool opening)
{
        bool first = true;
        for (const char *line = family; *line; first = false) {
                size_t length = strcspn(line, "\n");
                length += line[length] == '\n';
                if (!first && !strncmp(line, help, strlen(help)))
                        break;
                if (*line != '#')
                        add_sample(out, line, length, worker);
                else if (opening)
                        aeon__text_add(out, line, length);
                line += length;
        }
}

/* Every family of text number @n that no text before had, with all that the others know of it. Number 0 is the supervisor's own. */
static void add_new_families(struct text *out, const char *const *texts, unsigned count, unsigned n)
{
        for (const char *family = next_family(texts[n]); family; family = next_family(family + 1)) {
                bool known = false;
                for (unsigned i = 0; i < n; i++)
                        known = known || family_in(texts[i], family);
                if (known)
                        continue;
                for (unsigned i = n; i < count; i++) {
                        const char *found = family_in(texts[i], family);
                        if (found)
                                add_family(out, found, i, i == n);
                }
        }
}

int aeon__workers_metrics(aeon_app *app, const struct text *own, struct text *ret_all)
{
        struct answers all;
        int r = ask_all(app, "/metrics", &all);
        if (r < 0)
                return r;
        const char **texts = calloc(all.count + 1, sizeof *texts);
        struct text out = { .failed = !texts };
        if (texts) {
                texts[0] = own->data;
                for (unsigned i = 0; i < all.count; i++)
                        texts[i + 1] = all.each[i].body;
                for (unsigned n = 0; n <= all.count; n++)
                        add_new_families(&out, texts, all.count + 1, n);
        }
        free(texts);
        answers_done(&all);
        if (out.failed) {
                aeon__text_done(&out);
                return aeon_fail(-ENOMEM, "no memory for the metrics of all workers");
        }
        *ret_all = out;
        return 0;
}
