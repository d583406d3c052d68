/* Which lines are wanted.
 *
 * DESIGN
 *   A line below the lowest level that anybody asked for is turned down by one load. Above it the parts decide: the path of the line's
 *   source is walked from its file outwards, and the first piece that has a level of its own wins.
 *
 *       "../src/broker/redis/source.c:12"        source, redis, broker, src
 */
#include "base/log.h"

#include <aeon/error.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { PARTS_LIMIT = 16, PART_SIZE = 32 };

struct levels {
        aeon_log_level otherwise; /* of what has none of its own */
        unsigned count;
        struct {
                char name[PART_SIZE];
                aeon_log_level level;
        } parts[PARTS_LIMIT];
};

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static struct levels levels = { .otherwise = AEON_LOG_INFO };
static _Atomic int lowest = AEON_LOG_INFO;
static _Atomic bool parts_differ;

static const char *const words[] = { "debug", "info", "warning", "error", "off" };

const char *aeon__log_level_name(aeon_log_level level)
{
        return level == AEON_LOG_WARNING ? "warn" : words[level];
}

static void replace(const struct levels *with)
{
        int least = (int)with->otherwise;
        for (unsigned i = 0; i < with->count; i++)
                if ((int)with->parts[i].level < least)
                        least = (int)with->parts[i].level;
        pthread_rwlock_wrlock(&lock);
        levels = *with;
        atomic_store_explicit(&lowest, least, memory_order_relaxed);
        atomic_store_explicit(&parts_differ, with->count > 0, memory_order_relaxed);
        pthread_rwlock_unlock(&lock);
}

void aeon_log_set_level(aeon_log_level level)
{
        replace(&(struct levels){ .otherwise = level });
}

/* ------------------------------------------------------------------ words */

static int level_of(const char *text, size_t length, aeon_log_level *ret_level)
{
        for (int i = 0; i <= AEON_LOG_OFF; i++)
                if ((strlen(words[i]) == length && !memcmp(words[i], text, length)) ||
                    (i == AEON_LOG_WARNING && length == strlen("warn") && !memcmp(text, "warn", length))) {
                        *ret_level = (aeon_log_level)i;
                        return 0;
                }
        return aeon_fail(-EINVAL, "\"%.*s\" is no log level: debug, info, warning, error or off", (int)length, text);
}

/* Where the part of this name stands, or would. */
static unsigned find_part(const struct levels *in, const char *name, size_t length)
{
        unsigned i = 0;
        while (i < in->count && (strlen(in->parts[i].name) != length || memcmp(in->parts[i].name, name, length) != 0))
                i++;
        return i;
}

/* One piece between commas: LEVEL or PART=LEVEL. */
static int take_piece(struct levels *to, const char *text, size_t length)
{
        const char *equals = memchr(text, '=', length);
        if (!equals)
                return level_of(text, length, &to->otherwise);
        size_t name = (size_t)(equals - text);
        if (!name || name >= PART_SIZE)
                return aeon_fail(-EINVAL, "\"%.*s\" names no part of the program", (int)length, text);
        aeon_log_level level;
        int r = level_of(equals + 1, length - name - 1, &level);
        if (r < 0)
                return r;
        unsigned i = find_part(to, text, name);
        if (i == PARTS_LIMIT)
                return aeon_fail(-EINVAL, "there are log levels for more than %d parts", PARTS_LIMIT);
        if (i == to->count) {
                to->count++;
                memset(to->parts[i].name, 0, PART_SIZE);
                memcpy(to->parts[i].name, text, name);
        }
        to->parts[i].level = level;
        return 0;
}

static int take_pieces(struct levels *to, const char *text)
{
        for (;; text++) {
                size_t length = strcspn(text, ",");
                int r = take_piece(to, text, length);
                text += length;
                if (r < 0 || !*text)
                        return r;
        }
}

int aeon_log_set_levels(const char *text)
{
        struct levels next = { .otherwise = AEON_LOG_INFO };
        int r = take_pieces(&next, text);
        if (r == 0)
                replace(&next);
        return r;
}

int aeon__log_change_levels(const char *text)
{
        static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;
        pthread_mutex_lock(&changing);
        pthread_rwlock_rdlock(&lock);
        struct levels next = levels;
        pthread_rwlock_unlock(&lock);
        int r = take_pieces(&next, text);
        if (r == 0)
                replace(&next);
        pthread_mutex_unlock(&changing);
        return r;
}

char *aeon__log_levels_text(char *text, size_t size)
{
        pthread_rwlock_rdlock(&lock);
        int used = snprintf(text, size, "%s", words[levels.otherwise]);
        for (unsigned i = 0; i < levels.count && (size_t)used < size; i++)
                used += snprintf(text + used, size - (size_t)used, ",%s=%s", levels.parts[i].name, words[levels.parts[i].level]);
        pthread_rwlock_unlock(&lock);
        return text;
}

/* ------------------------------------------------------------------ asking */

/* The level of the piece of path from @piece, @length long; false: it has none of its own. */
static bool level_of_piece(const char *piece, size_t length, aeon_log_level *ret_level)
{
        unsigned i = find_part(&levels, piece, length);
        if (i == levels.count)
                return false;
        *ret_level = levels.parts[i].level;
        return true;
}

static aeon_log_level level_at(const char *site)
{
        aeon_log_level level = levels.otherwise;
        const char *end = site + strlen(site), *piece = end;
        while (end > site) {
                while (piece > site && piece[-1] != '/')
                        piece--;
                size_t length = (size_t)(end - piece);
                const char *dot = piece != end ? memchr(piece, '.', length) : NULL;
                if (dot && end[0] == '\0') /* the file, without its ending and the line's number */
                        length = (size_t)(dot - piece);
                if (level_of_piece(piece, length, &level))
                        break;
                end = piece = piece > site ? piece - 1 : site;
        }
        return level;
}

bool aeon_log_enabled_at(aeon_log_level level, const char *site)
{
        if ((int)level < atomic_load_explicit(&lowest, memory_order_relaxed) || level >= AEON_LOG_OFF)
                return false;
        if (!atomic_load_explicit(&parts_differ, memory_order_relaxed))
                return true;
        pthread_rwlock_rdlock(&lock);
        bool enabled = level >= level_at(site);
        pthread_rwlock_unlock(&lock);
        return enabled;
}
