/* The .env dialect: python-dotenv's rules.
 *
 * DESIGN
 *   The file becomes a list of entries in order; the last one of a name wins. Its text is first made simple (no byte order mark,
 * all line ends \n), then read statement by statement; a statement that cannot be read is skipped to the end of its line and told
 * as a problem.
 *
 *       [export] KEY [= VALUE] [# comment]        KEY without = has no value (NULL)
 *
 *       VALUE   plain     up to " #" or the line's end, blanks trimmed; no escapes
 *               '...'     \' and \\ are escapes
 *               "..."     \\ \' \" \a \b \f \n \r \t \v are escapes; any other stays as it is
 *               both may span lines; while the closing quote is looked for, a backslash hides the next character
 *
 *   After that ${NAME} and ${NAME:-default} are replaced, in every kind of value: from the process, then from earlier lines, then
 * by the default, then by nothing. What was put in is not looked at again. $NAME is just text.
 *
 * Source: python-dotenv 1.2, parser.py and variables.py; tests/settings/dotenv.json.
 */
#pragma once

#include "base/arena.h"
#include "record/problems.h"

#include <stddef.h>

struct dotenv_entry {
        const char *key;
        const char *value; /* NULL: the key stood alone */
        unsigned line;
};

/* All zeros is an empty file. */
struct dotenv {
        struct arena arena; /* of keys and values */
        struct dotenv_entry *entries;
        size_t count, capacity;
};

/* Read @length bytes of the file @name into @dotenv, which is empty. Bad lines go to @problems as "NAME:LINE: ..."; what they say
 * is not shown, for it may be secret. A NUL byte refuses the whole file. */
void aeon__dotenv_parse(struct dotenv *dotenv, const char *text, size_t length, const char *name, struct problems *problems);

/* The last entry of @key; NULL when there is none. */
const struct dotenv_entry *aeon__dotenv_find(const struct dotenv *dotenv, const char *key);

/* Free everything; it is empty again. */
void aeon__dotenv_done(struct dotenv *dotenv);
