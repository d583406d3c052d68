/* The tables in tests/http/corpus/: requests as bytes, and what is to become of them. */
#pragma once

#include <stddef.h>

struct corpus_case {
        char *name, *rule, *answer; /* the answer's escapes are resolved */
        char *bytes;
        size_t size;
};

struct corpus {
        struct corpus_case *cases;
        size_t count;
};

/* Read tests/http/corpus/@file; ends the test when a line cannot be understood. */
void corpus_open(struct corpus *corpus, const char *file);
void corpus_close(struct corpus *corpus);
