/* Compiling a module into the cache.
 *
 * DESIGN
 *   One folder per source and way of compiling it:
 *
 *       ~/.cache/aeon/<hash of real path, CC, CFLAGS, LDLIBS, pkg-config folder>/
 *               serve.so       its time is when the compiler BEGAN, so an edit during a compile makes it stale
 *               serve.d        what it was made from, written by the compiler (-MMD)
 *
 *   The library is good when it is younger than everything in serve.d and than libaeon itself. A new one is made under a name of
 *   its own and renamed into place, so a second `aeon run` sees the old one or the new one, never a half.
 *
 *   The command is a shell script of three lines because flags in CC, CFLAGS and pkg-config's output are words in the shell's
 * sense. Paths are handed to it as arguments, so they may hold anything.
 */
#include "cli/compile.h"

#include "aeon_config.h"
#include "app/worker.h"
#include "cli/cache.h"

#include <aeon/app.h>
#include <aeon/error.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char script[] = "flags=$(pkg-config --cflags --libs aeon) || exit 125\n"
                             "exec ${CC:-cc} -std=gnu11 -shared -fPIC -g -O2 -Wall ${CFLAGS-} -MMD -MF \"$2\" -MT module \\\n"
                             "        \"$1\" -o \"$3\" $flags ${LDLIBS-}\n";
enum { SCRIPT_NO_FLAGS = 125 };

/* All paths of one compile. */
struct unit {
        char source[PATH_MAX];          /* real path */
        char pkg_config[PATH_MAX + 32]; /* folder of our own .pc file; "": wherever pkg-config looks anyhow */
        char library[PATH_MAX];
        char depends[PATH_MAX];
};

/* Our .pc file: of the build folder when this program runs from one, else of the prefix it was installed to. */
static void find_pkg_config(char *folder, size_t size)
{
        char program[PATH_MAX], file[PATH_MAX + 64];
        ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
        program[n > 0 ? n : 0] = '\0';
        for (int up = 0; up < 3; up++) { /* BUILD/src/cli/aeon */
                char *slash = strrchr(program, '/');
                if (slash)
                        *slash = '\0';
        }
        snprintf(folder, size, "%s/meson-uninstalled", program);
        snprintf(file, sizeof file, "%s/aeon-uninstalled.pc", folder);
        if (access(file, R_OK) == 0)
                return;
        snprintf(folder, size, "%s/pkgconfig", AEON_LIBDIR);
        snprintf(file, sizeof file, "%s/aeon.pc", folder);
        if (access(file, R_OK) != 0)
                folder[0] = '\0';
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
        for (const char *p = text ? text : ""; *p; p++)
                hash = (hash ^ (unsigned char)*p) * 0x100000001b3; /* FNV-1a */
        return (hash ^ 0xff) * 0x100000001b3;
}

static int unit_init(struct unit *u, const char *source)
{
        if (!realpath(source, u->source))
                return aeon_fail_os(-errno, "%s", source);
        find_pkg_config(u->pkg_config, sizeof u->pkg_config);
        uint64_t hash = hash_text(0xcbf29ce484222325, u->source);
        const char *const ways[] = { getenv("CC"), getenv("CFLAGS"), getenv("LDLIBS"), u->pkg_config };
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
                hash = hash_text(hash, ways[i]);

        char folder[PATH_MAX];
        int r = cache_folder(hash, folder, sizeof folder);
        if (r < 0)
                return r;
        const char *name = strrchr(u->source, '/') + 1;
        int stem = (int)(strlen(name) - strlen(".c"));
        if (snprintf(u->library, sizeof u->library, "%s/%.*s.so", folder, stem, name) >= (int)sizeof u->library ||
            snprintf(u->depends, sizeof u->depends, "%s/%.*s.d", folder, stem, name) >= (int)sizeof u->depends)
                return aeon_fail(-ENAMETOOLONG, "the cache folder %s", folder);
        return 0;
}

/* ------------------------------------------------------------------ is it still good? */

static bool younger(struct timespec a, struct timespec b)
{
        return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

static bool is_older(const char *path, struct timespec limit)
{
        struct stat status;
        return stat(path, &status) == 0 && younger(limit, status.st_mtim);
}

/* The next file of a rule as compilers write it ("module: a.c \<newline> b\ c.h"); unescaped in place. NULL at the end. */
static char *next_dependency(char **rest)
{
        char *p = *rest;
        for (;;) {
                p += strspn(p, " \t\n");
                if (p[0] != '\\' || p[1] != '\n')
                        break;
                p += 2;
        }
        if (!*p)
                return NULL;
        char *word = p, *end = p;
        while (*p && !strchr(" \t\n", *p)) {
                if ((p[0] == '\\' && p[1] && strchr(" #\\", p[1])) || (p[0] == '$' && p[1] == '$'))
                        p++;
                *end++ = *p++;
        }
        *rest = *p ? p + 1 : p;
        *end = '\0';
        return word;
}

/* What the rule in the file @path names, in @ret_text, to free(), with @ret_rest at the first; false when there is no rule. */
static bool read_rule(const char *path, char **ret_text, char **ret_rest)
{
        FILE *f = fopen(path, "re");
        size_t size = 0;
        bool found = f && getdelim(ret_text, &size, '\0', f) > 0 && (*ret_rest = strchr(*ret_text, ':')) != NULL;
        if (found)
                (*ret_rest)++;
        if (f)
                fclose(f);
        return found;
}

static bool depends_older(const char *path, struct timespec limit)
{
        char *text = NULL, *rest, *file;
        bool older = read_rule(path, &text, &rest);
        while (older && (file = next_dependency(&rest)))
                older = is_older(file, limit);
        free(text);
        return older;
}

/* A supervisor may want to know when to build again (`--reload`). */
static void tell_dependencies(const struct unit *u)
{
        char *text = NULL, *rest, *file;
        aeon__worker_tell("X_FILE=%s", u->source);
        if (aeon_worker_id() && read_rule(u->depends, &text, &rest))
                while ((file = next_dependency(&rest)))
                        aeon__worker_tell("X_FILE=%s", file);
        free(text);
}

static bool is_good(const struct unit *u)
{
        struct stat library;
        Dl_info aeon;
        return stat(u->library, &library) == 0 && is_older(u->source, library.st_mtim) &&
               depends_older(u->depends, library.st_mtim) &&
               (!dladdr((void *)aeon_app_run, &aeon) || is_older(aeon.dli_fname, library.st_mtim));
}

/* ------------------------------------------------------------------ compiling */

static void exec_script(const struct unit *u, const char *depends, const char *library)
{
        const char *before = getenv("PKG_CONFIG_PATH");
        char path[2 * PATH_MAX];
        if (u->pkg_config[0]) {
                snprintf(path, sizeof path, "%s%s%s", u->pkg_config, before ? ":" : "", before ? before : "");
                setenv("PKG_CONFIG_PATH", path, 1);
        }
        execl("/bin/sh", "sh", "-c", script, "aeon", u->source, depends, library, (char *)NULL);
        _exit(127);
}

static int run_compiler(const struct unit *u, const char *source, const char *depends, const char *library)
{
        int status;
        pid_t pid = fork();
        if (pid < 0)
                return aeon_fail_os(-errno, "starting the compiler");
        if (pid == 0)
                exec_script(u, depends, library);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return aeon_fail_os(-errno, "waiting for the compiler");
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        if (WIFEXITED(status) && WEXITSTATUS(status) == SCRIPT_NO_FLAGS)
                return aeon_fail(-ENOEXEC, "%s was not compiled: pkg-config does not know aeon", source);
        return aeon_fail(-ENOEXEC, "%s did not compile", source);
}

static int compile_now(const struct unit *u, const char *source)
{
        char library[PATH_MAX + 16], depends[PATH_MAX + 16];
        snprintf(library, sizeof library, "%s.%d", u->library, (int)getpid());
        snprintf(depends, sizeof depends, "%s.%d", u->depends, (int)getpid());
        struct timespec times[2];
        clock_gettime(CLOCK_REALTIME_COARSE, &times[0]); /* the clock of file times */
        times[1] = times[0];

        int r = run_compiler(u, source, depends, library);
        if (r == 0 &&
            (utimensat(AT_FDCWD, library, times, 0) < 0 || rename(depends, u->depends) < 0 || rename(library, u->library) < 0))
                r = aeon_fail_os(-errno, "%s", u->library);
        if (r < 0) {
                unlink(depends);
                unlink(library);
        }
        return r;
}

int compile_source(const char *source, char *ret_library, size_t size)
{
        struct unit u;
        int r = unit_init(&u, source);
        if (r < 0)
                return r;
        if (!is_good(&u))
                r = compile_now(&u, source);
        tell_dependencies(&u);
        if (r < 0)
                return r;
        snprintf(ret_library, size, "%s", u.library);
        return 0;
}
