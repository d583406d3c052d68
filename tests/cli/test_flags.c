#include "cli/flags.h"
#include "harness.h"

#include <aeon/time.h>
#include <stdlib.h>

struct opts {
        bool loud;
        const char *name;
        unsigned times;
        aeon_duration pause;
        int colour;
        struct flag_list header;
};

static const struct flag flags[] = {
        { "loud", FLAG_SWITCH(struct opts, loud), NULL, "", .letter = 'l' },
        { "name", FLAG_TEXT(struct opts, name), "NAME", "" },
        { "times", FLAG_COUNT(struct opts, times), "N", "" },
        { "pause", FLAG_DURATION(struct opts, pause), "TIME", "" },
        { "colour", FLAG_CHOICE(struct opts, colour), "red|green|blue", "" },
        { "header", FLAG_LIST(struct opts, header), "K=V", "" },
        { 0 },
};
static const struct command closed = {
        .program = "test", .arguments = "A B", .summary = "", .example = "", .flags = flags, .least = 1, .most = 2
};
static const struct command open_ended = {
        .program = "test", .arguments = "", .summary = "", .example = "", .flags = flags, .open = true
};

#define PARSE(command, o, ...) parse((command), (o), (char *[]){ (char *)"test", __VA_ARGS__, NULL })

static char *left[16];

static int parse(const struct command *c, struct opts *o, char **argv)
{
        int argc = 0;
        while (argv[argc])
                argc++;
        int n = aeon__flags_parse(c, o, argc, argv);
        for (int i = 0; i < n; i++)
                left[i] = argv[i];
        return n;
}

PLAIN_TEST(flags_are_taken_wherever_they_stand)
{
        struct opts o = { 0 };
        REQUIRE_INT(PARSE(&closed, &o, "--times", "3", "first", "-l", "--pause=1m30s", "second", "--colour", "blue", "--name", "x"),
                    2);
        CHECK_STR(left[0], "first");
        CHECK_STR(left[1], "second");
        CHECK_INT(o.times, 3);
        CHECK(o.loud);
        CHECK_INT(o.pause, AEON_SECONDS(90));
        CHECK_INT(o.colour, 2);
        CHECK_STR(o.name, "x");
}

PLAIN_TEST(flags_of_a_list_add_up)
{
        struct opts o = { 0 };
        REQUIRE_INT(PARSE(&closed, &o, "a", "--header", "k=v", "--header=l=w"), 1);
        REQUIRE_INT(o.header.count, 2);
        CHECK_STR(o.header.texts[0], "k=v");
        CHECK_STR(o.header.texts[1], "l=w");
        free(o.header.texts);
}

PLAIN_TEST(flags_end_at_two_dashes_and_spare_dashes_and_numbers)
{
        struct opts o = { 0 };
        REQUIRE_INT(PARSE(&closed, &o, "-", "-5"), 2);
        CHECK_STR(left[1], "-5");
        REQUIRE_INT(PARSE(&closed, &o, "a", "--", "--loud"), 2);
        CHECK_STR(left[1], "--loud");
        CHECK(!o.loud);
}

PLAIN_TEST(flags_that_are_wrong_are_refused)
{
        struct opts o = { 0 };
        CHECK_INT(PARSE(&closed, &o, "a", "--lout"), FLAGS_BAD);
        CHECK_INT(PARSE(&closed, &o, "a", "-x"), FLAGS_BAD);
        CHECK_INT(PARSE(&closed, &o, "a", "--name"), FLAGS_BAD);
        CHECK_INT(PARSE(&closed, &o, "a", "--name", "--loud"), FLAGS_BAD);
        CHECK_INT(PARSE(&closed, &o, "a", "--loud=yes"), FLAGS_BAD);
        CHECK_INT(PARSE(&closed, &o, "a", "--times", "0"), FLAGS_BAD);
        CHECK_INT(PARSE(&closed, &o, "a", "--times", "-1"), FLAGS_BAD);
        CHECK_INT(PARSE(&closed, &o, "a", "--times", "99999999999999999999"), FLAGS_BAD);
        CHECK_INT(PARSE(&closed, &o, "a", "--pause", "soon"), FLAGS_BAD);
        CHECK_INT(PARSE(&closed, &o, "a", "--pause", "-1s"), FLAGS_BAD);
        CHECK_INT(PARSE(&closed, &o, "a", "--colour", "gre"), FLAGS_BAD);
        CHECK_INT(PARSE(&closed, &o, "--loud"), FLAGS_BAD);
        CHECK_INT(PARSE(&closed, &o, "a", "b", "c"), FLAGS_BAD);
}

PLAIN_TEST(flags_of_the_app_are_left_in_their_order)
{
        struct opts o = { 0 };
        REQUIRE_INT(PARSE(&open_ended, &o, "--env", "x", "--loud", "--lout", "b", "--times", "2", "--", "--loud"), 5);
        static const char *const expected[] = { "--env", "x", "--lout", "b", "--loud" };
        for (int i = 0; i < 5; i++)
                CHECK_STR(left[i], expected[i]);
        CHECK(o.loud);
        CHECK_INT(o.times, 2);
}

PLAIN_TEST(flags_first_argument_stands_behind_flags_and_values)
{
        char *argv[] = { (char *)"test", (char *)"--times", (char *)"3", (char *)"-l", (char *)"serve", (char *)"--x", NULL };
        CHECK_INT(aeon__flags_first(&open_ended, 6, argv), 4);
        char *bad[] = { (char *)"test", (char *)"--env", (char *)"3", NULL };
        CHECK_INT(aeon__flags_first(&open_ended, 3, bad), FLAGS_BAD);
        CHECK_INT(aeon__flags_first(&open_ended, 1, argv), 1);
}
