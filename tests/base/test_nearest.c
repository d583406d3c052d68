/* "Did you mean": what counts as a slip of the pen. */
#include "harness.h"

#include "base/nearest.h"

PLAIN_TEST(the_nearest_name_is_a_slip_of_the_pen_away)
{
        static const char *const known[] = { "publish", "consume", "run", "probe", "health", "HOST" };
        static const struct {
                const char *word, *meant;
        } table[] = {
                { "publish", "publish" },
                { "publsih", "publish" }, /* swapped */
                { "pubish", "publish" },
                { "publishh", "publish" },
                { "pablish", "publish" },
                { "PUBLIHS", "publish" },
                { "host", "HOST" },
                { "hsot", "HOST" },
                { "hoost", "HOST" },
                { "hots", "HOST" },
                { "rnu", "run" },
                { "ruun", "run" },
                { "ran", "run" },
                { "rot", NULL },
                { "ru", NULL },
                { "r", NULL },
                { "", NULL },
                { "most-unlike", NULL },
                { "hast-", NULL },
                { "consumption", NULL },
                { "conssumme", "consume" },
        };
        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
                CHECK_STR(aeon__nearest(table[i].word, known, sizeof known / sizeof known[0]), table[i].meant);
        CHECK(aeon__nearest("run", NULL, 0) == NULL);
}

PLAIN_TEST(the_nearer_of_two_wins_and_the_first_of_equals)
{
        static const char *const known[] = { "workers", "worker", "walker" };
        CHECK_STR(aeon__nearest("workerr", known, 3), "workers");
        CHECK_STR(aeon__nearest("worke", known, 3), "worker");
        CHECK_STR(aeon__nearest("wolker", known, 3), "worker");
}

PLAIN_TEST(a_word_without_end_is_near_to_nothing)
{
        char word[5000];
        for (size_t i = 0; i < sizeof word; i++)
                word[i] = 'x';
        word[sizeof word - 1] = '\0';
        const char *const known[] = { word };
        CHECK(aeon__nearest(word, known, 1) == NULL);
}
