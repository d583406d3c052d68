/* The story of a life: every moment of it, told to the rules (rules.h) and kept, the latest of them, for whoever asks what happened. */
#pragma once

#include "app/calls.h"

#include <stdio.h>

enum moment_kind {
        MOMENT_BEGAN,  /* a call */
        MOMENT_ENDED,  /* a call; .result is its result */
        MOMENT_FAULT,  /* a fault happens, at a call; .result is which */
        MOMENT_STOP,   /* the app was told to stop; .result is the code */
        MOMENT_SIGNAL, /* .result is its number */
        MOMENT_EXIT,   /* the process would have ended here; .result is the code */
};

struct moment {
        enum moment_kind kind;
        struct call call; /* its name points to name */
        char name[32];
        int result;
        bool ready;          /* what the app said of itself */
        aeon_duration delay; /* of a fault */
        aeon_time time;
};

enum { STORY_LIMIT = 256 };

struct story {
        struct moment moments[STORY_LIMIT]; /* a ring */
        unsigned count;                     /* of all that were worth telling */
        uint64_t digest;                    /* of all that came */
};

/* The words of aeon/testing.h, by enum call_kind. */
extern const char *const aeon__call_words[CALL_KINDS];

/* "open broker on loop 2". Returns @text. */
const char *aeon__call_describe(const struct call *call, char *text, size_t size);

void aeon__story_add(struct story *story, const struct moment *moment);
void aeon__story_print(const struct story *story, aeon_time begin, FILE *out);
