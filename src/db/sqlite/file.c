/* The file: where it is, how it is opened, and what SQLite's codes mean. */
#include "db/sqlite/sqlite.h"

#include <aeon/thread.h>
#include <string.h>
#include <unistd.h>

enum { STEPS_BETWEEN_LOOKS = 1000, PAUSE_US = 2000 };

/* ------------------------------------------------------------------ URL */

const char *aeon__sq_path(const char *url)
{
        const char *rest = url + strlen("sqlite:");
        return strncmp(rest, "///", 3) == 0 ? rest + 3 : rest;
}

bool aeon__sq_in_memory(const char *url)
{
        return !strcmp(aeon__sq_path(url), ":memory:");
}

int aeon__sq_check(const char *url)
{
        const char *path = aeon__sq_path(url);
        if (!*path || (path[0] == '/' && path[1] == '/'))
                return aeon_fail(-EINVAL, "the URL \"%s\" names no file (like sqlite:///shop.db)", url);
        if (strchr(path, '?'))
                return aeon_fail(-EINVAL, "the URL \"%s\" has options, and there are none", url);
        return 0;
}

/* ------------------------------------------------------------------ codes */

static int errno_of(int code, int system)
{
        switch (code) {
        case SQLITE_CONSTRAINT_UNIQUE:
        case SQLITE_CONSTRAINT_PRIMARYKEY:
        case SQLITE_CONSTRAINT_ROWID:
                return -EEXIST;
        case SQLITE_BUSY_SNAPSHOT:
                return -EAGAIN;
        default:
                break;
        }
        switch (code & 0xff) {
        case SQLITE_ERROR:
        case SQLITE_CONSTRAINT:
        case SQLITE_MISMATCH:
        case SQLITE_RANGE:
                return -EINVAL;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return -EBUSY;
        case SQLITE_INTERRUPT:
                return -ECANCELED;
        case SQLITE_FULL:
                return -ENOSPC;
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_READONLY:
                return -EROFS;
        case SQLITE_PERM:
        case SQLITE_AUTH:
                return -EACCES;
        case SQLITE_CANTOPEN:
                return system == EACCES ? -EACCES : -ENXIO;
        case SQLITE_NOTADB:
                return -ENXIO;
        case SQLITE_CORRUPT:
                return -EUCLEAN;
        case SQLITE_TOOBIG:
                return -E2BIG;
        default:
                return system ? -system : -EIO;
        }
}

int aeon__sq_failure(struct sq_link *l, int code)
{
        int system = l->db ? sqlite3_system_errno(l->db) : 0;
        int r = errno_of(code, system);
        if (r == -EIO || r == -EUCLEAN || r == -ENXIO)
                l->link.broken = true;
        if (r == -ECANCELED)
                return r;
        if (r == -ENOSPC)
                return aeon_fail(-ENOSPC, "no space is left on the disk");
        if (r == -EBUSY)
                return aeon_fail(-EBUSY, "another program keeps the file locked");
        (void)aeon_fail_at(r, true, AEON_HERE, "%s", l->db ? sqlite3_errmsg(l->db) : sqlite3_errstr(code));
        return r;
}

/* ------------------------------------------------------------------ opening */

/* Somebody else holds the lock that is wanted. */
static int busy(void *arg, int count)
{
        struct sq_link *l = arg;
        aeon_time now = aeon_now();
        if (!count)
                l->busy_since = now;
        if (aeon_offload_cancelled() || now - l->busy_since > l->patience)
                return 0;
        usleep(count < 10 ? PAUSE_US / 10 : PAUSE_US);
        return 1;
}

static int progress(void *arg)
{
        (void)arg;
        return aeon_offload_cancelled();
}

static int say(struct sq_link *l, const char *sql)
{
        int code = sqlite3_exec(l->db, sql, NULL, NULL, NULL);
        return code == SQLITE_OK ? 0 : aeon__sq_failure(l, code);
}

/* Turning the log on needs the file for a moment alone, and SQLite does not call the busy handler for that. */
static int use_log(struct sq_link *l)
{
        aeon_time begin = aeon_now();
        int code;
        while ((code = sqlite3_exec(l->db, "pragma journal_mode = wal", NULL, NULL, NULL)) != SQLITE_OK) {
                if ((code & 0xff) != SQLITE_BUSY || aeon_offload_cancelled() || aeon_now() - begin > l->patience)
                        return aeon__sq_failure(l, code);
                usleep(PAUSE_US);
        }
        return 0;
}

int aeon__sq_open(struct sq_link *l, const char *path, enum lane_kind lane)
{
        int code = sqlite3_open_v2(path, &l->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
        if (code != SQLITE_OK)
                return aeon__sq_failure(l, code);
        sqlite3_extended_result_codes(l->db, 1);
        sqlite3_busy_handler(l->db, busy, l);
        sqlite3_progress_handler(l->db, STEPS_BETWEEN_LOOKS, progress, NULL);
        int r = use_log(l);
        if (r >= 0)
                r = say(l, "pragma synchronous = full; pragma foreign_keys = on");
        if (r >= 0 && lane == LANE_READ)
                r = say(l, "pragma query_only = on");
        return r;
}

void aeon__sq_close(struct sq_link *l)
{
        struct kept *p;
        while ((p = aeon__kept_oldest(&l->prepared)))
                aeon__sq_give_up(l, p);
        sqlite3_close(l->db);
        l->db = NULL;
}
