/* Options in text: what stands behind the "?" of a broker's URL and of a destination, and the URL itself.
 *
 *      redis://user:secret@host:6379,other:6379/0?tls_ca=ca.pem&connect_timeout=3s
 *      orders?kind=list&block=5s
 *
 * DESIGN
 *   Whoever knows an option asks for it by name, with its kind and its default. Each question is remembered, and at the end
 *   aeon__options_end() refuses what nobody has asked for, with the nearest name that somebody has. So the questions ARE the list
 *   of options: there is no table beside them. Names and values are percent-decoded; "+" is a plus.
 *
 *   One error is kept: after the first wrong value every further question gets its default, and aeon__options_end() returns that
 *   error. So a driver asks for all it wants and looks once.
 */
#pragma once

#include <aeon/attributes.h>
#include <aeon/time.h>
#include <stdbool.h>
#include <stddef.h>

struct options;

/* Read "name=value&name=value"; NULL and "" are none. Errors: -EINVAL not of this form; -ENOMEM. */
AEON_API int aeon__options_read(const char *query, struct options **ret_options);
AEON_API void aeon__options_free(struct options *o);

/* The questions. Texts are borrowed while @o lives. Numbers must lie in [@least, @most]. @choices ends in NULL; returns an index. */
AEON_API const char *aeon__option_text(struct options *o, const char *name, const char *standard);
AEON_API long aeon__option_number(struct options *o, const char *name, long least, long most, long standard);
AEON_API aeon_duration aeon__option_duration(struct options *o, const char *name, aeon_duration standard);
AEON_API bool aeon__option_flag(struct options *o, const char *name, bool standard); /* yes true 1 on, no false 0 off */
AEON_API int aeon__option_choice(struct options *o, const char *name, const char *const *choices, int standard);

/* The next option whose name begins with @prefix, for what is passed through: NULL after the last. *@at is 0 at first; @ret_name is
 * without the prefix. */
AEON_API const char *aeon__option_prefixed(struct options *o, const char *prefix, size_t *at, const char **ret_name);

/* The verdict on all: @what is in the words ("subscription "orders""). Errors: -EINVAL a value that cannot be, or an option that
 * nobody knows; the words name it. */
AEON_API int aeon__options_end(struct options *o, const char *what);

/* ------------------------------------------------------------------ URLs */

struct broker_host {
        const char *name; /* without the brackets of IPv6 */
        int port;
};

/* SCHEME://[USER[:PASSWORD]@]HOST[:PORT][,HOST[:PORT]...][/PATH][?OPTIONS]; texts are decoded, "" when absent. */
struct broker_url {
        const char *scheme, *user, *password, *path; /* path without its first "/" */
        bool has_password;
        struct broker_host *hosts; /* one at least: localhost */
        size_t hosts_count;
        struct options *options;
};

/* Errors: -EINVAL; -ENOMEM. The words do not show the password. */
AEON_API int aeon__broker_url_read(const char *url, int standard_port, struct broker_url **ret_url);
AEON_API void aeon__broker_url_free(struct broker_url *u);
