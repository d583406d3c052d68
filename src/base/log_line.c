/* A record as a line: text for people, JSON for programs.
 *
 * DESIGN
 *   Data must not forge lines, nor steer a terminal. In text, control characters and what is not UTF-8 show as \n, \x1b; only a newline
 *   stays one, for stacks and lists, and then the next line begins with a blank, as no line of the log does. In JSON everything is inside
 *   a string.
 *
 *   A field is written whole or not at all, so a line that is cut is valid JSON still.
 */
#include "base/log.h"
#include "base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Room in the line for what must follow. */
enum { TAIL = 8, FIELDS_ROOM = 2048, FIELD_SIZE = 1024 };

static const char *const colours[] = {
        [AEON_LOG_DEBUG] = "\x1b[2m",
        [AEON_LOG_INFO] = "\x1b[32m",
        [AEON_LOG_WARNING] = "\x1b[33m",
        [AEON_LOG_ERROR] = "\x1b[31m",
};

struct line {
        char *text;
        size_t used, size;
};

static void put(struct line *l, const char *bytes, size_t length)
{
        if (l->used + length + TAIL > l->size)
                return;
        memcpy(l->text + l->used, bytes, length);
        l->used += length;
}

/* ------------------------------------------------------------------ escaping */

static size_t escape_byte(char *piece, unsigned point, bool json)
{
        switch (point) {
        case '\n':
                return (size_t)sprintf(piece, "\\n");
        case '\r':
                return (size_t)sprintf(piece, "\\r");
        case '\t':
                return (size_t)sprintf(piece, "\\t");
        default:
                return (size_t)sprintf(piece, json ? "\\u%04x" : "\\x%02x", point);
        }
}

static bool is_control(unsigned point)
{
        return point < 0x20 || (point >= 0x7f && point < 0xa0);
}

size_t aeon__json_escape(char *out, size_t size, const char *text, size_t length)
{
        size_t used = 0;
        for (size_t i = 0; i < length;) {
                unsigned point = 0;
                char piece[8];
                size_t width = aeon__utf8_next(text + i, length - i, &point), n;
                if (!width)
                        n = (size_t)sprintf(piece, "\\ufffd"), width = 1;
                else if (is_control(point))
                        n = escape_byte(piece, point, true);
                else if (point == '"' || point == '\\')
                        n = (size_t)sprintf(piece, "\\%c", (int)point);
                else
                        memcpy(piece, text + i, n = width);
                if (used + n + 1 > size)
                        break;
                memcpy(out + used, piece, n);
                used += n;
                i += width;
        }
        if (used < size)
                out[used] = '\0';
        return used;
}

/* The same for people: only what could do harm is escaped. */
static size_t escape_text(char *out, size_t size, const char *text)
{
        size_t used = 0, length = strlen(text);
        for (size_t i = 0; i < length;) {
                unsigned point = 0;
                char piece[8];
                size_t width = aeon__utf8_next(text + i, length - i, &point), n;
                if (!width)
                        n = escape_byte(piece, (unsigned char)text[i], false), width = 1;
                else if (point == '\n')
                        n = (size_t)sprintf(piece, text[i + 1] == ' ' ? "\n" : "\n    ");
                else if (is_control(point) && point != '\t')
                        n = escape_byte(piece, point, false);
                else
                        memcpy(piece, text + i, n = width);
                if (used + n > size)
                        break;
                memcpy(out + used, piece, n);
                used += n;
                i += width;
        }
        return used;
}

/* ------------------------------------------------------------------ JSON */

/* NaN and infinities are no numbers there. */
static size_t print_number(char *text, size_t size, double number)
{
        if (!isfinite(number))
                return (size_t)snprintf(text, size, "null");
        return (size_t)snprintf(text, size, "%.15g", number);
}

static void field_json(void *arg, const char *name, const char *text, double number)
{
        char field[FIELD_SIZE];
        size_t used = (size_t)snprintf(field, 128, ",\"%.100s\":", name);
        if (text) {
                field[used++] = '"';
                used += aeon__json_escape(field + used, sizeof field - used - 2, text, strlen(text));
                field[used++] = '"';
        } else {
                used += print_number(field + used, sizeof field - used, number);
        }
        put(arg, field, used);
}

size_t aeon__log_line_json(const struct log_record *record, char *text, size_t size)
{
        struct line l = { text, 0, size };
        struct timespec now;
        struct tm utc;
        char stamp[32], head[256], name[96], message[LOG_LINE_SIZE - FIELDS_ROOM];
        const char *task = record->task ? record->task : "";
        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &utc);
        strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
        aeon__json_escape(name, sizeof name, task, strlen(task));
        int n = snprintf(head, sizeof head, "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"task\":\"%s\",\"id\":%llu,\"message\":\"",
                         stamp, now.tv_nsec / 1000000, aeon__log_level_name(record->level), name,
                         (unsigned long long)record->task_id);
        put(&l, head, (size_t)n);
        put(&l, message, aeon__json_escape(message, sizeof message - sizeof head, record->message, strlen(record->message)));
        put(&l, "\"", 1);
        aeon__log_each_field(record, field_json, &l);
        text[l.used++] = '}';
        text[l.used++] = '\n';
        return l.used;
}

/* ------------------------------------------------------------------ text */

/* Bare when it is one word; in quotes otherwise. */
static void field_text(void *arg, const char *name, const char *text, double number)
{
        char field[FIELD_SIZE];
        size_t used = (size_t)snprintf(field, 128, " %.100s=", name);
        if (!text) {
                used += print_number(field + used, sizeof field - used, number);
        } else {
                char escaped[FIELD_SIZE - 256];
                size_t length = aeon__json_escape(escaped, sizeof escaped, text, strlen(text));
                bool bare = length && strlen(text) == length && !strpbrk(text, " =");
                used += (size_t)snprintf(field + used, sizeof field - used, bare ? "%s" : "\"%s\"", escaped);
        }
        put(arg, field, used);
}

size_t aeon__log_line_text(const struct log_record *record, bool coloured, char *text, size_t size)
{
        struct line l = { text, 0, size };
        struct timespec now;
        struct tm local;
        char head[128], name[96], message[LOG_LINE_SIZE - FIELDS_ROOM];
        clock_gettime(CLOCK_REALTIME, &now);
        localtime_r(&now.tv_sec, &local);
        int n = snprintf(head, sizeof head, "%02d:%02d:%02d.%03ld %s%-5s%s ", local.tm_hour, local.tm_min, local.tm_sec,
                         now.tv_nsec / 1000000, coloured ? colours[record->level] : "", aeon__log_level_name(record->level),
                         coloured ? "\x1b[0m" : "");
        put(&l, head, (size_t)n);
        if (record->task) {
                size_t length = escape_text(name, sizeof name, record->task);
                n = snprintf(head, sizeof head, "[%.*s #%llu] ", (int)length, name, (unsigned long long)record->task_id);
                put(&l, head, (size_t)n);
        }
        put(&l, message, escape_text(message, sizeof message - sizeof head, record->message));
        if (coloured)
                put(&l, "\x1b[2m", 4);
        aeon__log_each_field(record, field_text, &l);
        if (coloured)
                put(&l, "\x1b[0m", 4);
        text[l.used] = '\n';
        return l.used + 1;
}
