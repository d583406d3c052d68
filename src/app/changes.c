/* Waiting until a file changes; see changes.h. */
#include "app/changes.h"

#include "base/list.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <aeon/scope.h>
#include <aeon/watch.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

/* Programs write in several steps, and people save several files. */
#define QUIET AEON_MILLISECONDS(100)

struct changes {
        int fd; /* of inotify */
        struct list files;
        char changed[PATH_MAX];
};

struct file {
        struct list in_changes;
        int folder; /* the number of its watch: the same for all files of a folder */
        const char *name;
        char path[];
};

int aeon__changes_new(struct changes **ret_changes)
{
        struct changes *c = calloc(1, sizeof *c);
        if (!c)
                return aeon_fail(-ENOMEM, "no memory to watch files");
        list_init(&c->files);
        c->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (c->fd < 0) {
                int r = aeon_fail_os(-errno, "files cannot be watched");
                free(c);
                return r;
        }
        *ret_changes = c;
        return 0;
}

void aeon__changes_free(struct changes *c)
{
        if (!c)
                return;
        for (struct list *file; (file = list_pop(&c->files));)
                free(container_of(file, struct file, in_changes));
        close(c->fd);
        free(c);
}

/* The folder's real path, and the name as it is: what is renamed into place may be a link. */
static bool split(const char *path, char *folder, const char **ret_name)
{
        char written[PATH_MAX];
        const char *slash = strrchr(path, '/');
        snprintf(written, sizeof written, "%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : ".");
        *ret_name = slash ? slash + 1 : path;
        return **ret_name && realpath(written, folder);
}

void aeon__changes_add(struct changes *c, const char *path)
{
        char folder[PATH_MAX];
        const char *name;
        if (!c || !split(path, folder, &name))
                return;
        int number = inotify_add_watch(c->fd, folder, IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR);
        if (number < 0) {
                aeon_log_warning("%s is not watched: %s", path, aeon_strerror(-errno));
                return;
        }
        struct file *file;
        list_foreach (file, &c->files, in_changes)
                if (file->folder == number && !strcmp(file->name, name))
                        return;
        size_t size = strlen(folder) + strlen(name) + 2;
        file = malloc(sizeof *file + size);
        if (!file)
                return;
        snprintf(file->path, size, "%s/%s", folder, name);
        file->folder = number;
        file->name = file->path + strlen(folder) + 1;
        list_append(&c->files, &file->in_changes);
}

static bool is_c(const char *name)
{
        const char *dot = strrchr(name, '.');
        return dot && name[0] != '.' && (!strcmp(dot, ".c") || !strcmp(dot, ".h"));
}

/* Does it count that @name has changed in the folder with this number? */
static bool counts(struct changes *c, int folder, const char *name)
{
        const struct file *file;
        list_foreach (file, &c->files, in_changes)
                if (file->folder == folder && (!strcmp(file->name, name) || (is_c(file->name) && is_c(name)))) {
                        snprintf(c->changed, sizeof c->changed, "%.*s%s", (int)(file->name - file->path), file->path, name);
                        return true;
                }
        return false;
}

static bool read_events(struct changes *c)
{
        _Alignas(struct inotify_event) char events[4096];
        ssize_t n;
        bool any = false;
        while ((n = read(c->fd, events, sizeof events)) > 0)
                for (char *at = events; at < events + n;) {
                        const struct inotify_event *e = (const void *)at;
                        at += sizeof *e + e->len;
                        any = (e->mask & IN_Q_OVERFLOW) || (!any && e->len && counts(c, e->wd, e->name)) || any;
                }
        return any;
}

/* Until nothing comes any more. */
static int await_quiet(struct changes *c, aeon_watch *watch)
{
        int r;
        do {
                aeon_scope quiet;
                aeon_scope_open(&quiet, &(aeon_scope_opts){ .timeout = QUIET, .name = "quiet" });
                r = aeon_scope_close(&quiet, aeon_watch_wait(watch, AEON_READABLE));
                if (r > 0)
                        read_events(c);
        } while (r > 0);
        return r == -ETIMEDOUT ? 0 : r;
}

int aeon__changes_wait(struct changes *c, const char **ret_file)
{
        aeon_watch *watch;
        int r = aeon_watch_open(c->fd, &watch);
        if (r < 0)
                return r;
        do
                r = aeon_watch_wait(watch, AEON_READABLE);
        while (r > 0 && !read_events(c));
        char changed[PATH_MAX];
        strcpy(changed, c->changed);
        if (r > 0)
                r = await_quiet(c, watch);
        aeon_watch_close(watch);
        strcpy(c->changed, changed);
        if (r == 0)
                *ret_file = c->changed;
        return r;
}
