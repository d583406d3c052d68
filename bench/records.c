/* bench-records: reading and writing a record of 1 KB, checked in both directions: bench-records decode|encode FILE N */
#include "measure.h"
#include "order.h"

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
