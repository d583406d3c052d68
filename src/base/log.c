/* The logger: from the call to a record, and the record to its sink; see log.h.
 *
 * DESIGN
 *   A line is made in a buffer on the caller's stack and leaves in one write, so threads need no lock and lines never mix. A line longer
 *   than the buffer is cut. Nothing here can fail in a way that the caller must handle, and nothing waits.
 *
 *       12:30:01.250 info  [mailer #7] sent 3 letters order=41
 *       {"time":"2026-11-21T12:30:01.250Z","level":"info","task":"mailer","id":7,"message":"sent 3 letters","order":"41"}
 *
 *   The task's number tells tasks of one name apart, and is the one that dumps show.
 */
#include "base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *(*aeon__log_task)(uint64_t *ret_id);
const char *(*aeon__log_task_fields)(size_t *ret_size);
unsigned aeon__log_worker;

static _Atomic int line_format = AEON_LOG_TEXT;

void aeon_log_set_format(aeon_log_format format)
{
        atomic_store_explicit(&line_format, format, memory_order_relaxed);
}

bool aeon__log_is_json(void)
{
        return atomic_load_explicit(&line_format, memory_order_relaxed) == AEON_LOG_JSON;
}

bool aeon__colours_on(int fd)
{
        const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
        return isatty(fd) && !(no_colour && *no_colour) && term && strcmp(term, "dumb") != 0;
}

static bool stderr_is_coloured(void)
{
        static _Atomic int coloured = -1;
        int colours = atomic_load_explicit(&coloured, memory_order_relaxed);
        if (colours < 0)
                atomic_store_explicit(&coloured, colours = aeon__colours_on(STDERR_FILENO), memory_order_relaxed);
        return colours;
}

bool aeon__log_name_is_valid(const char *name)
{
        static const char *const taken[] = { "time", "level", "task", "id", "message" };
        for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
                if (!strcmp(name, taken[i]))
                        return false;
        if (!*name || (*name >= '0' && *name <= '9') || (aeon__log_worker && !strcmp(name, "worker")))
                return false;
        for (; *name; name++) {
                char small = *name | 0x20;
                if (*name != '_' && !(small >= 'a' && small <= 'z') && !(*name >= '0' && *name <= '9'))
                        return false;
        }
        return true;
}

void aeon__log_each_field(const struct log_record *record,
                          void (*each)(void *arg, const char *name, const char *text, double number), void *arg)
{
        const char *at = record->task_fields, *end = at ? at + record->task_fields_size : NULL;
        if (aeon__log_worker)
                each(arg, "worker", NULL, aeon__log_worker);
        while (at < end) {
                const char *value = at + strlen(at) + 1;
                each(arg, at, value, 0);
                at = value + strlen(value) + 1;
        }
        for (const aeon_log_field *f = record->fields; f && f->name; f++)
                if (aeon__log_name_is_valid(f->name))
                        each(arg, f->name, f->text, f->number);
}

static void write_record(const struct log_record *record)
{
        char line[LOG_LINE_SIZE];
        bool json = aeon__log_is_json();
        if (!json && aeon__log_to_journal(record))
                return;
        size_t length = json ? aeon__log_line_json(record, line, sizeof line)
                             : aeon__log_line_text(record, stderr_is_coloured(), line, sizeof line);
        aeon__log_to_stderr(line, length);
}

/* ------------------------------------------------------------------ what is lost */

static _Atomic uint64_t dropped, untold;

void aeon__log_count_drop(void)
{
        atomic_fetch_add_explicit(&dropped, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&untold, 1, memory_order_relaxed);
}

uint64_t aeon__log_dropped(void)
{
        return atomic_load_explicit(&dropped, memory_order_relaxed);
}

uint64_t aeon__log_drops_untold(void)
{
        return atomic_exchange_explicit(&untold, 0, memory_order_relaxed);
}

static void tell_of_drops(void)
{
        if (!atomic_load_explicit(&untold, memory_order_relaxed))
                return;
        uint64_t count = aeon__log_drops_untold(), before = aeon__log_dropped();
        char message[96];
        snprintf(message, sizeof message, "%" PRIu64 " log line%s lost: the reader did not keep up", count,
                 count == 1 ? " was" : "s were");
        struct log_record record = { .level = AEON_LOG_WARNING, .site = AEON_HERE, .message = message };
        write_record(&record);
        if (aeon__log_dropped() != before) { /* so was this one: its readers are to be told of those others still */
                atomic_fetch_sub_explicit(&dropped, 1, memory_order_relaxed);
                atomic_fetch_add_explicit(&untold, count - 1, memory_order_relaxed);
        }
}

/* ------------------------------------------------------------------ the call */

void aeon_log_at(aeon_log_level level, const char *site, const aeon_log_field *fields, const char *format, ...)
{
        if (!aeon_log_enabled_at(level, site))
                return;
        char message[LOG_MESSAGE_SIZE];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(message, sizeof message, format, arguments);
        va_end(arguments);

        struct log_record record = { .level = level, .site = site, .message = message, .fields = fields };
        record.task = aeon__log_task ? aeon__log_task(&record.task_id) : NULL;
        record.task_fields = aeon__log_task_fields ? aeon__log_task_fields(&record.task_fields_size) : NULL;
        tell_of_drops();
        write_record(&record);
}
