/* Conditional requests and ranges, for what has a validator and a size. Pure functions. Source: RFC 9110, 13 and 14. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* What the request says; NULL: nothing. */
struct http_conditions {
        const char *if_match, *if_none_match, *if_modified_since, *if_unmodified_since, *if_range;
        const char *range; /* of GET only */
};

/* What is there. */
struct http_representation {
        const char *etag; /* "\"5f3-2a\"", strong */
        time_t modified;
        uint64_t size;
};

/* What becomes of it: 200, 206 (@ret_first, @ret_size: the part), 304, 412, 416. Of several ranges the whole is sent, as a server may. */
int aeon__http_decide(const struct http_conditions *c, const struct http_representation *r, uint64_t *ret_first,
                      uint64_t *ret_size);
