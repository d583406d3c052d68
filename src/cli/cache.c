/* The cache folder: see cli/cache.h. */
#include "cli/cache.h"

#include <aeon/error.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Make @path if need be; true when it is a folder that we own and only we can write to. */
static bool own_folder(const char *path)
{
        struct stat status;
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
                return false;
        return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
               !(status.st_mode & (S_IWGRP | S_IWOTH)) && access(path, W_OK) == 0;
}

static bool use(uint64_t key, char *ret_folder, size_t size, const char *parent, const char *name)
{
        char base[PATH_MAX];
        if (snprintf(base, sizeof base, "%s/%s", parent, name) >= (int)sizeof base || !own_folder(base))
                return false;
        return snprintf(ret_folder, size, "%s/%016" PRIx64, base, key) < (int)size && own_folder(ret_folder);
}

int cache_folder(uint64_t key, char *ret_folder, size_t size)
{
        const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME"), *temporary = getenv("TMPDIR");
        char parent[PATH_MAX], name[32];
        if (cache && cache[0] == '/') {
                mkdir(cache, 0700);
                if (use(key, ret_folder, size, cache, "aeon"))
                        return 0;
        } else if (home && home[0] == '/' && snprintf(parent, sizeof parent, "%s/.cache", home) < (int)sizeof parent) {
                mkdir(parent, 0700);
                if (use(key, ret_folder, size, parent, "aeon"))
                        return 0;
        }
        snprintf(name, sizeof name, "aeon-%u", (unsigned)geteuid());
        if (use(key, ret_folder, size, temporary && temporary[0] == '/' ? temporary : "/tmp", name))
                return 0;
        return aeon_fail(-EACCES, "no folder for compiled modules: neither ~/.cache/aeon nor /tmp/%s can be used", name);
}
