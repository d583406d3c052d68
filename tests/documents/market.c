/* A service with routes of all kinds and two channels: tests/documents/run. It does what it declares. */
#include <aeon.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ORDERING(V) V(BY_TITLE, "title") V(BY_PRICE, "price")
AEON_ENUMERATION(ordering, ORDERING);

#define LISTING(F)                                                                        \
        F(enumeration(ordering), sort, .def = "title", .doc = "what they are ordered by") \
        F(u64, after, .def = "0")                                                         \
        F(i64, limit, .def = "10", .min = 1, .max = 100)                                  \
        F(list(str), tags, .def = "[]")                                                   \
        F(map(f64), prices, .def = "{}", .doc = "the least and the highest, as JSON")     \
        F(optional(str), title)
AEON_RECORD(listing, LISTING);

#define ITEM(F)                                                        \
        F(u64, id, .max = 18446744073709551615ULL)                     \
        F(str, title, .min_len = 1, .doc = "</script><b>not bold</b>") \
        F(f64, price, .min = 0)                                        \
        F(optional(timestamp), sold)
AEON_RECORD(item, ITEM, .doc = "Something that is for sale.");

#define NEW_ITEM(F) F(str, title, .min_len = 1) F(f64, price, .min = 0)
AEON_RECORD(new_item, NEW_ITEM);

#define PAGE(F) F(list(record(item)), items) F(optional(u64), next)
AEON_RECORD(page, PAGE);

#define BRANCH(F) F(str, name) F(list(record(branch)), branches, .def = "[]")
AEON_RECORD(branch, BRANCH);

#define ITEM_PATH(F) F(u64, id, .doc = "of the item")
AEON_RECORD(item_path, ITEM_PATH);

#define LOGIN(F) F(str, name, .min_len = 1) F(boolean, remember, .def = "false") F(secret, password, .required = true)
AEON_RECORD(login, LOGIN);

#define CAPTION(F) F(str, caption) F(optional(record(new_item)), about)
AEON_RECORD(caption, CAPTION);

#define UPLOAD(F) F(str, caption) F(size, size)
AEON_RECORD(upload, UPLOAD);

#define CONFLICT(F) F(u64, other)
AEON_RECORD(conflict, CONFLICT);

static int list_items(aeon_request *req)
{
        const struct listing *l;
        int r = listing_query(req, &l);
        if (r < 0)
                return r;
        const struct item items[] = { { .id = UINT64_MAX, .title = "a kettle", .price = 29.5, .sold = &(int64_t){ 0 } },
                                      { .id = l->after + 1, .title = l->title ? l->title : "a cup", .price = 0 } };
        return page_reply(req, 200, &(struct page){ .items = { items, l->limit > 1 ? 2 : 1 } });
}

static int add_item(aeon_request *req)
{
        const struct new_item *in;
        int r = new_item_receive(req, &in);
        if (r < 0)
                return r;
        if (!strcmp(in->title, "a kettle"))
                return conflict_reply(req, 409, &(struct conflict){ 7 });
        return item_reply(req, 201, &(struct item){ .id = 8, .title = in->title, .price = in->price });
}

static int show_item(aeon_request *req)
{
        const struct item_path *p;
        int r = item_path_params(req, &p);
        if (r < 0)
                return r;
        if (p->id == 404)
                return aeon_fail(-ENOENT, "item 404");
        if (p->id == 500)
                return aeon_fail(-EIO, "no database");
        return item_reply(req, 200, &(struct item){ .id = p->id, .title = "a kettle", .price = 29.5 });
}

static int forget_item(aeon_request *req)
{
        return aeon_request_param(req, "item") ? 0 : -EINVAL;
}

static int log_in(aeon_request *req)
{
        const struct login *in;
        int r = login_form(req, &in);
        return r < 0 ? r : aeon_reply_status(req, 204);
}

static int take_photo(aeon_request *req)
{
        aeon_multipart *m;
        const aeon_form_part *part;
        aeon_bytes bytes;
        struct upload out = { .caption = "" };
        int r = aeon_multipart_open(req, NULL, &m);
        while (r >= 0 && (r = aeon_multipart_next(m, &part)) > 0) {
                r = aeon_multipart_whole(m, 65536, &bytes);
                if (r >= 0 && part->file_name)
                        out.size += bytes.size;
                else if (r >= 0 && !strcmp(part->name, "caption"))
                        out.caption = (const char *)bytes.data;
        }
        return r < 0 ? r : upload_reply(req, 200, &out);
}

static int table(aeon_request *req)
{
        return aeon_reply_bytes(req, 200, "text/csv", "id,title\n7,a kettle\n", 20);
}

static int tree(aeon_request *req)
{
        const struct branch twigs[] = { { .name = "left" }, { .name = "right" } };
        return branch_reply(req, 200, &(struct branch){ .name = "stem", .branches = { twigs, 2 } });
}

static int slow(aeon_request *req)
{
        (void)req;
        return aeon_sleep(AEON_HOURS(1));
}

static int events(aeon_request *req)
{
        int r = aeon_events_begin(req, NULL);
        if (r >= 0)
                r = aeon_events_send(req, &(aeon_server_event){ .data = "a kettle was sold" });
        return r < 0 ? r : aeon_events_sleep(req, AEON_HOURS(1));
}

static int other(aeon_request *req)
{
        return aeon_reply_text(req, 200, "something else");
}

static int price(const struct new_item *in, struct item *out)
{
        *out = (struct item){ .id = 1, .title = in->title, .price = in->price };
        return 0;
}
AEON_HANDLER(price, new_item, item);

static void declare_items(aeon_app *app)
{
        aeon_route(app, "GET /items", list_items,
                   &(aeon_route_opts){ .doc = "Items for sale\n\nIn pages, </script><b>of at most</b> a hundred.",
                                       .query = listing_record(),
                                       .replies = (aeon_route_reply[]){ { 200, page_record() }, { 0 } } });
        aeon_route(app, "POST /items", add_item,
                   &(aeon_route_opts){ .doc = "Put an item on sale",
                                       .max_body = 4096,
                                       .body = new_item_record(),
                                       .replies = (aeon_route_reply[]){ { 201, item_record(), .doc = "It is on sale." },
                                                                        { 409, conflict_record(), .doc = "There is one like it." },
                                                                        { 0 } } });
        aeon_route(app, "GET /items/{id}", show_item,
                   &(aeon_route_opts){ .params = item_path_record(),
                                       .replies = (aeon_route_reply[]){ { 200, item_record() }, { 0 } } });
        aeon_route(app, "DELETE /items/{item}", forget_item, NULL);
        aeon_route(app, "GET /items/{rest...}", other, NULL);
        aeon_route(app, "PUT /items/{rest...}", other, NULL);
}

AEON_APP(app)
{
        aeon_app_describe(app, &(aeon_app_description){ .title = "A shop", .version = "2.1.0", .doc = "Kettles & <cups>." });
        aeon_http_listen(app, &(aeon_http_opts){ .address = aeon_app_arg(app, "listen", "0.0.0.0:8000") });
        aeon_use_broker(app, "memory:");
        declare_items(app);
        aeon_route(app, "POST /login", log_in, &(aeon_route_opts){ .form = login_record() });
        aeon_route(app, "POST /photos", take_photo,
                   &(aeon_route_opts){ .form = caption_record(),
                                       .files = (const char *[]){ "photo", NULL },
                                       .replies = (aeon_route_reply[]){ { 200, upload_record() }, { 0 } } });
        aeon_route(app, "GET /items.csv", table,
                   &(aeon_route_opts){ .replies = (aeon_route_reply[]){ { 200, .content_type = "text/csv" }, { 0 } } });
        aeon_route(app, "GET /tree", tree,
                   &(aeon_route_opts){ .replies = (aeon_route_reply[]){ { 200, branch_record() }, { 0 } } });
        aeon_route(app, "GET /events", events,
                   &(aeon_route_opts){ .replies = (aeon_route_reply[]){ { 200, .content_type = "text/event-stream" }, { 0 } } });
        aeon_route(app, "GET /slow", slow, &(aeon_route_opts){ .timeout = AEON_MILLISECONDS(20) });
        aeon_route(app, "PURGE /tree", other, NULL);
        aeon_route_files(app, "GET /files/{path...}", aeon_app_arg(app, "folder", "."), NULL);
        aeon_subscribe(app, "prices", &price_handler, NULL);
        aeon_use_publisher(app, "sold </script>", item_record());
}
