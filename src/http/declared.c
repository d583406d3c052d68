/* Comparing what routes do with what they declare; see declared.h. */
#include "http/declared.h"

#include "http/request.h"
#include "record/schema.h"

#include <aeon/log.h>
#include <stdatomic.h>
#include <string.h>

enum { FIRST_STATUS = 8, STATUS_BITS = 24 }; /* of the bits of a route: parts of the request; statuses, several of them on one */

/* Set the bit; true for the first to do so. */
static bool is_first(const struct http_route *route, unsigned bit)
{
        unsigned mask = 1u << bit;
        return !(atomic_load_explicit(route->checked, memory_order_relaxed) & mask) &&
               !(atomic_fetch_or(route->checked, mask) & mask);
}

void aeon__declared_check(const aeon_request *req, const char *in, const aeon_record *record)
{
        const struct http_route *route = req->route;
        if (!route)
                return;
        const struct {
                const char *in;
                const aeon_record *record;
        } parts[] = { { "body", route->opts.body },
                      { "query", route->opts.query },
                      { "form", route->opts.form },
                      { "path", route->opts.params } };
        for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++)
                if (parts[i].record && !strcmp(parts[i].in, in) && is_first(route, i) &&
                    !aeon__records_are_alike(parts[i].record, record))
                        aeon_log_warning("route \"%s\" declares its %s as the record %s, but reads it as %s", route->pattern, in,
                                         parts[i].record->name, record->name);
}

void aeon__declared_check_reply(const aeon_request *req, int status, const aeon_record *record)
{
        const struct http_route *route = req->route;
        if (!route || !route->replies || !is_first(route, FIRST_STATUS + (unsigned)status % STATUS_BITS))
                return;
        for (const aeon_route_reply *reply = route->replies; reply->status; reply++)
                if (reply->status == status && reply->record && aeon__records_are_alike(reply->record, record))
                        return;
        aeon_log_warning("route \"%s\" does not declare that it answers %d with the record %s", route->pattern, status,
                         record->name);
}
