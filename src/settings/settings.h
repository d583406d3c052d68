/* Settings without an app: what aeon_settings_load() adds is the app's own arguments and the exit code. */
#pragma once

#include "record/problems.h"
#include "settings/arguments.h"
#include "settings/dotenv.h"

#include <aeon/record.h>
#include <aeon/settings.h>

/* As aeon_settings_load(), from @arguments (NULL: none). The same errors: -EINVAL is all that a person can put right. */
int aeon__settings_load(const aeon_record *record, const struct arguments *arguments, const aeon_settings_opts *opts,
                        void **ret_value);

/* The same, and a table of each field, its value and where it came from is added to @table, also when the load fails. Secrets are not
 * shown. */
int aeon__settings_explain(const aeon_record *record, const struct arguments *arguments, const aeon_settings_opts *opts,
                           struct text *table, void **ret_value);

/* A new @record from @arguments alone: declared.c. Errors: -EINVAL all that is wrong, a line each; -ENOMEM */
int aeon__arguments_load(const aeon_record *record, const struct arguments *arguments, void **ret_value);

/* Add a line for each option of the declared @record: what it is called, what it takes, its .doc and its default. */
void aeon__arguments_help(const aeon_record *record, struct text *to);

/* ------------------------------------------------------------------ inside this room */

/* One field and where its value came from. */
struct setting {
        const aeon_field *field;
        const char *name;            /* "port"; in a record inside the record "db.port" */
        const char *variable;        /* "APP_PORT", "APP_DB__PORT" */
        size_t offset;               /* in the outermost struct */
        const struct setting *above; /* the record that it is in; NULL: the outermost */
        bool given;                  /* some source had it */
        bool filled;                 /* given, or by default */
        const char *place, *text;    /* of the source; NULL: none */
};

/* One load at work. */
struct sources {
        const aeon_record *record;
        const struct arguments *arguments; /* NULL: none */
        const char *prefix, *secrets_folder;
        const char *env_file;     /* as messages name it */
        struct dotenv dotenv;     /* empty when there is no file */
        struct setting *settings; /* a record in front of its fields; in names */
        size_t count;
        struct arena names;
};

/* Fill in `settings`: each field, and those of records inside; all else is there. False when there is no memory. */
bool aeon__settings_list(struct sources *sources);

/* Whether the record that it is in had a value, which is then its value, too. */
bool aeon__setting_is_covered(const struct setting *setting);

/* Tell of keys that look like settings but are none. */
void aeon__settings_find_slips(const struct sources *sources, struct problems *problems);
