/* Finding an app.
 *
 * DESIGN
 *       serve:app --.
 *                   |-- split ------ "serve", "app"
 *                   |-- find ------- serve.so when it is there and not older than serve.c, else serve.c
 *                   |-- compile ---- ~/.cache/aeon/<hash>/serve.so      (cli/compile.h; a .so is taken as it is)
 *                   |-- load ------- dlopen
 *                   '-- pick ------- aeon_app_define_app                (cli/symbols.h lists them)
 *
 *   Without ":APP" the only app is taken, or the one called `app` when there are several.
 */
#include "cli/module.h"

#include "app/worker.h"
#include "base/nearest.h"
#include "cli/compile.h"
#include "cli/symbols.h"

#include <aeon/error.h>
#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ------------------------------------------------------------------ the words */

static bool is_identifier(const char *text)
{
        if (!isalpha((unsigned char)text[0]) && text[0] != '_')
                return false;
        while (isalnum((unsigned char)*text) || *text == '_')
                text++;
        return !*text;
}

/* Cut ":APP" off @path. NULL when there is none: what follows the last colon is then part of a path. */
static const char *split_app(char *path)
{
        char *colon = strrchr(path, ':');
        if (!colon || colon == path || !is_identifier(colon + 1))
                return NULL;
        *colon = '\0';
        return colon + 1;
}

static bool ends_with(const char *text, const char *end)
{
        size_t length = strlen(text), end_length = strlen(end);
        return length > end_length && !strcmp(text + length - end_length, end);
}

/* ------------------------------------------------------------------ the file */

static bool is_file(const char *path, struct stat *ret_status)
{
        return stat(path, ret_status) == 0 && !S_ISDIR(ret_status->st_mode);
}

static int is_module(const struct dirent *entry)
{
        return ends_with(entry->d_name, ".c") || ends_with(entry->d_name, ".so");
}

/* No such module: name what was looked for, and what is there under a similar name. */
static int fail_missing(const char *path)
{
        char folder[PATH_MAX], word[NAME_MAX + 8];
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
        bool complete = ends_with(path, ".c") || ends_with(path, ".so");
        snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : ".");
        snprintf(word, sizeof word, "%s%s", name, complete ? "" : ".c");

        struct dirent **entries = NULL;
        int count = scandir(folder, &entries, is_module, alphasort);
        const char **names = count > 0 ? calloc((size_t)count, sizeof *names) : NULL, *near = NULL;
        for (int i = 0; names && i < count; i++)
                names[i] = entries[i]->d_name;
        if (names)
                near = aeon__nearest(word, names, (size_t)count);
        int r = near ? aeon_fail(-ENOENT, "there is no %s%s: did you mean %s?", path, complete ? "" : ".c or .so", near)
                     : aeon_fail(-ENOENT, "there is no %s%s", path, complete ? "" : ".c or .so");
        for (int i = 0; i < count; i++)
                free(entries[i]);
        free(entries);
        free(names);
        return r;
}

/* The .c or .so file that @path means. */
static int find_file(const char *path, char *ret_file, size_t size)
{
        struct stat library, source;
        if (ends_with(path, ".c") || ends_with(path, ".so")) {
                if (!is_file(path, &source))
                        return fail_missing(path);
                snprintf(ret_file, size, "%s", path);
                return 0;
        }
        char library_path[PATH_MAX + 4], source_path[PATH_MAX + 4];
        snprintf(library_path, sizeof library_path, "%s.so", path);
        snprintf(source_path, sizeof source_path, "%s.c", path);
        bool has_library = is_file(library_path, &library), has_source = is_file(source_path, &source);
        if (has_library && has_source)
                has_library = library.st_mtim.tv_sec > source.st_mtim.tv_sec || (library.st_mtim.tv_sec == source.st_mtim.tv_sec &&
                                                                                 library.st_mtim.tv_nsec >= source.st_mtim.tv_nsec);
        if (has_library || has_source) {
                snprintf(ret_file, size, "%s", has_library ? library_path : source_path);
                return 0;
        }
        if (stat(path, &source) == 0)
                return aeon_fail(-EINVAL, "%s is no module: it must be a .c or .so file", path);
        return fail_missing(path);
}

static int load(const char *file, void **ret_handle)
{
        char path[PATH_MAX + 16];
        if (ends_with(file, ".c")) {
                int r = compile_source(file, path, sizeof path);
                if (r < 0)
                        return r;
        } else {
                snprintf(path, sizeof path, "%s%s", strchr(file, '/') ? "" : "./",
                         file); /* a bare name would be looked for in libdir */
        }
        aeon__worker_tell("X_FILE=%s", file);
        *ret_handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (!*ret_handle)
                return aeon_fail(-ENOEXEC, "%s cannot be loaded: %s", file, dlerror());
        return 0;
}

/* ------------------------------------------------------------------ the app in it */

enum { APPS_LIMIT = 64 };

struct apps {
        const char *names[APPS_LIMIT];
        size_t count;
        char list[512]; /* "a, b, c" */
};

static bool note_app(void *arg, const char *name)
{
        struct apps *apps = arg;
        size_t used = strlen(apps->list);
        snprintf(apps->list + used, sizeof apps->list - used, "%s%s", used ? ", " : "", name);
        apps->names[apps->count++] = name;
        return apps->count < APPS_LIMIT;
}

static const char *find_app(const struct apps *apps, const char *name)
{
        for (size_t i = 0; i < apps->count; i++)
                if (!strcmp(apps->names[i], name))
                        return apps->names[i];
        return NULL;
}

/* Which app is meant: @wanted, or when NULL the one that needs no name. */
static int pick(const char *file, void *handle, const char *wanted, const char **ret_name)
{
        struct apps apps = { .count = 0 };
        symbols_each_app(handle, note_app, &apps);
        if (!apps.count)
                return aeon_fail(-ENOENT, "%s declares no app: it needs an AEON_APP(app) { ... }", file);
        const char *name = wanted ? find_app(&apps, wanted) : apps.count == 1 ? apps.names[0] : find_app(&apps, "app");
        if (!name && !wanted)
                return aeon_fail(-ENOENT, "%s has several apps (%s): say which, as in %s:%s", file, apps.list, file, apps.names[0]);
        if (!name) {
                const char *near = aeon__nearest(wanted, apps.names, apps.count);
                return near ? aeon_fail(-ENOENT, "%s has no app %s (it has %s): did you mean %s?", file, wanted, apps.list, near)
                            : aeon_fail(-ENOENT, "%s has no app %s (it has %s)", file, wanted, apps.list);
        }
        *ret_name = name;
        return 0;
}

int module_load(const char *words, struct module *ret_module)
{
        char path[PATH_MAX], file[PATH_MAX + 8], symbol[256];
        if (snprintf(path, sizeof path, "%s", words) >= (int)sizeof path)
                return aeon_fail(-ENAMETOOLONG, "the module's path");
        const char *app = split_app(path);
        void *handle;
        int r = find_file(path, file, sizeof file);
        if (r < 0 || (r = load(file, &handle)) < 0 || (r = pick(file, handle, app, &app)) < 0)
                return r;

        snprintf(symbol, sizeof symbol, APP_SYMBOL_PREFIX "%s", app);
        void *define = dlsym(handle, symbol);
        char *name = strdup(app);
        if (!define || !name) {
                free(name);
                return define ? -ENOMEM : aeon_fail(-ENOENT, "%s: %s", file, dlerror());
        }
        ret_module->name = name;
        memcpy(&ret_module->define, &define, sizeof define); /* ISO C has no cast from data to function */
        return 0;
}

char *module_app_name(const char *words, const char *app)
{
        if (strcmp(app, "app") != 0)
                return strdup(app);
        const char *slash = strrchr(words, '/'), *stem = slash ? slash + 1 : words;
        return strndup(stem, strcspn(stem, ".:"));
}
