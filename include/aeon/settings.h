/* aeon/settings.h - a record filled from outside: arguments, environment, .env file, secrets folder, defaults. */
#ifndef AEON_SETTINGS_H
#define AEON_SETTINGS_H

#include <aeon/attributes.h>
#include <aeon/record.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aeon_settings_opts {
        const char *env_file;       /* ".env", which may be missing; any other file must be there; "": none */
        const char *prefix;         /* of variables: "APP_" reads `host` from APP_HOST; none */
        const char *secrets_folder; /* e.g. "/run/secrets", which may be missing: a file per field, named as its variable, in upper
                                       or lower case; none */
        bool strict;                /* lines of the .env file that cannot be read are errors, not warnings */
} aeon_settings_opts;

/* Fill a new struct. For each field the first that has it wins:
 *
 *         app argument           --port 8080        the field's name, - and _ alike
 *         process environment    APP_PORT=8080      prefix + name in upper case; an empty variable counts
 *         .env file              APP_PORT=8080      the same names; python-dotenv's dialect; a key without = does not count
 *         secrets folder         /run/secrets/APP_PORT or app_port, without line ends at its end
 *         .def of the field
 *
 * Several values of an argument are the items of a list: --tags a b. Otherwise lists and maps are JSON: APP_TAGS='["a","b"]'. So is
 * a record, and each of its fields is a setting of its own besides, which wins: APP_DB__PORT, --db.port.
 *
 * All that is wrong is told in one error text, a problem a line, and names its place; secrets are not shown:
 *
 *         settings: .env.test:3: port: 70000 is above 65535
 *         settings: missing: host (env APP_HOST)
 *         settings: .env.test:5: APP_TOKNE is no setting; did you mean APP_TOKEN?
 *
 * A key of the .env file is an unknown setting when it has the (not empty) prefix, or when it is a slip of the pen away from a
 * field that nobody gave. Variables of the process are looked at only for such slips, and only those with the prefix.
 *
 * NAME_load(app, &value, opts) is the typed form. The value belongs to the app and is freed with it. Usually called from a start-up
 * hook: an app whose hook fails so ends with exit code 2. @opts NULL: the defaults. Reads files, so it blocks for a moment; never
 * suspends. The environment must not be changed by another thread meanwhile.
 *
 * Errors: -EINVAL  settings are bad or missing, or a named file cannot be read
 *         -ENOMEM
 * Source: python-dotenv, pydantic-settings. */
AEON_API int aeon_settings_load(struct aeon_app *app, const aeon_record *record, void **ret_value, const aeon_settings_opts *opts);

/* ------------------------------------------------------------------ declared arguments */

/* Declare the app's arguments: each field of @record is an option, `--max-size 3` the field max_size, and nothing else is accepted, so
 * settings that may be given as arguments are declared here too. Those of a record inside are `--db.port 3`; several values are the items of
 * a list. --help lists all with what they take, their .doc and .def. What is wrong is told
 * before anything starts, all of it in one error, and the app ends with exit code 2:
 *
 *         arguments: --port: 70000 is above 65535
 *         arguments: --prot is no argument; did you mean --port?
 *
 * In AEON_APP. The last record that is declared counts. Errors: -EINVAL @record is NULL. */
AEON_API int aeon_use_args(struct aeon_app *app, const aeon_record *record);

/* The arguments: `const struct args *a = aeon_args(app);` NULL before the start-up hooks, or when none were declared. Borrowed while the
 * app lives. */
AEON_API const void *aeon_args(struct aeon_app *app);

#ifdef __cplusplus
}
#endif
#endif
