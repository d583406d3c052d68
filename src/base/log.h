/* What the logger asks of the rooms above, and how a line gets from its call to its reader.
 *
 *     aeon_log_at()  log.c         the level, the message; makes a log_record
 *         |          log_levels.c  which lines are wanted
 *         v
 *     log_record --> log_line.c    as text, as JSON
 *         |              |
 *         v              v
 *     log_journal.c  log_stderr.c  to the journal's socket, or to descriptor 2
 */
#pragma once

#include <aeon/log.h>
#include <stddef.h>
#include <stdint.h>

enum { LOG_LINE_SIZE = 8192, LOG_MESSAGE_SIZE = 4096 };

/* Set by the room that knows tasks: the running task's name and number; NULL outside a task. */
extern const char *(*aeon__log_task)(uint64_t *ret_id);

/* Likewise: the fields of the running task, name NUL value NUL ...; NULL: none. */
extern const char *(*aeon__log_task_fields)(size_t *ret_size);

/* Which worker this process is, for each line: `worker=2`; 0: it is none. Set before there are threads. */
extern unsigned aeon__log_worker;

/* True when colours may be written to @fd: a terminal, NO_COLOR unset, TERM not dumb. */
AEON_API bool aeon__colours_on(int fd);

/* True when lines are written as JSON. */
bool aeon__log_is_json(void);

/* Lines that nobody got because the reader was too slow. */
uint64_t aeon__log_dropped(void);

/* May a field be named so? */
bool aeon__log_name_is_valid(const char *name);

/* Write @text as the inside of a JSON string (no quotes) into @out; the result is cut at whole characters. What is not UTF-8 becomes U+FFFD.
 * Returns its length. */
size_t aeon__json_escape(char *out, size_t size, const char *text, size_t length);

/* ------------------------------------------------------------------ levels */

/* aeon_log_set_levels() that leaves alone what @text does not name. Errors: as that. */
int aeon__log_change_levels(const char *text);

/* What aeon_log_set_levels() was given, or as good as that. Returns @text. */
char *aeon__log_levels_text(char *text, size_t size);

/* "debug", "info", "warn", "error". */
const char *aeon__log_level_name(aeon_log_level level);

/* ------------------------------------------------------------------ between the files of the logger */

struct log_record {
        aeon_log_level level;
        const char *site;
        const char *task; /* NULL: written outside any task */
        uint64_t task_id; /* 0 then */
        const char *message;
        const aeon_log_field *fields; /* of the line; NULL: none */
        const char *task_fields;      /* packed; NULL: none */
        size_t task_fields_size;
};

/* Call @each for every field of @record: those of the task, then the line's own. @text NULL: the number. */
void aeon__log_each_field(const struct log_record *record,
                          void (*each)(void *arg, const char *name, const char *text, double number), void *arg);

/* Write @record as a line, with its newline, cut at @size. Returns its length. */
size_t aeon__log_line_text(const struct log_record *record, bool coloured, char *line, size_t size);
size_t aeon__log_line_json(const struct log_record *record, char *line, size_t size);

/* Send it to the journal if stderr leads there. False: it does not. */
bool aeon__log_to_journal(const struct log_record *record);

/* Write a line to stderr, now or never. */
void aeon__log_to_stderr(const char *line, size_t length);

/* One line was lost. */
void aeon__log_count_drop(void);

/* How many were lost since the last call: for the line that says so. */
uint64_t aeon__log_drops_untold(void);
