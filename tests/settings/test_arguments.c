/* The grammar of app arguments, as a table: words in, (name=value) out; positional words have no name. */
#include "harness.h"

#include "settings/arguments.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WORDS(...)                \
        {                         \
                __VA_ARGS__, NULL \
        }

static const struct {
        const char *words[8];
        const char *list; /* NULL: refused */
} table[] = {
        { { NULL }, "" },
        { WORDS("--env", ".env.test"), "env=.env.test" },
        { WORDS("--env=.env.test"), "env=.env.test" },
        { WORDS("--flag"), "flag=true" },
        { WORDS("--no-flag"), "flag=false" },
        { WORDS("--flag", "--other"), "flag=true other=true" },
        { WORDS("--flag", "--no-flag"), "flag=true flag=false" },
        { WORDS("--key", "1", "2"), "key=1 key=2" },
        { WORDS("--key", "1", "--key", "2"), "key=1 key=2" },
        { WORDS("--key", "1", "2", "--flag"), "key=1 key=2 flag=true" },
        { WORDS("--key=1", "--key=2"), "key=1 key=2" },
        { WORDS("--key=1", "2"), "key=1 =2" },
        { WORDS("--n", "-5"), "n=-5" },
        { WORDS("--n=-5"), "n=-5" },
        { WORDS("--n", "-5", "-6.5e3"), "n=-5 n=-6.5e3" },
        { WORDS("--n", "-"), "n=-" },
        { WORDS("--n", "-v"), "n=-v" },
        { WORDS("--q", "a=b"), "q=a=b" },
        { WORDS("--q=a=b"), "q=a=b" },
        { WORDS("--q=a=b=c=="), "q=a=b=c==" },
        { WORDS("--time", "10:00"), "time=10:00" },
        { WORDS("--time=10:00"), "time=10:00" },
        { WORDS("--url", "redis://h:6379"), "url=redis://h:6379" },
        { WORDS("--url=http://h/?a=b&c=--d"), "url=http://h/?a=b&c=--d" },
        { WORDS("--json", "{\"a\": 1}"), "json={\"a\": 1}" },
        { WORDS("--empty", ""), "empty=" },
        { WORDS("--empty="), "empty=" },
        { WORDS("--text", "two words"), "text=two words" },
        { WORDS("word"), "=word" },
        { WORDS("a", "b", "--key", "c"), "=a =b key=c" },
        { WORDS("-x"), "=-x" },
        { WORDS("a=b"), "=a=b" },
        { WORDS("--"), "" },
        { WORDS("--", "--key", "1"), "=--key =1" },
        { WORDS("--key", "--", "1"), "key=true =1" },
        { WORDS("--key", "1", "--", "2"), "key=1 =2" },
        { WORDS("--", "a", "--"), "=a =--" },
        { WORDS("--no-flag", "word"), "flag=false =word" },
        { WORDS("--no-flag=1"), "no-flag=1" },
        { WORDS("--no-"), "no-=true" },
        { WORDS("--no"), "no=true" },
        { WORDS("--no", "1"), "no=1" },
        { WORDS("--nothing"), "nothing=true" },
        { WORDS("--max-size", "1"), "max-size=1" },
        { WORDS("--max_size", "1"), "max_size=1" },
        { WORDS("--\u00fc", "1"), "\u00fc=1" },
        { WORDS("--a", "1", "--b", "--no-c", "--d=2"), "a=1 b=true c=false d=2" },
        { WORDS("--=x"), NULL },
        { WORDS("---"), NULL },
        { WORDS("---key", "1"), NULL },
        { WORDS("ok", "--="), NULL },
        { WORDS("----"), NULL },
        { WORDS("--no--key"), NULL },
        { WORDS("--no--key=1"), "no--key=1" },
        { WORDS("--", "---key"), "=---key" },
        { WORDS("--key=--"), "key=--" },
        { WORDS("--key", "=1"), "key==1" },
        { WORDS("--n", "-5", "--m", "-0x1f"), "n=-5 m=-0x1f" },
        { WORDS("--db.host", "h"), "db.host=h" },
        { WORDS("--no-db.tls"), "db.tls=false" },
        { WORDS("--time", "10:00", "--", "--time"), "time=10:00 =--time" },
};

static int parse(const char *const *words, struct arguments *ret_arguments)
{
        int count = 0;
        while (words[count])
                count++;
        return aeon__arguments_parse(count, (char *const *)words, ret_arguments);
}

static const char *print(const struct arguments *a, char *out, size_t size)
{
        size_t used = 0;
        out[0] = '\0';
        for (size_t i = 0; i < a->count; i++)
                used += (size_t)snprintf(out + used, size - used, "%s%.*s=%s", i ? " " : "", (int)a->items[i].name_length,
                                         a->items[i].name ? a->items[i].name : "", a->items[i].value);
        return out;
}

PLAIN_TEST(words_become_names_and_values)
{
        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
                struct arguments a = { 0 };
                char out[256];
                int r = parse(table[i].words, &a);
                CHECK_INT(r, table[i].list ? 0 : -EINVAL);
                if (r == 0 && table[i].list)
                        CHECK_STR(print(&a, out, sizeof out), table[i].list);
                aeon__arguments_free(&a);
        }
}

PLAIN_TEST(the_last_value_is_got_and_all_can_be_walked)
{
        struct arguments a;
        size_t cursor = 0;
        REQUIRE_INT(parse((const char *const[])WORDS("a", "--max-size", "1", "2", "--max_size=3", "b"), &a), 0);
        CHECK_STR(aeon__arguments_get(&a, "max_size"), "3");
        CHECK_STR(aeon__arguments_get(&a, "max-size"), "3");
        CHECK_STR(aeon__arguments_get(&a, "max"), NULL);
        CHECK_STR(aeon__arguments_get(&a, "max_sizes"), NULL);
        CHECK_STR(aeon__arguments_next(&a, "max-size", &cursor), "1");
        CHECK_STR(aeon__arguments_next(&a, "max-size", &cursor), "2");
        CHECK_STR(aeon__arguments_next(&a, "max-size", &cursor), "3");
        CHECK_STR(aeon__arguments_next(&a, "max-size", &cursor), NULL);
        cursor = 0;
        CHECK_STR(aeon__arguments_next(&a, NULL, &cursor), "a");
        CHECK_STR(aeon__arguments_next(&a, NULL, &cursor), "b");
        CHECK_STR(aeon__arguments_next(&a, NULL, &cursor), NULL);
        aeon__arguments_free(&a);
        aeon__arguments_free(&a);
}
