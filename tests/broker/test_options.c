/* Options in text and broker URLs: what is read, what is refused, and in which words. */
#include "broker/core.h"
#include "broker/options.h"
#include "harness.h"

#include <aeon/error.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct options *read_options(const char *query)
{
        struct options *o = NULL;
        REQUIRE_INT(aeon__options_read(query, &o), 0);
        return o;
}

/* ------------------------------------------------------------------ questions */

PLAIN_TEST(options_of_each_kind_are_read)
{
        static const char *const kinds[] = { "stream", "list", "channel", NULL };
        struct options *o = read_options("name=bob&count=7&least=-3&block=1m30s&exact=yes&lazy=off&kind=list");
        CHECK_STR(aeon__option_text(o, "name", "x"), "bob");
        CHECK_INT(aeon__option_number(o, "count", 1, 10, 5), 7);
        CHECK_INT(aeon__option_number(o, "least", -3, 10, 5), -3);
        CHECK_INT(aeon__option_duration(o, "block", 0), AEON_SECONDS(90));
        CHECK(aeon__option_flag(o, "exact", false));
        CHECK(!aeon__option_flag(o, "lazy", true));
        CHECK_INT(aeon__option_choice(o, "kind", kinds, 0), 1);
        CHECK_INT(aeon__options_end(o, "test"), 0);
        aeon__options_free(o);
}

PLAIN_TEST(options_that_are_absent_have_their_defaults)
{
        static const char *const kinds[] = { "stream", "list", NULL };
        const char *const nothing[] = { NULL, "" };
        for (int i = 0; i < 2; i++) {
                struct options *o = read_options(nothing[i]);
                CHECK_STR(aeon__option_text(o, "name", "x"), "x");
                CHECK(aeon__option_text(o, "other", NULL) == NULL);
                CHECK_INT(aeon__option_number(o, "count", 1, 10, 500), 500);
                CHECK_INT(aeon__option_duration(o, "block", AEON_SECONDS(2)), AEON_SECONDS(2));
                CHECK(aeon__option_flag(o, "exact", true));
                CHECK_INT(aeon__option_choice(o, "kind", kinds, 1), 1);
                CHECK_INT(aeon__options_end(o, "test"), 0);
                aeon__options_free(o);
        }
        aeon__options_free(NULL);
}

PLAIN_TEST(flags_know_eight_words)
{
        struct options *o = read_options("a=yes&b=true&c=1&d=on&e=no&f=false&g=0&h=off");
        for (char name[] = "a"; *name <= 'd'; ++*name)
                CHECK(aeon__option_flag(o, name, false));
        for (char name[] = "e"; *name <= 'h'; ++*name)
                CHECK(!aeon__option_flag(o, name, true));
        CHECK_INT(aeon__options_end(o, "test"), 0);
        aeon__options_free(o);
}

/* The refusal of @query, whose option "x" is asked for in each kind by its letter. */
static void check_refusal(const char *query, char kind, const char *words)
{
        static const char *const kinds[] = { "stream", "list", NULL };
        struct options *o = read_options(query);
        aeon_fail(-EINVAL, "something earlier");
        if (kind == 'n')
                CHECK_INT(aeon__option_number(o, "x", 1, 10, 5), 5);
        else if (kind == 'd')
                CHECK_INT(aeon__option_duration(o, "x", 5), 5);
        else if (kind == 'f')
                CHECK(aeon__option_flag(o, "x", true));
        else
                CHECK_INT(aeon__option_choice(o, "x", kinds, 1), 1);
        CHECK_INT(aeon__options_end(o, "subscription \"q\""), -EINVAL);
        CHECK_STR(aeon_error_text(), words);
        aeon__options_free(o);
}

PLAIN_TEST(a_wrong_value_is_named_with_what_would_be_right)
{
        const char *number = "subscription \"q\": option x: \"%s\" is not a number from 1 to 10";
        const char *const wrong[] = { "0", "11", "", "seven", "7x", "9999999999999999999999", "-7" };
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
                char query[64], words[160];
                snprintf(query, sizeof query, "x=%s", wrong[i]);
                snprintf(words, sizeof words, number, wrong[i]);
                check_refusal(query, 'n', words);
        }
        check_refusal("x=soon", 'd', "subscription \"q\": option x: \"soon\" is not a duration (like 30s, 500ms, 1m30s)");
        check_refusal("x=-1s", 'd', "subscription \"q\": option x: \"-1s\" is not a duration (like 30s, 500ms, 1m30s)");
        check_refusal("x=perhaps", 'f', "subscription \"q\": option x: \"perhaps\" is not yes or no");
        check_refusal("x=heap", 'c', "subscription \"q\": option x: \"heap\" is not one of stream, list");
}

PLAIN_TEST(the_first_wrong_value_is_the_one_that_is_told)
{
        struct options *o = read_options("a=x&b=y");
        aeon__option_number(o, "a", 1, 10, 5);
        aeon__option_number(o, "b", 1, 10, 5);
        CHECK_INT(aeon__options_end(o, "test"), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "option a: \"x\"");
        aeon__options_free(o);
}

PLAIN_TEST(an_option_that_nobody_knows_is_refused_with_the_nearest_one)
{
        struct options *o = read_options("windwo=3");
        aeon__option_number(o, "window", 1, 10, 5);
        aeon__option_text(o, "group", "");
        CHECK_INT(aeon__options_end(o, "subscription \"q\""), -EINVAL);
        CHECK_STR(aeon_error_text(), "subscription \"q\": nobody knows the option \"windwo\"; did you mean \"window\"?");
        aeon__options_free(o);

        o = read_options("zebra=3");
        aeon__option_number(o, "window", 1, 10, 5);
        CHECK_INT(aeon__options_end(o, "url"), -EINVAL);
        CHECK_STR(aeon_error_text(), "url: nobody knows the option \"zebra\"");
        aeon__options_free(o);
}

PLAIN_TEST(of_an_option_that_is_there_twice_the_last_counts)
{
        struct options *o = read_options("a=1&a=2");
        CHECK_STR(aeon__option_text(o, "a", ""), "2");
        CHECK_INT(aeon__options_end(o, "test"), 0);
        aeon__options_free(o);
}

PLAIN_TEST(options_with_a_prefix_are_passed_through_in_order)
{
        struct options *o = read_options("rdkafka.linger.ms=5&group=g&rdkafka.acks=all");
        const char *name;
        size_t at = 0;
        CHECK_STR(aeon__option_prefixed(o, "rdkafka.", &at, &name), "5");
        CHECK_STR(name, "linger.ms");
        CHECK_STR(aeon__option_prefixed(o, "rdkafka.", &at, &name), "all");
        CHECK_STR(name, "acks");
        CHECK(aeon__option_prefixed(o, "rdkafka.", &at, &name) == NULL);
        CHECK_INT(aeon__options_end(o, "test"), -EINVAL); /* the group: nobody has asked for it */
        CHECK_CONTAINS(aeon_error_text(), "\"group\"");
        aeon__options_free(o);
}

PLAIN_TEST(names_and_values_are_percent_decoded)
{
        struct options *o = read_options("a%3Db=x%26y%20z&plus=a+b&equals=a=b&empty=&tail=%c3%A4&");
        CHECK_STR(aeon__option_text(o, "a=b", ""), "x&y z");
        CHECK_STR(aeon__option_text(o, "plus", ""), "a+b");
        CHECK_STR(aeon__option_text(o, "equals", ""), "a=b");
        CHECK_STR(aeon__option_text(o, "empty", "standard"), "");
        CHECK_STR(aeon__option_text(o, "tail", ""), "\xc3\xa4");
        CHECK_INT(aeon__options_end(o, "test"), 0);
        aeon__options_free(o);
}

PLAIN_TEST(what_is_no_list_of_options_is_refused)
{
        const char *const wrong[] = { "a", "a=1&b", "=1", "&a=1", "a=1&&b=2", "a=%", "a=%4", "a=%zz", "%=1", "a=%00" };
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
                struct options *o = NULL;
                if (!CHECK_INT(aeon__options_read(wrong[i], &o), -EINVAL))
                        fprintf(stderr, "    it was \"%s\"\n", wrong[i]);
                CHECK(o == NULL);
        }
        struct options *o;
        CHECK_INT(aeon__options_read("a=1&loud", &o), -EINVAL);
        CHECK_STR(aeon_error_text(), "\"loud\" is not of the form option=value");
}

/* ------------------------------------------------------------------ URLs */

static struct broker_url *read_url(const char *url)
{
        struct broker_url *u = NULL;
        REQUIRE_INT(aeon__broker_url_read(url, 6379, &u), 0);
        return u;
}

static void check_host(const struct broker_url *u, size_t n, const char *name, int port)
{
        REQUIRE(n < u->hosts_count);
        CHECK_STR(u->hosts[n].name, name);
        CHECK_INT(u->hosts[n].port, port);
}

PLAIN_TEST(a_url_with_everything_is_read)
{
        struct broker_url *u = read_url("rediss://al%40ice:p%3Aa%2Fss@one:1234,two,[::1]:99/4%2f2?name=bob&x=1");
        CHECK_STR(u->scheme, "rediss");
        CHECK_STR(u->user, "al@ice");
        CHECK_STR(u->password, "p:a/ss");
        CHECK(u->has_password);
        CHECK_INT(u->hosts_count, 3);
        check_host(u, 0, "one", 1234);
        check_host(u, 1, "two", 6379);
        check_host(u, 2, "::1", 99);
        CHECK_STR(u->path, "4/2");
        CHECK_STR(aeon__option_text(u->options, "name", ""), "bob");
        CHECK_STR(aeon__option_text(u->options, "x", ""), "1");
        aeon__broker_url_free(u);
}

PLAIN_TEST(a_url_with_little_has_defaults)
{
        const char *const short_ones[] = { "redis://", "redis://localhost", "redis:///", "redis://:6379", "redis://?" };
        for (size_t i = 0; i < sizeof short_ones / sizeof *short_ones; i++) {
                struct broker_url *u = read_url(short_ones[i]);
                CHECK_INT(u->hosts_count, 1);
                check_host(u, 0, "localhost", 6379);
                CHECK_STR(u->user, "");
                CHECK_STR(u->password, "");
                CHECK_STR(u->path, "");
                CHECK(!u->has_password);
                CHECK_INT(aeon__options_end(u->options, "url"), 0);
                aeon__broker_url_free(u);
        }
        aeon__broker_url_free(NULL);
}

PLAIN_TEST(a_user_may_come_without_a_password_and_the_other_way_round)
{
        struct broker_url *u = read_url("nats://token@h");
        CHECK_STR(u->user, "token");
        CHECK(!u->has_password);
        aeon__broker_url_free(u);

        u = read_url("redis://:secret@h");
        CHECK_STR(u->user, "");
        CHECK_STR(u->password, "secret");
        CHECK(u->has_password);
        aeon__broker_url_free(u);

        u = read_url("redis://u:@h"); /* an empty one is one */
        CHECK(u->has_password);
        CHECK_STR(u->password, "");
        aeon__broker_url_free(u);

        u = read_url("redis://u:a@b:c@h:1"); /* the last "@" is the one that counts */
        CHECK_STR(u->password, "a@b:c");
        check_host(u, 0, "h", 1);
        aeon__broker_url_free(u);
}

PLAIN_TEST(addresses_of_ipv6_stand_in_brackets)
{
        struct broker_url *u = read_url("redis://[fe80::1],[::1]:1/2");
        CHECK_INT(u->hosts_count, 2);
        check_host(u, 0, "fe80::1", 6379);
        check_host(u, 1, "::1", 1);
        CHECK_STR(u->path, "2");
        aeon__broker_url_free(u);
}

PLAIN_TEST(a_url_that_cannot_be_is_refused)
{
        const char *const wrong[] = { "redis",        "redis:/h",       "redis://h:0",  "redis://h:65536",
                                      "redis://h:x",  "redis://h:",     "redis://h:+1", "redis://h: 1",
                                      "redis://[::1", "redis://[::1]x", "redis://::1",  "redis://h%zz",
                                      "redis://u%@h", "redis://h/%1",   "redis://h?a",  "redis://h:99999999999999999999" };
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
                struct broker_url *u = NULL;
                if (!CHECK_INT(aeon__broker_url_read(wrong[i], 6379, &u), -EINVAL))
                        fprintf(stderr, "    it was \"%s\"\n", wrong[i]);
                CHECK(u == NULL);
                CHECK(*aeon_error_text());
        }
}

/* Whatever is wrong with a URL, its password is in no words about it, nor in what is shown of it. */
PLAIN_TEST(a_password_is_never_shown)
{
        const char *const careless[] = { "redis://u:hunter@h:port",   "redis://u:hunter@h/%",      "redis://u:hunter%@h",
                                         "redis://u:hunter@[::1",     "redis://u:x/hunter@h",      "redis://u:hunter/x@h",
                                         "redis://u:hunter?x@h",      "redis://u:x?hunter@h",      "redis://u:12/hunter@h",
                                         "redis://u:hunter#x@h:port", "redis://u:x@hunter@h:port", "redis://u:x,hunter@h:port" };
        for (size_t i = 0; i < sizeof careless / sizeof *careless; i++) {
                struct broker_url *u;
                char shown[256];
                if (!CHECK_INT(aeon__broker_url_read(careless[i], 6379, &u), -EINVAL))
                        fprintf(stderr, "    it was \"%s\"\n", careless[i]);
                if (!CHECK(!strstr(aeon_error_text(), "hunter")))
                        fprintf(stderr, "    it says \"%s\"\n", aeon_error_text());
                if (!CHECK(!strstr(aeon__url_shown(careless[i], shown, sizeof shown), "hunter")))
                        fprintf(stderr, "    \"%s\" is shown as \"%s\"\n", careless[i], shown);
        }
        char shown[256];
        CHECK_STR(aeon__url_shown("redis://u:hunter@h:1/2?x=y", shown, sizeof shown), "redis://u:***@h:1/2?x=y");
        CHECK_STR(aeon__url_shown("redis://h:1/2?x=y", shown, sizeof shown), "redis://h:1/2?x=y");
        CHECK_STR(aeon__url_shown("sqlite:./q@1.db", shown, sizeof shown), "sqlite:./q@1.db");
}
