/* What the logger asks of the rooms above: who is running. */
#pragma once

#include <aeon/log.h>
#include <stddef.h>
#include <stdint.h>

/* Set by the room that knows tasks: the running task's name and number; NULL outside a task. */
extern const char *(*aeon__log_task)(uint64_t *ret_id);

/* True when colours may be written to @fd: a terminal, NO_COLOR unset, TERM not dumb. */
AEON_API bool aeon__colours_on(int fd);

/* True when lines are written as JSON. */
bool aeon__log_is_json(void);

/* Write @text as the inside of a JSON string (no quotes) into @out; the result is cut at whole characters. Returns its length. */
size_t aeon__json_escape(char *out, size_t size, const char *text, size_t length);
