/* Jansson: text to a tree that is freed, a tree to text; nothing is checked beyond the grammar: jansson-records decode|encode FILE N */
#include "../measure.h"

#include <jansson.h>

int main(int argc, char **argv)
{
        if (argc != 4)
                return 2;
        long count = strtol(argv[3], NULL, 10);
        static char text[4096];
        FILE *f = fopen(argv[2], "re");
        must(f ? 0 : -errno, argv[2]);
        size_t size = fread(text, 1, sizeof text, f);
        fclose(f);
        json_t *tree = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
        must(tree ? 0 : -EBADMSG, "load");
        double begin = cpu_seconds();
        for (long i = 0; i < count; i++) {
                if (!strcmp(argv[1], "decode")) {
                        json_t *again = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
                        must(again ? 0 : -EBADMSG, "load");
                        json_decref(again);
                } else {
                        char *written = json_dumps(tree, JSON_COMPACT);
                        must(written ? 0 : -ENOMEM, "dump");
                        free(written);
                }
        }
        printf("%.1f\n", (cpu_seconds() - begin) * 1e9 / (double)count);
        json_decref(tree);
        return 0;
}
