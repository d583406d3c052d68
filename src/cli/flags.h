/* Flags of a command, from one table.
 *
 * DESIGN
 *   A command describes each flag once, in a row: name, what its value is called, what it does, and where its value goes (the
 *   member's place in the command's own options struct). Parsing, `--help`, and the hint for a mistyped flag are all made from
 *   that row.
 *
 *       struct publish { const char *timeout; bool rpc; ... };
 *       static const struct flag flags[] = {
 *               { "rpc", FLAG_SWITCH(struct publish, rpc), .doc = "wait for the reply and print it" },
 *               { 0 },
 *       };
 *
 *   Aeon's flags are taken wherever they stand, as `--name VALUE` or `--name=VALUE`, up to a `--`. A CLOSED command refuses what it
 *   does not know. An OPEN one (`aeon run`) leaves it, in its order, for the app.
 *
 *   These functions live in the library, because AEON_MAIN programs share them with `aeon run`; they are exported for the `aeon`
 *   program and for nobody else.
 */
#pragma once

#include <aeon/attributes.h>
#include <stdbool.h>
#include <stddef.h>

enum flag_kind {
        FLAG_IS_SWITCH,   /* bool */
        FLAG_IS_TEXT,     /* const char *, borrowed from argv */
        FLAG_IS_COUNT,    /* unsigned, at least 1 */
        FLAG_IS_DURATION, /* aeon_duration, not negative */
        FLAG_IS_CHOICE,   /* int: which of the words of .value ("text|json") */
        FLAG_IS_LIST,     /* struct flag_list: every use adds one */
};

/* Values of a flag that may be given many times. free(texts) when done. */
struct flag_list {
        const char **texts;
        size_t count;
};

struct flag {
        const char *name;  /* without dashes; NULL ends the table */
        size_t place;      /* of the target, in the options struct */
        const char *value; /* what the value is called in --help; for a choice its words; NULL for a switch */
        const char *doc;
        enum flag_kind kind;
        char letter; /* -v; 0: none */
};

/* The second entry of a row: the kind of value and where it goes. The name of the value follows. */
#define FLAG_SWITCH(type, member) .kind = FLAG_IS_SWITCH, .place = FLAG_PLACE(type, member, bool)
#define FLAG_TEXT(type, member) .kind = FLAG_IS_TEXT, .place = FLAG_PLACE(type, member, const char *)
#define FLAG_COUNT(type, member) .kind = FLAG_IS_COUNT, .place = FLAG_PLACE(type, member, unsigned)
#define FLAG_DURATION(type, member) .kind = FLAG_IS_DURATION, .place = FLAG_PLACE(type, member, aeon_duration)
#define FLAG_CHOICE(type, member) .kind = FLAG_IS_CHOICE, .place = FLAG_PLACE(type, member, int)
#define FLAG_LIST(type, member) .kind = FLAG_IS_LIST, .place = FLAG_PLACE(type, member, struct flag_list)

/* offsetof, and an error from the compiler when the member has another type than the flag writes. */
#define FLAG_PLACE(type, member, wanted) \
        offsetof(type, member) + 0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((type *)0)->member), wanted) ? 1 : -1])

struct command {
        const char *program;   /* "aeon publish": stands before every complaint */
        const char *arguments; /* "URL DESTINATION BODY" */
        const char *summary;   /* one line */
        const char *example;
        const struct flag *flags;
        int least, most; /* how many arguments */
        bool open;       /* what is not known is the app's, not an error */
};

enum {
        FLAGS_HELPED = -1, /* --help was asked for and printed */
        FLAGS_BAD = -2,    /* bad usage, complained about */
};

/* Parse argv[1..], fill @opts (whose defaults the caller has set), and move what is left to argv[0..]. Returns how many are left,
 * or FLAGS_HELPED, FLAGS_BAD. */
AEON_API int aeon__flags_parse(const struct command *c, void *opts, int argc, char **argv);

/* The exit code for a negative result of aeon__flags_parse(). */
static inline int flags_exit(int r)
{
        return r == FLAGS_HELPED ? 0 : 2;
}

/* Where in @argv the first argument stands, skipping @c's flags and their values: argc when there is none, FLAGS_BAD (complained
 * about) when a flag that is not Aeon's comes first. */
AEON_API int aeon__flags_first(const struct command *c, int argc, char **argv);

/* Print "PROGRAM: words" on stderr. */
AEON_API void aeon__flags_complain(const char *program, const char *format, ...) AEON_PRINTF(2, 3);

AEON_API void aeon__flags_help(const struct command *c);
