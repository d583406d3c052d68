/* The logger.
 *
 * DESIGN
 *   A line is built on the stack and leaves in one write(2): no lock, no allocation, and lines of several threads never mix.
 *   A line longer than the buffer is cut and says so. Nothing here can fail in a way that the caller must handle.
 *
 *       12:30:01.250 info  [mailer #7] sent 3 letters
 *       {"time":"2026-11-21T12:30:01.250Z","level":"info","task":"mailer","id":7,"message":"sent 3 letters"}
 *
 *   The task's number tells tasks of one name apart, and is the one that dumps show.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_SIZE = 8192, MESSAGE_SIZE = 4096 };

const char *(*aeon__log_task)(uint64_t *ret_id);

static _Atomic int threshold = AEON_LOG_INFO;
static _Atomic int line_format = AEON_LOG_TEXT;

static const struct {
        const char *name, *colour;
} levels[] = {
        [AEON_LOG_DEBUG] = { "debug", "\x1b[2m" },
        [AEON_LOG_INFO] = { "info", "\x1b[32m" },
        [AEON_LOG_WARNING] = { "warn", "\x1b[33m" },
        [AEON_LOG_ERROR] = { "error", "\x1b[31m" },
};

void aeon_log_set_level(aeon_log_level level)
{
        atomic_store_explicit(&threshold, level, memory_order_relaxed);
}

void aeon_log_set_format(aeon_log_format format)
{
        atomic_store_explicit(&line_format, format, memory_order_relaxed);
}

bool aeon__log_is_json(void)
{
        return atomic_load_explicit(&line_format, memory_order_relaxed) == AEON_LOG_JSON;
}

bool aeon_log_enabled(aeon_log_level level)
{
        return (int)level >= atomic_load_explicit(&threshold, memory_order_relaxed) && level < AEON_LOG_OFF;
}

bool aeon__colours_on(int fd)
{
        const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
        return isatty(fd) && !(no_colour && *no_colour) && term && strcmp(term, "dumb") != 0;
}

size_t aeon__json_escape(char *out, size_t size, const char *text, size_t length)
{
        size_t used = 0;
        for (size_t i = 0; i < length; i++) {
                unsigned char c = (unsigned char)text[i];
                char piece[8];
                size_t n;
                if (c == '"' || c == '\\')
                        n = (size_t)snprintf(piece, sizeof piece, "\\%c", c);
                else if (c == '\n')
                        n = (size_t)snprintf(piece, sizeof piece, "\\n");
                else if (c < 0x20 || c == 0x7f)
                        n = (size_t)snprintf(piece, sizeof piece, "\\u%04x", c);
                else
                        n = 1, piece[0] = (char)c;
                if (used + n + 1 > size)
                        break;
                memcpy(out + used, piece, n);
                used += n;
        }
        if (used < size)
                out[used] = '\0';
        return used;
}

struct line_task {
        const char *name; /* NULL: written outside any task */
        uint64_t id;      /* 0 then */
};

static int write_text(char *line, size_t size, aeon_log_level level, const struct line_task *task, const char *message)
{
        static _Atomic int coloured = -1;
        int colours = atomic_load_explicit(&coloured, memory_order_relaxed);
        if (colours < 0)
                atomic_store_explicit(&coloured, colours = aeon__colours_on(STDERR_FILENO), memory_order_relaxed);

        struct timespec now;
        struct tm local;
        clock_gettime(CLOCK_REALTIME, &now);
        localtime_r(&now.tv_sec, &local);
        char who[64] = "";
        if (task->name)
                snprintf(who, sizeof who, "[%s #%llu] ", task->name, (unsigned long long)task->id);
        return snprintf(line, size, "%02d:%02d:%02d.%03ld %s%-5s%s %s%s\n", local.tm_hour, local.tm_min, local.tm_sec,
                        now.tv_nsec / 1000000, colours ? levels[level].colour : "", levels[level].name, colours ? "\x1b[0m" : "",
                        who, message);
}

static int write_json(char *line, size_t size, aeon_log_level level, const struct line_task *task, const char *message)
{
        struct timespec now;
        struct tm utc;
        char stamp[32], who[128], what[MESSAGE_SIZE + 512];
        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &utc);
        strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
        aeon__json_escape(who, sizeof who, task->name ? task->name : "", task->name ? strlen(task->name) : 0);
        aeon__json_escape(what, sizeof what, message, strlen(message));
        return snprintf(line, size, "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"task\":\"%s\",\"id\":%llu,\"message\":\"%s\"}\n",
                        stamp, now.tv_nsec / 1000000, levels[level].name, who, (unsigned long long)task->id, what);
}

void aeon_log(aeon_log_level level, const char *format, ...)
{
        if (!aeon_log_enabled(level))
                return;
        char message[MESSAGE_SIZE], line[LINE_SIZE];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(message, sizeof message, format, arguments);
        va_end(arguments);

        struct line_task task = { 0 };
        task.name = aeon__log_task ? aeon__log_task(&task.id) : NULL;
        int n = aeon__log_is_json() ? write_json(line, sizeof line, level, &task, message)
                                    : write_text(line, sizeof line, level, &task, message);
        size_t length = n < (int)sizeof line ? (size_t)n : sizeof line - 1;
        ssize_t written = write(STDERR_FILENO, line, length);
        (void)written; /* nowhere left to report it */
}
