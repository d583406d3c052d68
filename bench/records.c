/* bench-records: reading and writing a record of 1 KB, checked in both directions: bench-records decode|encode FILE N */
#include "measure.h"

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

static char *read_file(const char *path, size_t *ret_size)
{
        static char text[4096];
        FILE *f = fopen(path, "re");
        must(f ? 0 : -errno, path);
        *ret_size = fread(text, 1, sizeof text, f);
        fclose(f);
        return text;
}

static void decode(const char *json, size_t size, long count)
{
        for (long i = 0; i < count; i++) {
                struct order *order;
                must(order_decode(json, size, &order), "decode");
                order_free(order);
        }
}

static void encode(const char *json, size_t size, long count)
{
        struct order *order;
        must(order_decode(json, size, &order), "decode");
        for (long i = 0; i < count; i++) {
                char *text;
                must(order_encode(order, &text), "encode");
                free(text);
        }
        order_free(order);
}

int main(int argc, char **argv)
{
        if (argc != 4)
                return 2;
        size_t size;
        long count = strtol(argv[3], NULL, 10);
        const char *json = read_file(argv[2], &size);
        double begin = cpu_seconds();
        (strcmp(argv[1], "encode") ? decode : encode)(json, size, count);
        printf("%.1f\n", (cpu_seconds() - begin) * 1e9 / (double)count);
        return 0;
}
