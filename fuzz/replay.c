/* Runs a target on each file of a folder, as the suite does with its corpus: replay-TARGET FOLDER. */
#include "must.h"

#include "base/text.h"

#include <dirent.h>

/* In a block of exactly its size: who reads on is seen by a checker. */
static void run_exactly(const struct text *text)
{
        uint8_t *exact = malloc(text->length ? text->length : 1);
        must(exact != NULL, "no memory", NULL);
        if (text->length)
                memcpy(exact, text->data, text->length);
        LLVMFuzzerTestOneInput(exact, text->length);
        free(exact);
}

int main(int argc, char **argv)
{
        DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
        int count = 0;
        if (!folder) {
                fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
                return 2;
        }
        for (struct dirent *entry; (entry = readdir(folder));) {
                char path[1024];
                struct text text = { 0 };
                if (entry->d_name[0] == '.')
                        continue;
                snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
                must(aeon__text_add_file(&text, path) >= 0, "cannot be read", path);
                fprintf(stderr, "%s\n", path); /* the last one is the one that failed */
                run_exactly(&text);
                aeon__text_done(&text);
                count++;
        }
        closedir(folder);
        printf("%d\n", count);
        return 0;
}
