/* examples/http/shop.c - a service with a query, a body and a path that are records, and a function around its handlers.
 *
 *     $ aeon run shop.c
 *     $ curl -s 'localhost:8000/items?sort=price&limit=2'
 *     2 items by price
 *     $ curl -s localhost:8000/items -H 'X-Key: open sesame' -d '{"title": "a kettle", "price": 29.5}'
 *     {"title":"a kettle","price":29.5}
 *     $ curl -s localhost:8000/items/7/photos/front
 *     photo front of item 7
 *
 *     $ curl -s 'localhost:8000/items?sort=colour&limit=1000' | grep -o '"errors":.*'
 *     "errors":[{"in":"query","path":"sort","detail":"\"colour\" is none of title, price"},{"in":"query","path":"limit","detail":"1000 is above 100"}]}
 *     $ curl -s localhost:8000/items -d '{"title": "a kettle", "price": 29.5}'
 *     {"title":"Forbidden","status":403}
 *     $ curl -s localhost:8000/nothing
 *     {"title":"Not Found","status":404}
 */
#include <aeon.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ORDERING(V) V(BY_TITLE, "title") V(BY_PRICE, "price")
AEON_ENUMERATION(ordering, ORDERING);

#define LISTING(F)                                     \
        F(enumeration(ordering), sort, .def = "title") \
        F(i64, limit, .def = "10", .min = 1, .max = 100)
AEON_RECORD(listing, LISTING);

#define ITEM(F)                     \
        F(str, title, .min_len = 1) \
        F(f64, price, .min = 0)
AEON_RECORD(item, ITEM);

#define PHOTO(F)   \
        F(u64, id) \
        F(str, side)
AEON_RECORD(photo, PHOTO);

static int list_items(aeon_request *req)
{
        const struct listing *l;
        char text[64];
        int r = listing_query(req, &l); /* ?sort=price&limit=2 */
        if (r < 0)
                return r; /* 400, with all that is wrong */
        snprintf(text, sizeof text, "%" PRId64 " items by %s\n", l->limit, ordering_name(l->sort));
        return aeon_reply_text(req, 200, text);
}

static int add_item(aeon_request *req)
{
        const struct item *in;
        int r = item_receive(req, &in); /* the body, as JSON */
        return r < 0 ? r : item_reply(req, 201, in);
}

static int show_photo(aeon_request *req)
{
        const struct photo *p;
        char text[128];
        int r = photo_params(req, &p); /* {id} and {side} of the path */
        if (r < 0)
                return r;
        snprintf(text, sizeof text, "photo %s of item %" PRIu64 "\n", p->side, p->id);
        return aeon_reply_text(req, 200, text);
}

/* Around what changes something. */
static int only_with_the_key(aeon_request *req, aeon_next *next)
{
        const char *key = aeon_request_header(req, "X-Key");
        if (!key || strcmp(key, "open sesame") != 0)
                return aeon_fail(-EACCES, "no key, or a wrong one"); /* the words go to the log */
        return aeon_next_run(next);
}

/* Around everything: it sees the reply that the client will get, also a 404. */
static int not_for_caches(aeon_request *req, aeon_next *next)
{
        int r = aeon_next_run(next);
        aeon_reply_set_header(req, "Cache-Control", "no-store");
        return r;
}

AEON_APP(app)
{
        aeon_http_listen(app, &(aeon_http_opts){ .address = aeon_app_arg(app, "listen", "localhost:8000") });
        aeon_use_middleware(app, not_for_caches);
        aeon_route(app, "GET /items", list_items, NULL);
        aeon_route(app, "POST /items", add_item,
                   &(aeon_route_opts){ .middleware = (aeon_middleware_fn *[]){ only_with_the_key, NULL } });
        aeon_route(app, "GET /items/{id}/photos/{side}", show_photo, NULL);
}
