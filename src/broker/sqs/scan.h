/* Reading JSON where it lies: no tree, no copies but of the strings that are wanted. Answers of SQS are ten messages each and make most of
 * its work; everything else here goes by jansson.
 *
 *     struct scan s = aeon__scan(text, length);
 *     struct span name;
 *     aeon__scan_open(&s, '{');
 *     while (aeon__scan_member(&s, &name))
 *             if (aeon__span_is(name, "Body")) length = aeon__scan_string(&s, to); else aeon__scan_skip(&s);
 *
 * Whatever is wrong with the text makes `failed` true, and then everything ends at once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct span {
        const char *at;
        size_t length;
};

struct scan {
        const char *at, *end;
        bool failed;
};

static inline struct scan aeon__scan(const char *text, size_t length)
{
        return (struct scan){ text, text + length, false };
}

/* Step into an object or array. */
bool aeon__scan_open(struct scan *s, char bracket);

/* To the next member of the object, before its value; false at the end. The name is as it stands there, escapes and all. */
bool aeon__scan_member(struct scan *s, struct span *ret_name);

/* To the next item of the array; false at the end. */
bool aeon__scan_item(struct scan *s);

/* Step over a value; returns it as it stands there. */
struct span aeon__scan_skip(struct scan *s);

/* Write the string value with a NUL to @to, which has room for what is left of the text. Returns its length. Not a string: it is stepped
 * over, and "" is written. */
size_t aeon__scan_string(struct scan *s, char *to);

bool aeon__span_is(struct span span, const char *text);
