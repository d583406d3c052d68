/* What the fuzzer starts from, and what it once found, through its function. */
#include "harness.h"

#include "base/text.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size); /* fuzz/record.c */

PLAIN_TEST_WITHIN(the_corpus_of_the_fuzzer_goes_there_and_back, 60)
{
        char folder[512], path[1024];
        size_t count = 0;
        snprintf(folder, sizeof folder, "%s/fuzz/corpus/record", test_source_folder());
        DIR *d = opendir(folder);
        REQUIRE(d != NULL);
        for (struct dirent *entry; (entry = readdir(d));) {
                struct text text = { 0 };
                if (entry->d_name[0] == '.')
                        continue;
                snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
                REQUIRE_INT(aeon__text_add_file(&text, path), 0);
                uint8_t *exact = malloc(text.length + 1); /* who reads on is seen by a checker */
                REQUIRE(exact != NULL);
                memcpy(exact, text.data, text.length);
                exact = realloc(exact, text.length ? text.length : 1);
                CHECK_INT(LLVMFuzzerTestOneInput(exact, text.length), 0); /* it ends the process when a promise is broken */
                free(exact);
                aeon__text_done(&text);
                count++;
        }
        closedir(d);
        CHECK(count > 50);
}
