/* Running out of memory; see memory.h. */
#include "memory.h"

#include "failing.h"

#include <aeon/error.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------------ running out */

static void check_words(const struct memory_use *use, int n, bool *seen)
{
        const char *text = aeon_error_text();
        if (!CHECK(text[0] && strcmp(text, aeon_strerror(-ENOMEM)) != 0))
                fprintf(stderr, "    %s: allocation %d: \"%s\"\n", use->calls, n, text);
        *seen = *seen || strstr(text, use->words);
}

/* A thread of the pool may still be on its way out of what it did: now, or when @live was counted. Returns what is live at most. */
static long settle(long live)
{
        for (int i = 0; i < 2000 && failing_live() > live; i++)
                usleep(1000);
        return failing_live() < live ? failing_live() : live;
}

static void run_out(int (*loop)(aeon_task_fn *, void *), const struct memory_use *use, bool only_once, long live, bool *seen)
{
        bool failed = true;
        for (int n = 1; failed; n++) {
                if (only_once)
                        failing_once(n);
                else
                        failing_begin(n);
                int r = loop(use->run, NULL);
                failed = failing_end();
                if (!CHECK(r == 0 || (r == -ENOMEM && failed)))
                        fprintf(stderr, "    %s: allocation %d: %d, %s\n", use->calls, n, r, aeon_error_describe(r));
                if (r < 0 && only_once)
                        check_words(use, n, seen);
                aeon_error_clear();
                live = settle(live);
                if (!CHECK(failing_live() <= live))
                        fprintf(stderr, "    %s: allocation %d leaks\n", use->calls, n);
        }
}

void memory_run_out(int (*loop)(aeon_task_fn *fn, void *arg), const struct memory_use *uses)
{
        for (const struct memory_use *use = uses; use->calls; use++) {
                if (!use->words)
                        continue;
                bool seen = false;
                REQUIRE_INT(loop(use->run, NULL), 0); /* makes what is made once and kept */
                aeon_error_clear();
                long live = failing_live();
                run_out(loop, use, false, live, &seen);
                run_out(loop, use, true, live, &seen);
                if (!test_is_slow() && !CHECK(seen))
                        fprintf(stderr, "    %s: no text had \"%s\"\n", use->calls, use->words);
        }
}

/* ------------------------------------------------------------------ every call */

static bool is_listed(const char *name, const struct memory_use *uses)
{
        size_t length = strlen(name);
        for (const struct memory_use *use = uses; use->calls; use++)
                for (const char *at = use->calls; (at = strstr(at, name)); at += length)
                        if ((at == use->calls || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
                                return true;
        return false;
}

/* The name before the first parenthesis after @declaration. */
static void name_of(const char *declaration, char *ret_name, size_t size)
{
        const char *end = strchr(declaration, '('), *begin = end;
        while (begin > declaration && (isalnum((unsigned char)begin[-1]) || begin[-1] == '_'))
                begin--;
        snprintf(ret_name, size, "%.*s", (int)(end - begin), begin);
}

void memory_check_listed(const char *const *headers, const struct memory_use *uses)
{
        for (; *headers; headers++) {
                char path[512], name[128];
                snprintf(path, sizeof path, "%s/include/aeon/%s.h", test_source_folder(), *headers);
                char *text = test_read_file(path);
                REQUIRE(text != NULL);
                for (const char *at = text; (at = strstr(at, "AEON_API ")); at++) {
                        name_of(at, name, sizeof name);
                        if (!CHECK(is_listed(name, uses)))
                                fprintf(stderr, "    %s() of aeon/%s.h stands in no use of test_memory.c\n", name, *headers);
                }
                free(text);
        }
}
