/* An app with all that a document can tell: tests/documents/run. */
#include <aeon.h>

#define PLACE(F) F(f64, longitude, .min = -180, .max = 180) F(f64, latitude, .min = -90, .max = 90)
AEON_RECORD(place, PLACE);
#define ORDER(F) F(i64, id, .min = 1, .doc = "its number") F(str, note, .def = "") F(record(place), to)
AEON_RECORD(order, ORDER);
#define BILL(F) F(f64, total)
AEON_RECORD(bill, BILL);
#define BRANCH(F) F(u64, id) F(list(record(branch)), branches, .def = "[]")
AEON_RECORD(branch, BRANCH);

/* What another file would see: its own `bill`, and the same `place`. */
#define OTHER_BILL(F) F(f64, sum)
AEON_RECORD(other_bill, OTHER_BILL);

static const aeon_record *called(const aeon_record *record, const char *name)
{
        static aeon_record copies[2];
        aeon_record *copy = copies[0].name ? &copies[1] : &copies[0];
        *copy = *record;
        copy->name = name;
        return copy;
}

static int charge(const struct order *in, struct bill *out)
{
        out->total = (double)in->id;
        return 0;
}
AEON_HANDLER(charge, order, bill);

static int keep(const struct order *in)
{
        (void)in;
        return 0;
}
AEON_SINK_HANDLER(keep, order);

static int anything(aeon_message *m)
{
        (void)m;
        return 0;
}
AEON_RAW_HANDLER(anything);

AEON_APP(app)
{
        aeon_use_broker(app, "nats://user:secret@broker.example:4222/?name=x");
        aeon_subscribe(app, "orders", &charge_handler, NULL);
        aeon_subscribe(app, "orders", &keep_handler, &(aeon_subscribe_opts){ .group = "archive" });
        aeon_subscribe(app, "all.>?mode=core", &anything_handler, &(aeon_subscribe_opts){ .dead_letter = "dead" });
        aeon_subscribe(app, "all.*?mode=core", &anything_handler, NULL);
        aeon_use_publisher(app, "bills", bill_record());
        aeon_use_publisher(app, "branches", branch_record());
        aeon_use_publisher(app, "bills", called(other_bill_record(), "bill"));
        aeon_use_publisher(app, "places", called(place_record(), "place"));
        aeon_use_broker(app, "redis://other.example");
        aeon_broker_subscribe(aeon_app_broker_at(app, 1), "orders", &keep_handler, NULL);
}
