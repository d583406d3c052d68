/* A .env file to its entries: written again, each between quotes, they must read the same. */
#include "must.h"

#include "base/text.h"
#include "settings/dotenv.h"

static void add(struct text *to, const char *text)
{
        aeon__text_add(to, text, strlen(text));
}

/* Between double quotes; a line end CR must not become LF. */
static void add_quoted(struct text *to, const char *value)
{
        add(to, "\"");
        for (; *value; value++)
                if (*value == '\r')
                        add(to, "\\r");
                else
                        aeon__text_print(to, "%s%c", strchr("\\\"", *value) ? "\\" : "", *value);
        add(to, "\"");
}

static void add_entry(struct text *to, const struct dotenv_entry *entry)
{
        const char *quote = strchr(entry->key, '\'') ? "" : "'"; /* a quote cannot be quoted, but may stand inside of a plain key */
        aeon__text_print(to, "\n%s%s%s", quote, entry->key, quote);
        if (entry->value) {
                add(to, "=");
                add_quoted(to, entry->value);
        }
}

static void check_entries(const struct dotenv *first, unsigned lines)
{
        unsigned line = 1;
        for (size_t i = 0; i < first->count; i++) {
                const struct dotenv_entry *entry = &first->entries[i];
                must(*entry->key != '\0', "a key without a name", NULL);
                must(entry->line >= line && entry->line <= lines, "a wrong line", entry->key);
                must(strcmp(aeon__dotenv_find(first, entry->key)->key, entry->key) == 0, "not found", entry->key);
                line = entry->line;
        }
}

static void check_same(const struct dotenv *first, const struct dotenv *second, const char *text)
{
        must(first->count == second->count, "not as many entries", text);
        for (size_t i = 0; i < first->count; i++) {
                const char *a = first->entries[i].value, *b = second->entries[i].value;
                must(strcmp(first->entries[i].key, second->entries[i].key) == 0, "another key", text);
                must(a && b ? !strcmp(a, b) : a == b, "another value", text);
        }
}

/* True when @dotenv can be written: nothing in it would be replaced once more. */
static bool is_settled(const struct dotenv *dotenv)
{
        for (size_t i = 0; i < dotenv->count; i++)
                if (dotenv->entries[i].value && strstr(dotenv->entries[i].value, "${"))
                        return false;
        return true;
}

static void check_round_trip(const struct dotenv *first)
{
        struct dotenv second = { 0 };
        struct problems problems = { 0 };
        struct text text = { 0 };
        for (size_t i = 0; i < first->count; i++)
                add_entry(&text, &first->entries[i]);
        aeon__dotenv_parse(&second, text.data ? text.data : "", text.length, "again", &problems);
        must(problems.count == 0, "written, but not read", text.data);
        check_same(first, &second, text.data);
        aeon__dotenv_done(&second);
        aeon__text_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct dotenv dotenv = { 0 };
        struct problems problems = { 0 };
        unsigned lines = 1;
        for (size_t i = 0; i < size; i++)
                lines += data[i] == '\n' || data[i] == '\r';
        setenv("SET", "from the process", 1);
        aeon__dotenv_parse(&dotenv, (const char *)data, size, "x.env", &problems);
        must(!problems.no_memory, "no memory", NULL);
        check_entries(&dotenv, lines);
        if (is_settled(&dotenv))
                check_round_trip(&dotenv);
        aeon__dotenv_done(&dotenv);
        aeon__text_done(&problems.text);
        return 0;
}
