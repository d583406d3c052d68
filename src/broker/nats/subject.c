/* Subjects: what NATS takes as one, and how one becomes a part of a name.
 *
 * DESIGN
 *   A destination is a subject as it stands: tokens of any bytes but blanks and control characters, with dots between. Nothing is
 *   encoded, because other programs see subjects. What cannot be one is refused.
 *
 *   Names of streams and consumers may not contain dots, blanks, "*", ">", "/" and "\". Encoded, "orders.eu" is "orders:eu"; other
 *   bytes than letters, digits, "-" and "_" are "=" and two hexadecimal digits. What is too long ends in a hash instead.
 */
#include "broker/nats/nats.h"

#include <aeon/error.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NAME_MOST = 100, HASH_SIZE = 18 };

static bool is_wild(const char *token, size_t length)
{
        return length == 1 && (*token == '*' || *token == '>');
}

bool aeon__nats_is_pattern(const char *subject)
{
        for (const char *at = subject;;) {
                size_t length = strcspn(at, ".");
                if (is_wild(at, length))
                        return true;
                if (!at[length])
                        return false;
                at += length + 1;
        }
}

int aeon__nats_subject_check(const char *subject, bool pattern_allowed)
{
        for (const char *at = subject; *at; at++)
                if ((unsigned char)*at <= ' ' || *at == 127)
                        return aeon_fail(-EINVAL, "a NATS subject has no blanks and no control characters");
        for (const char *at = subject;;) {
                size_t length = strcspn(at, ".");
                if (!length)
                        return aeon_fail(-EINVAL, "a NATS subject has something before and behind each dot");
                if (is_wild(at, length) && !pattern_allowed)
                        return aeon_fail(-EINVAL, "a pattern (\"%s\") cannot be published to", subject);
                if (*at == '>' && length == 1 && at[length])
                        return aeon_fail(-EINVAL, "\">\" stands at the end of a NATS subject");
                if (!at[length])
                        return 0;
                at += length + 1;
        }
}

bool aeon__nats_is_fleeting(const char *subject)
{
        return *subject == '$' || !strncmp(subject, "_INBOX.", strlen("_INBOX."));
}

static uint64_t hash(const char *text)
{
        uint64_t h = 14695981039346656037U; /* FNV-1a */
        for (; *text; text++)
                h = (h ^ (unsigned char)*text) * 1099511628211U;
        return h;
}

static void encode_whole(const char *text, char *to, size_t size)
{
        static const char digits[] = "0123456789ABCDEF";
        for (; *text && size > 3; text++) {
                unsigned char c = (unsigned char)*text;
                if (isalnum(c) || c == '-' || c == '_' || c == '.') {
                        *to++ = c == '.' ? ':' : (char)c;
                        size--;
                } else {
                        *to++ = '=';
                        *to++ = digits[c >> 4];
                        *to++ = digits[c & 15];
                        size -= 3;
                }
        }
        *to = '\0';
}

void aeon__nats_encode(const char *text, char *to, size_t size)
{
        char whole[4 * NAME_MOST];
        encode_whole(text, whole, sizeof whole);
        if (strlen(whole) <= NAME_MOST)
                snprintf(to, size, "%s", whole);
        else
                snprintf(to, size, "%.*s=%016" PRIx64, NAME_MOST - HASH_SIZE, whole, hash(text));
}
