/* Arena, growing text, UTF-8. */
#include "harness.h"

#include "base/arena.h"
#include "base/text.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

PLAIN_TEST(an_arena_gives_zeroed_aligned_memory_of_any_size)
{
        struct arena a = { 0 };
        for (size_t size = 1; size < 100000; size = size * 3 + 1) {
                unsigned char *memory = aeon__arena_alloc(&a, size);
                REQUIRE(memory != NULL);
                CHECK_INT((uintptr_t)memory % _Alignof(max_align_t), 0);
                bool zero = true;
                for (size_t i = 0; i < size; i++)
                        zero &= memory[i] == 0;
                CHECK(zero);
                memset(memory, 0xff, size);
        }
        CHECK_STR(aeon__arena_copy(&a, "hello world", 5), "hello");
        CHECK(aeon__arena_alloc(&a, SIZE_MAX) == NULL);
        aeon__arena_done(&a);
        aeon__arena_done(&a);
        CHECK(a.newest == NULL);
}

PLAIN_TEST(text_grows)
{
        struct text t = { 0 };
        aeon__text_add(&t, "", 0);
        CHECK_STR(t.data, "");
        for (int i = 0; i < 1000; i++)
                aeon__text_print(&t, "%d,", i);
        aeon__text_add(&t, "a\0b", 3);
        CHECK_INT(t.length, 10 * 2 + 90 * 3 + 900 * 4 + 3);
        CHECK(!strncmp(t.data, "0,1,2,", 6) && !t.data[t.length] && t.data[t.length - 1] == 'b');
        volatile size_t too_many = SIZE_MAX / 2; /* so that the compiler does not see what is wrong */
        aeon__text_add(&t, "x", too_many);
        CHECK(t.failed);
        aeon__text_done(&t);
        aeon__text_done(&t);
}

PLAIN_TEST(text_takes_files)
{
        struct text t = { 0 };
        test_write_file(test_path("a"), "one\ntwo");
        CHECK_INT(aeon__text_add_file(&t, test_path("a")), 0);
        CHECK_STR(t.data, "one\ntwo");
        CHECK_INT(aeon__text_add_file(&t, test_path("b")), -ENOENT);
        CHECK_INT(aeon__text_add_file(&t, test_folder()), -EISDIR);
        CHECK_STR(t.data, "one\ntwo");
        aeon__text_done(&t);
}

PLAIN_TEST(utf8_is_counted_strictly)
{
        static const struct {
                const char *text;
                int count;
        } table[] = {
                { "", 0 },
                { "abc", 3 },
                { "\u00e9\u4f60\U0001f600", 3 },
                { "\x80", -1 },
                { "\xc3", -1 },
                { "\xc0\x80", -1 },
                { "\xe0\x80\x80", -1 },
                { "\xed\xa0\x80", -1 },
                { "\xf4\x90\x80\x80", -1 },
                { "\xf8\x88\x80\x80\x80", -1 },
                { "a\xff", -1 },
                { "\xf4\x8f\xbf\xbf", 1 },
                { "\xe4\xbd", -1 },
        };
        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
                CHECK_INT(aeon__utf8_count(table[i].text, strlen(table[i].text)), table[i].count);
}

PLAIN_TEST(durations_for_people)
{
        static const struct {
                int64_t ns;
                const char *words;
        } cases[] = {
                { 0, "0 ms" },
                { 999999, "0 ms" },
                { 999999999, "999 ms" },
                { 1000000000, "1.0 s" },
                { 59999999999, "59.9 s" },
                { 312000000000, "5 min 12 s" },
                { 11400000000000, "3 h 10 min" },
                { -1500000000, "-1.5 s" },
                { INT64_MAX, "2562047 h 47 min" },
                { INT64_MIN, "-2562047 h 47 min" },
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                char words[DURATION_WORDS];
                CHECK_STR(aeon__duration_words(cases[i].ns, words), cases[i].words);
        }
}
