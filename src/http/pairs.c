/* The pairs of pairs.h, and queries as such. */
#include "http/pairs.h"

#include "http/request.h"

#include <aeon/error.h>
#include <ctype.h>
#include <string.h>

/* Escapes of a body have not been looked at by the parser of heads. */
static bool escapes_are_whole(const char *text, size_t size)
{
        for (size_t i = 0; i < size; i++)
                if (text[i] == '%' &&
                    (size - i < 3 || !isxdigit((unsigned char)text[i + 1]) || !isxdigit((unsigned char)text[i + 2])))
                        return false;
        return true;
}

/* Decode @size bytes where they are; true when there is a NUL among them. */
static bool decode(char *text, size_t size)
{
        size_t used = aeon__url_decode(text, text, size, true);
        return memchr(text, '\0', used) != NULL;
}

/* @pair ends at @end, where there is room for a NUL. */
static struct http_pair read_pair(char *pair, char *end)
{
        char *equals = memchr(pair, '=', (size_t)(end - pair));
        size_t name_size = (size_t)((equals ? equals : end) - pair);
        char *value = equals ? equals + 1 : NULL;
        bool broken = value && decode(value, (size_t)(end - value));
        broken |= decode(pair, name_size);
        return (struct http_pair){ .name = pair, .value = value ? value : "", .broken = broken };
}

static size_t count_pairs(const char *text, size_t size)
{
        size_t count = 1;
        for (size_t i = 0; i < size; i++)
                count += text[i] == '&';
        return count;
}

int aeon__pairs_parse(aeon_request *req, const char *text, size_t size, struct http_pairs *ret_pairs)
{
        if (!escapes_are_whole(text, size))
                return -EINVAL;
        struct http_pairs pairs = { aeon__request_alloc(req, count_pairs(text, size) * sizeof *pairs.items), 0 };
        char *copy = aeon__request_copy(req, text, size);
        if (!pairs.items || !copy)
                return -ENOMEM;
        for (char *at = copy, *last = copy + size; at < last;) {
                char *end = memchr(at, '&', (size_t)(last - at));
                end = end ? end : last;
                if (end > at)
                        pairs.items[pairs.count++] = read_pair(at, end);
                at = end + 1;
        }
        *ret_pairs = pairs;
        return 0;
}

const char *aeon__pairs_next(const struct http_pairs *pairs, const char *name, size_t *cursor)
{
        while (*cursor < pairs->count) {
                const struct http_pair *pair = &pairs->items[(*cursor)++];
                if (!pair->broken && !strcmp(pair->name, name))
                        return pair->value;
        }
        return NULL;
}

/* ------------------------------------------------------------------ queries */

int aeon__request_query_pairs(aeon_request *req, const struct http_pairs **ret_pairs)
{
        *ret_pairs = &req->query_pairs;
        if (req->query_pairs.items || !req->query)
                return 0;
        return aeon__pairs_parse(req, req->query, strlen(req->query), &req->query_pairs);
}

const char *aeon_request_query_next(aeon_request *req, const char *name, size_t *cursor)
{
        const struct http_pairs *pairs;
        return aeon__request_query_pairs(req, &pairs) < 0 ? NULL : aeon__pairs_next(pairs, name, cursor);
}

const char *aeon_request_query(aeon_request *req, const char *name)
{
        size_t cursor = 0;
        return aeon_request_query_next(req, name, &cursor);
}
