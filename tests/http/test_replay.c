/* What the fuzzers start from, and what they once found, through their properties; the tables of tests/http/corpus too. */
#include "corpus.h"
#include "harness.h"
#include "properties.h"

#include "base/text.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int property(const char *bytes, size_t size);

/* @bytes in memory of their exact size: who reads on is seen by a checker. A property that does not hold ends the process. */
static int hold(property *holds, const char *bytes, size_t size)
{
        char *exact = malloc(size ? size : 1);
        REQUIRE(exact != NULL);
        memcpy(exact, bytes, size);
        int accepted = holds(exact, size);
        free(exact);
        return accepted;
}

/* All files of fuzz/corpus/@target; how many were accepted in @ret_accepted. Returns how many there are. */
static int replay(const char *target, property *holds, int *ret_accepted)
{
        char folder[512], path[1024];
        int count = 0;
        snprintf(folder, sizeof folder, "%s/fuzz/corpus/%s", test_source_folder(), target);
        DIR *d = opendir(folder);
        REQUIRE(d != NULL);
        *ret_accepted = 0;
        for (struct dirent *entry; (entry = readdir(d));) {
                struct text text = { 0 };
                if (entry->d_name[0] == '.')
                        continue;
                snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
                REQUIRE_INT(aeon__text_add_file(&text, path), 0);
                *ret_accepted += hold(holds, text.data, text.length);
                aeon__text_done(&text);
                count++;
        }
        closedir(d);
        return count;
}

PLAIN_TEST(fuzzed_heads_are_read_as_a_naive_reader_reads_them)
{
        int accepted, count = replay("http_head", head_holds, &accepted);
        CHECK(accepted > 15 && count - accepted > 60);
}

PLAIN_TEST(fuzzed_chunks_are_decoded_as_a_naive_decoder_decodes_them)
{
        int accepted, count = replay("http_chunked", chunked_holds, &accepted);
        CHECK(accepted > 5 && count - accepted > 15);
}

PLAIN_TEST(fuzzed_targets_take_the_routes_that_a_naive_reader_takes)
{
        int accepted, count = replay("http_target", target_holds, &accepted);
        CHECK(accepted > 20 && count - accepted > 15);
}

/* Long ones too, which the fuzzers have no use for. */
PLAIN_TEST(the_tables_hold_at_every_split)
{
        static const char *const files[] = { "refused.txt", "accepted.txt" };
        for (size_t f = 0; f < 2; f++) {
                struct corpus corpus;
                corpus_open(&corpus, files[f]);
                for (size_t i = 0; i < corpus.count; i++) {
                        int accepted = hold(head_holds, corpus.cases[i].bytes, corpus.cases[i].size);
                        if (f == 1 && !CHECK_INT(accepted, 1))
                                CHECK_STR(corpus.cases[i].name, "accepted");
                }
                corpus_close(&corpus);
        }
}
