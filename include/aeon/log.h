/* aeon/log.h - the one logger.
 *
 * A line has a time, a level, the name and number of the running task and a message; text for people (coloured on a terminal) or one JSON
 * object per line. Lines go to stderr in one write each, so lines of several threads never mix. */
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

/* Write one line. Any thread; never suspends; never fails. Not for signal handlers. */
AEON_API void aeon_log(aeon_log_level level, const char *format, ...) AEON_PRINTF(2, 3);

/* aeon_log() with the level in the name. */
#define aeon_log_debug(...) aeon_log(AEON_LOG_DEBUG, __VA_ARGS__)
#define aeon_log_info(...) aeon_log(AEON_LOG_INFO, __VA_ARGS__)
#define aeon_log_warning(...) aeon_log(AEON_LOG_WARNING, __VA_ARGS__)
#define aeon_log_error(...) aeon_log(AEON_LOG_ERROR, __VA_ARGS__)

/* Lines below @level are dropped. Default: AEON_LOG_INFO. Any thread. */
AEON_API void aeon_log_set_level(aeon_log_level level);
AEON_API void aeon_log_set_format(aeon_log_format format);

/* True when a line of @level would be written: guards work done only for a log line. */
AEON_API bool aeon_log_enabled(aeon_log_level level);

#ifdef __cplusplus
}
#endif
#endif
