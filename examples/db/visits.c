/* examples/db/visits.c - Redis as a store: who was here how often, counted by any number of instances.
 *
 *     $ aeon run visits.c --redis redis://localhost:6379
 *     $ curl -s localhost:8000/visit/anna
 *     visit 1
 *     $ curl -s localhost:8000/visit/anna
 *     visit 2
 *     $ curl -s localhost:8000/visit/bert
 *     visit 1
 *     $ curl -s localhost:8000/most
 *     anna 2
 */
#include <aeon.h>
#include <inttypes.h>
#include <stdio.h>

static int visit(aeon_request *req)
{
        int64_t count;
        char text[64];
        const char *name = aeon_request_param(req, "name");
        int r = aeon_redis_integer(aeon_redis_get(NULL), AEON_REDIS("ZINCRBY", "visits", 1, name), &count);
        if (r < 0)
                return r;
        snprintf(text, sizeof text, "visit %" PRId64 "\n", count);
        return aeon_reply_text(req, 200, text);
}

static int most(aeon_request *req)
{
        char text[256] = "nobody\n";
        aeon_redis_reply *first;
        int r = aeon_redis_command(aeon_redis_get(NULL), AEON_REDIS("ZREVRANGE", "visits", 0, 0, "WITHSCORES"), &first);
        if (r < 0)
                return r;
        if (first->size == 2)
                snprintf(text, sizeof text, "%s %s\n", first->items[0].text, first->items[1].text);
        aeon_redis_reply_free(first);
        return aeon_reply_text(req, 200, text);
}

AEON_APP(app)
{
        aeon_use_redis(app, NULL, aeon_app_arg(app, "redis", "redis://localhost:6379"), NULL);
        aeon_http_listen(app, NULL);
        aeon_route(app, "GET /visit/{name}", visit, NULL);
        aeon_route(app, "GET /most", most, NULL);
}
