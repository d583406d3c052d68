/* Prints the schema of a record of all kinds, then a line for each instance: "+" or "-", whether decoding takes it, and its
 * JSON. */
#include "record/all_kinds.h"
#include "record/values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of each field what is just right and what is not. Left out is what a schema cannot say: values in texts (duration's bounds), NUL,
 * repeated keys, bytes to the byte. */
static const char *const bodies[] = {
        "{}",
        "[]",
        "{\"text\":null}",
        "{\"text\":1}",
        "{\"text\":\"1234567890123456789012345678901234567890\"}",
        "{\"text\":\"12345678901234567890123456789012345678901\"}",
        "{\"whole\":1.0}",
        "{\"whole\":1.5}",
        "{\"whole\":\"1\"}",
        "{\"whole\":-9223372036854775808}",
        "{\"whole\":9223372036854775807}",
        "{\"whole\":9223372036854775808}",
        "{\"count\":18446744073709551615}",
        "{\"count\":18446744073709551616}",
        "{\"count\":-1}",
        "{\"real\":1e300}",
        "{\"real\":true}",
        "{\"flag\":0}",
        "{\"pause\":\"1m30s\"}",
        "{\"pause\":\"PT1M30.5S\"}",
        "{\"pause\":\"-1.5h\"}",
        "{\"pause\":90}",
        "{\"pause\":0.25}",
        "{\"pause\":\"soon\"}",
        "{\"pause\":[]}",
        "{\"limit\":\"64KiB\"}",
        "{\"limit\":1.0}",
        "{\"limit\":1.5}",
        "{\"limit\":-1}",
        "{\"limit\":\"1 KiB\"}",
        "{\"when\":\"2026-11-21T10:04:28.5+01:00\"}",
        "{\"when\":\"2026-02-29T10:04:28Z\"}",
        "{\"when\":\"2026-11-21\"}",
        "{\"when\":0}",
        "{\"data\":\"aGk=\"}",
        "{\"data\":5}",
        "{\"token\":null}",
        "{\"token\":\"secret\"}",
        "{\"token\":5}",
        "{\"raw\":[1,{\"a\":null}]}",
        "{\"the mood\":\"half asleep\"}",
        "{\"the mood\":\"half\"}",
        "{\"the mood\":1}",
        "{\"item\":{}}",
        "{\"item\":{\"price\":-1}}",
        "{\"item\":{\"price\":1e9}}",
        "{\"item\":{\"price\":1000000001}}",
        "{\"item\":{\"colour\":1}}",
        "{\"item\":null}",
        "{\"item\":{\"stock\":-5}}",
        "{\"item\":{\"stock\":-6}}",
        "{\"item\":{\"stock\":null}}",
        "{\"tree\":{\"children\":[{\"children\":[{\"label\":\"x\"}]}]}}",
        "{\"tree\":{\"children\":[{\"children\":[{\"label\":1}]}]}}",
        "{\"tree\":{\"extra\":1}}",
        "{\"nick\":\"abc\",\"level\":1,\"ratio\":1,\"sure\":true,\"other\":\"calm\",\"spare\":{},\"aliases\":[\"a\"]}",
        "{\"nick\":null,\"level\":null,\"ratio\":null,\"sure\":null,\"other\":null,\"spare\":null,\"aliases\":null}",
        "{\"nick\":\"axc\"}",
        "{\"level\":-1}",
        "{\"other\":\"bad\"}",
        "{\"aliases\":[null]}",
        "{\"tags\":[\"a\",\"b\"]}",
        "{\"tags\":[\"a\",1]}",
        "{\"tags\":\"a\"}",
        "{\"tags\":[\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\"]}",
        "{\"tags\":[\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\"]}",
        "{\"gaps\":[1,null]}",
        "{\"rows\":[[1],[]]}",
        "{\"rows\":[1]}",
        "{\"rows\":[[-1]]}",
        "{\"labels\":{\"\":\"x\"}}",
        "{\"labels\":{\"a\":1}}",
        "{\"labels\":[]}",
        "{\"shelf\":{\"a\":{\"price\":1}}}",
        "{\"shelf\":{\"a\":{\"price\":\"1\"}}}",
        "{\"moods\":{\"a\":[\"cross\",null]}}",
        "{\"moods\":{\"a\":[\"crossed\"]}}",
        "{\"never seen\":{\"a\":1}}",
};

static void must(bool condition)
{
        if (!condition)
                abort();
}

int main(void)
{
        char *schema = NULL;
        must(aeon_record_schema(all_record(), &schema) > 0);
        puts(schema);
        free(schema);
        for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
                struct all *all = NULL;
                int r = all_decode(bodies[i], strlen(bodies[i]), &all);
                printf("%c%s\n", r == 0 ? '+' : '-', bodies[i]);
                all_free(all);
        }
        uint64_t state = 1;
        for (int i = 0; i < 200; i++) {
                struct arena arena = { 0 };
                struct all all = { 0 };
                char *json = NULL;
                values_fill(all_record(), &all, &arena, &state);
                must(all_encode(&all, &json) > 0);
                printf("+%s\n", json);
                free(json);
                aeon__arena_done(&arena);
        }
        return 0;
}
