/* examples/http/offers.c - a service that says what its routes take and give.
 *
 *     $ aeon run offers.c
 *     $ curl -s localhost:8000/offers -d '{"title": "a kettle", "price": 29.5}'
 *     {"id":1,"title":"a kettle","price":29.5}
 *     $ curl -s 'localhost:8000/offers?below=30'
 *     {"offers":[{"id":1,"title":"a kettle","price":29.5}]}
 */
#include <aeon.h>
#include <string.h>

#define OFFER(F)                                         \
        F(u64, id, .def = "0", .doc = "ours, not yours") \
        F(str, title, .min_len = 1, .max_len = 80)       \
        F(f64, price, .min = 0, .doc = "in euros")
AEON_RECORD(offer, OFFER);

#define SEARCH(F) F(f64, below, .def = "100", .min = 0, .doc = "offers that cost less")
AEON_RECORD(search, SEARCH);

#define FOUND(F) F(list(record(offer)), offers)
AEON_RECORD(found, FOUND);

/* Kept by the one loop that there is. */
enum { LIMIT = 100, TITLE_SIZE = 80 * 4 + 1 };
static struct offer offers[LIMIT];
static char titles[LIMIT][TITLE_SIZE];
static size_t offer_count;

static int search(aeon_request *req)
{
        const struct search *s;
        struct offer found[LIMIT];
        size_t count = 0;
        int r = search_query(req, &s);
        if (r < 0)
                return r;
        for (size_t i = 0; i < offer_count; i++)
                if (offers[i].price < s->below)
                        found[count++] = offers[i];
        return found_reply(req, 200, &(struct found){ .offers = { found, count } });
}

static int add(aeon_request *req)
{
        const struct offer *in;
        int r = offer_receive(req, &in);
        if (r < 0)
                return r;
        if (offer_count == LIMIT)
                return aeon_reply_status(req, 507);
        offers[offer_count] = (struct offer){ offer_count + 1, strcpy(titles[offer_count], in->title), in->price };
        return offer_reply(req, 201, &offers[offer_count++]);
}

AEON_APP(app)
{
        aeon_app_describe(app, &(aeon_app_description){ .title = "Offers", .version = "1.2.0" });
        aeon_http_listen(app, &(aeon_http_opts){ .address = aeon_app_arg(app, "listen", "localhost:8000") });
        aeon_route(app, "GET /offers", search,
                   &(aeon_route_opts){ .doc = "What is for sale",
                                       .query = search_record(),
                                       .replies = (aeon_route_reply[]){ { 200, found_record() }, { 0 } } });
        aeon_route(app, "POST /offers", add,
                   &(aeon_route_opts){ .doc = "Put something on sale",
                                       .body = offer_record(),
                                       .replies = (aeon_route_reply[]){
                                               { 201, offer_record() }, { 507, .doc = "There is no room for more." }, { 0 } } });
}
