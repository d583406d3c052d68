/* An order of 1 KB, as order.json is one: what records, and bodies of requests, are measured with. */
#pragma once

#include <aeon.h>

#define STATUS(V) V(STATUS_NEW, "new") V(STATUS_PACKED, "packed") V(STATUS_SENT, "sent")
AEON_ENUMERATION(status, STATUS);

#define ADDRESS(F) F(str, street) F(str, city) F(str, zip, .max_len = 10) F(str, country, .min_len = 2, .max_len = 2)
AEON_RECORD(address, ADDRESS);

#define CUSTOMER(F) F(str, name) F(str, email) F(record(address), address)
AEON_RECORD(customer, CUSTOMER);

#define LINE(F) F(str, sku) F(str, title) F(f64, price, .min = 0) F(i64, count, .min = 1)
AEON_RECORD(line, LINE);

#define ORDER(F)                      \
        F(u64, id)                    \
        F(timestamp, placed)          \
        F(record(customer), customer) \
        F(list(record(line)), items)  \
        F(list(str), tags)            \
        F(map(str), labels)           \
        F(f64, total)                 \
        F(boolean, paid)              \
        F(optional(f64), discount)    \
        F(str, ip)                    \
        F(str, note, .max_len = 500)  \
        F(i64, attempts, .def = "0")  \
        F(list(f64), weights)         \
        F(str, session)               \
        F(enumeration(status), status)
AEON_RECORD(order, ORDER);
