/* aeon/log.h - the one logger.
 *
 * A line has a time, a level, the name and number of the running task, a message and FIELDS; text for people (coloured on a terminal)
 * or one JSON object per line:
 *
 *         aeon_log_with("order", id);                      // in every line of this task and of what it spawns from now on
 *         aeon_log_info("charged %s", name);
 *
 *         12:30:01.250 info  [charge #7] charged Ada order=41
 *         {"time":"2026-11-21T12:30:01.250Z","level":"info","task":"charge","id":7,"message":"charged Ada","order":"41"}
 *
 * Lines go to stderr, or to systemd's journal with native fields when stderr is the journal's. No line waits for its reader: what a full
 * pipe does not take is dropped, and counted. Control characters in data are escaped, so that data cannot forge lines. */
#ifndef AEON_LOG_H
#define AEON_LOG_H

#include <aeon/attributes.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum aeon_log_level {
        AEON_LOG_DEBUG,
        AEON_LOG_INFO,
        AEON_LOG_WARNING,
        AEON_LOG_ERROR,
        AEON_LOG_OFF, /* as a threshold: say nothing */
} aeon_log_level;

typedef enum aeon_log_format {
        AEON_LOG_TEXT,
        AEON_LOG_JSON,
} aeon_log_format;

/* A column of one line. */
typedef struct aeon_log_field {
        const char *name; /* letters, digits and _; NULL ends a list of fields */
        const char *text; /* NULL: the number */
        double number;
} aeon_log_field;

/* Write one line: aeon_log(level, format, ...). With fields of its own: aeon_log_fields(level, fields, format, ...).
 * Any thread; never suspends; never fails. Not for signal handlers. */
#define aeon_log(level, ...) aeon_log_at((level), AEON_HERE, NULL, __VA_ARGS__)
#define aeon_log_fields(level, fields, ...) aeon_log_at((level), AEON_HERE, (fields), __VA_ARGS__)
AEON_API void aeon_log_at(aeon_log_level level, const char *site, const aeon_log_field *fields, const char *format, ...)
        AEON_PRINTF(4, 5);

/* aeon_log() with the level in the name. */
#define aeon_log_debug(...) aeon_log(AEON_LOG_DEBUG, __VA_ARGS__)
#define aeon_log_info(...) aeon_log(AEON_LOG_INFO, __VA_ARGS__)
#define aeon_log_warning(...) aeon_log(AEON_LOG_WARNING, __VA_ARGS__)
#define aeon_log_error(...) aeon_log(AEON_LOG_ERROR, __VA_ARGS__)

/* From now on each line of the running task has the field @name with @value (NULL: no longer). Tasks that it spawns later, and what
 * it offloads, have it too; setting it there is seen by nobody else. Both texts are copied.
 *
 * Does not suspend. Errors: -EINVAL  not called from a task or an offloaded function; @name is not made of letters, digits and _, or is
 *                                    one of every line's own: time, level, task, id, message
 *                           -E2BIG   the task's fields are longer than 2 KiB together
 *                           -ENOMEM */
AEON_API int aeon_log_with(const char *name, const char *value);

/* Lines below @level are dropped. Default: AEON_LOG_INFO. Any thread. */
AEON_API void aeon_log_set_level(aeon_log_level level);

/* The same by words, and for parts of the program: "info,broker=debug,mail=off". A part is a source file without its ending, or a folder on
 * its path; of several that fit a line the one nearest to its file decides. Aeon's own parts are its rooms and files: broker, redis, http,
 * app, loop, ... Replaces what was set before. Any thread.
 *
 * Errors: -EINVAL  a word is no level, or there are more than 16 parts; nothing has changed */
AEON_API int aeon_log_set_levels(const char *levels);

/* Text for people, which is the default, or JSON. Any thread. */
AEON_API void aeon_log_set_format(aeon_log_format format);

/* True when a line of @level would be written from here: guards work done only for a log line. */
#define aeon_log_enabled(level) aeon_log_enabled_at((level), AEON_HERE)
AEON_API bool aeon_log_enabled_at(aeon_log_level level, const char *site);

#ifdef __cplusplus
}
#endif
#endif
