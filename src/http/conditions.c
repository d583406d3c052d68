/* See conditions.h. What cannot be read is as if it were not there, but for lists of tags, of which the readable part counts. */
#include "http/conditions.h"

#include "http/date.h"

#include <string.h>
#include <strings.h>

/* ------------------------------------------------------------------ tags */

/* Is @etag in the list @tags? Weak ones count when @weak. */
static bool has_tag(const char *tags, const char *etag, bool weak)
{
        size_t size = strlen(etag);
        if (!strcmp(tags, "*"))
                return true;
        for (;;) {
                tags += strspn(tags, ", \t");
                bool is_weak = !strncmp(tags, "W/", 2);
                tags += is_weak ? 2 : 0;
                const char *end = *tags == '"' ? strchr(tags + 1, '"') : NULL;
                if (!end)
                        return false;
                if ((weak || !is_weak) && (size_t)(end + 1 - tags) == size && !memcmp(tags, etag, size))
                        return true;
                tags = end + 1;
                if (!strchr(", \t", *tags))
                        return false;
        }
}

/* ------------------------------------------------------------------ ranges */

/* The digits at *@text, moved over; false when there is none. What is too large is as good as the largest. */
static bool read_number(const char **text, uint64_t *ret_number)
{
        uint64_t number = 0;
        const char *at = *text;
        for (; *at >= '0' && *at <= '9'; at++)
                number = number > (UINT64_MAX - 9) / 10 ? UINT64_MAX - 9 : number * 10 + (uint64_t)(*at - '0');
        bool found = at > *text;
        *text = at;
        *ret_number = number;
        return found;
}

/* "bytes=0-499", "bytes=500-", "bytes=-500": 206 or 416; 200 when it is none, or several. */
static int one_range(const char *text, uint64_t size, uint64_t *ret_first, uint64_t *ret_size)
{
        static const char unit[] = "bytes=";
        uint64_t first, last;
        if (strncasecmp(text, unit, sizeof unit - 1) != 0)
                return 200;
        text += sizeof unit - 1;
        text += strspn(text, " \t");
        bool has_first = read_number(&text, &first);
        if (*text++ != '-')
                return 200;
        bool has_last = read_number(&text, &last);
        text += strspn(text, " \t");
        if (*text || (!has_first && !has_last) || (has_first && has_last && last < first))
                return 200;
        if (!has_first) { /* the last ones */
                if (!last || !size)
                        return 416;
                first = last < size ? size - last : 0;
                last = size - 1;
        }
        if (first >= size)
                return 416;
        if (!has_last || last >= size)
                last = size - 1;
        *ret_first = first;
        *ret_size = last - first + 1;
        return 206;
}

/* ------------------------------------------------------------------ in the order of RFC 9110, 13.2.2 */

static bool is_after(time_t modified, const char *date)
{
        time_t second;
        return aeon__http_date_read(date, &second) == 0 && modified > second;
}

static bool is_not_after(time_t modified, const char *date)
{
        time_t second;
        return aeon__http_date_read(date, &second) == 0 && modified <= second;
}

/* A date is a strong validator only if it is the very same. */
static bool range_holds(const struct http_conditions *c, const struct http_representation *r)
{
        time_t second;
        if (!c->if_range)
                return true;
        if (*c->if_range == '"')
                return !strcmp(c->if_range, r->etag);
        return aeon__http_date_read(c->if_range, &second) == 0 && second == r->modified;
}

int aeon__http_decide(const struct http_conditions *c, const struct http_representation *r, uint64_t *ret_first, uint64_t *ret_size)
{
        if (c->if_match ? !has_tag(c->if_match, r->etag, false)
                        : c->if_unmodified_since && is_after(r->modified, c->if_unmodified_since))
                return 412;
        if (c->if_none_match ? has_tag(c->if_none_match, r->etag, true)
                             : c->if_modified_since && is_not_after(r->modified, c->if_modified_since))
                return 304;
        return c->range && range_holds(c, r) ? one_range(c->range, r->size, ret_first, ret_size) : 200;
}
