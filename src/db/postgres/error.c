/* What the server says, as ours.
 *
 * DESIGN
 *   The five characters of SQLSTATE decide, never the words, which are in the server's language. A failed connection has no result
 *   to ask for them; libpq writes them into its message when it is told to be verbose: "FATAL:  28P01: password ...". */
#include "db/postgres/postgres.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The longest match counts. Source: PostgreSQL documentation, appendix A, "PostgreSQL Error Codes". */
static const struct {
        const char *state;
        int code;
} codes[] = {
        { "08", -ECONNABORTED },  /* connection exception */
        { "08P01", -EINVAL },     /* of the protocol: as many arguments as placeholders, for one */
        { "0A", -ENOTSUP },       /* feature not supported */
        { "22", -EINVAL },        /* data exception */
        { "22003", -ERANGE },     /* numeric value out of range */
        { "23", -EINVAL },        /* integrity constraint violation */
        { "23505", -EEXIST },     /* unique violation */
        { "25006", -EROFS },      /* read-only transaction */
        { "26", -EINVAL },        /* no such prepared statement */
        { "28", -EACCES },        /* invalid authorization */
        { "3D", -ENXIO },         /* no such database */
        { "40001", -EAGAIN },     /* serialization failure */
        { "40P01", -EAGAIN },     /* deadlock */
        { "42", -EINVAL },        /* syntax error, no such table */
        { "42501", -EACCES },     /* insufficient privilege */
        { "53100", -ENOSPC },     /* disk full */
        { "53200", -ENOMEM },     /* out of memory */
        { "53300", -ENOTCONN },   /* too many connections */
        { "55P03", -EBUSY },      /* lock not available */
        { "57014", -ETIMEDOUT },  /* query canceled: not by us, so by the server's statement_timeout */
        { "57P", -ECONNABORTED }, /* the server stops, or has crashed */
        { "57P03", -ENOTCONN },   /* it is starting up */
};

int aeon__pg_errno(const char *sqlstate)
{
        size_t longest = 0;
        int code = -EREMOTEIO;
        for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
                size_t length = strlen(codes[i].state);
                if (length > longest && !strncmp(codes[i].state, sqlstate, length)) {
                        longest = length;
                        code = codes[i].code;
                }
        }
        return code;
}

int aeon__pg_failure(const PGresult *result)
{
        const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        const char *words = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
        const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
        if (!state) { /* of libpq itself */
                words = PQresultErrorMessage(result);
                return aeon_fail(-ECONNABORTED, "%.*s", (int)strcspn(words, "\n"), words);
        }
        int code = aeon__pg_errno(state);
        (void)aeon_fail_at(code, true, AEON_HERE, "%s (%s)%s%s", words ? words : "it failed", state, hint ? "; " : "",
                           hint ? hint : "");
        return code;
}

static bool is_state(const char *text)
{
        for (int i = 0; i < 5; i++)
                if (!isdigit((unsigned char)text[i]) && !isupper((unsigned char)text[i]))
                        return false;
        return text[5] == ':';
}

/* "...:  28P01: words": where the state begins; NULL when there is none. */
static const char *find_state(const char *message)
{
        for (const char *at = message; (at = strstr(at, ":  ")); at++)
                if (is_state(at + 3))
                        return at + 3;
        return NULL;
}

int aeon__pg_connect_failure(const PGconn *conn)
{
        const char *message = conn ? PQerrorMessage(conn) : "out of memory";
        const char *state = find_state(message);
        int code = state ? aeon__pg_errno(state) : -ENOTCONN;
        if (code == -ECONNABORTED)
                code = -ENOTCONN; /* nothing was asked yet */
        if (conn && PQconnectionNeedsPassword(conn))
                code = -EACCES;
        if (state)
                (void)aeon_fail_at(code, true, AEON_HERE, "%.*s (%.5s)", (int)strcspn(state + 7, "\n"), state + 7, state);
        else
                (void)aeon_fail_at(code, true, AEON_HERE, "%.*s", (int)strcspn(message, "\n"), message);
        return code;
}

/* The server quotes values that it cannot take: "invalid input syntax for type integer: "secret"". */
void aeon__pg_hide_arguments(int code, const aeon_db_args *args)
{
        char *words = args ? strdup(aeon_error_text()) : NULL;
        bool hidden = false;
        for (size_t i = 0; words && i < args->count; i++) {
                const aeon_db_value *value = &args->values[i];
                char buffer[VALUE_SIZE], *at = words;
                const char *text = aeon__db_value_print(value, buffer);
                size_t length = text ? strlen(text) : 0;
                while (length && (at = strstr(at, text))) {
                        if (at > words && at[-1] == '"' && at[length] == '"') {
                                size_t kept = length < 3 ? length : 3;
                                memset(at, '.', kept);
                                memmove(at + kept, at + length, strlen(at + length) + 1);
                                hidden = true;
                        }
                        at++;
                }
        }
        if (hidden)
                (void)aeon_fail_at(code, true, AEON_HERE, "%s", words);
        free(words);
}
