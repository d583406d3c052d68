/* App arguments: `--key VALUE...` in the grammar of the command line.
 *
 * DESIGN
 *   The words are read once into a flat list of (name, value) in order; nothing is copied, so the list borrows argv. A name that
 * comes several times, or has several values, stands several times in the list; a flag has the value "true".
 *
 *       --env .env.test --no-cache --tag a b --tag=c -- d
 *
 *       env=".env.test"  cache="false"  tag="a"  tag="b"  tag="c"  (positional)="d"
 *
 *   GRAMMAR
 *       --key V...    all words up to the next one that begins with --; -5, a=b and 10:00 are values like any other
 *       --key=V       one value, to the end of the word; what follows is positional
 *       --key         "true"
 *       --no-key      "false"; what follows is positional. (--no-key=V is an option named no-key.)
 *       --            all that follows is positional
 *
 *   In names - and _ are alike: --max-size is max_size.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct argument {
        const char *name; /* not NUL-terminated; NULL: positional */
        size_t name_length;
        const char *value;
};

struct arguments {
        struct argument *items;
        size_t count;
};

/* Read @argc words, without a program's name in front. Errors: -EINVAL a word is "--=..." or the like; -ENOMEM. */
int aeon__arguments_parse(int argc, char *const argv[], struct arguments *ret_arguments);

/* True when @argument has this name; @name NULL: when it is positional. */
bool aeon__argument_is(const struct argument *argument, const char *name);

/* The last value of @name, NULL when it was not given. */
const char *aeon__arguments_get(const struct arguments *arguments, const char *name);

/* The values of @name one after another, in order; @name NULL: the positional words. Begin with *@cursor 0; NULL after the last. */
const char *aeon__arguments_next(const struct arguments *arguments, const char *name, size_t *cursor);

/* All of them at once, into @values, which has room for @arguments->count. Returns how many. */
size_t aeon__arguments_all(const struct arguments *arguments, const char *name, const char **values);

/* Free the list. All zeros is fine. */
void aeon__arguments_free(struct arguments *arguments);
