/* The reader's state, and reading over what nobody wants. */
#include "record/read.h"

#include <string.h>

enum { GROWN_LIMIT = 256 * 1024 * 1024 };

void aeon__reader_start(struct reader *r, const char *text, size_t size, unsigned depth, struct problems *problems,
                        struct arena *arena)
{
        *r = (struct reader){ .problems = problems, .arena = arena };
        aeon__json_start(&r->json, text, size, depth);
}

void aeon__reader_done(struct reader *r)
{
        aeon__keys_done(&r->keys);
}

bool aeon__reader_stopped(struct reader *r, const struct place *place)
{
        if (!r->json.wrong)
                return false;
        struct where where = reader_where(r, place, r->json.p);
        if (!r->told_wrong)
                aeon__tell(&where, "%s", r->json.wrong);
        r->told_wrong = true;
        return true;
}

void *aeon__reader_alloc(struct reader *r, size_t size)
{
        if (size > GROWN_LIMIT - r->grown) {
                r->json.wrong = "its value takes more than 256 MiB";
                return NULL;
        }
        r->grown += size;
        void *memory = aeon__arena_alloc(r->arena, size);
        r->problems->no_memory |= !memory;
        return memory;
}

/* ------------------------------------------------------------------ keys */

const struct key *aeon__reader_push_key(struct reader *r, const struct token *key)
{
        const struct key *pushed = aeon__keys_push(&r->keys, key);
        r->problems->no_memory |= !pushed;
        return pushed;
}

void aeon__reader_pop_keys(struct reader *r, size_t first, const struct place *place)
{
        aeon__keys_sort(&r->keys, first);
        for (size_t i = first + 1; i < r->keys.count && !r->json.wrong; i++) {
                const struct key *key = &r->keys.items[i];
                if (!aeon__keys_same(key - 1, key))
                        continue;
                struct place at = { .above = place, .name = key->name, .length = key->length };
                struct where where = reader_where(r, &at, key->at);
                aeon__tell(&where, "its key comes twice");
        }
        r->keys.count = first;
}

/* ------------------------------------------------------------------ skipping */

static void skip_array(struct reader *r, const struct place *place)
{
        struct token token;
        struct place item = { .above = place };
        for (; aeon__json_item(&r->json, item.index == 0); item.index++)
                if (aeon__json_next(&r->json, &token))
                        aeon__reader_skip(r, &token, &item);
                else
                        break;
        aeon__reader_stopped(r, &item);
}

static void skip_object(struct reader *r, const struct place *place)
{
        struct token key, token;
        size_t keys = r->keys.count;
        bool first = true;
        for (; aeon__json_key(&r->json, first, &key) && aeon__reader_push_key(r, &key); first = false) {
                const struct key *last = &r->keys.items[r->keys.count - 1];
                struct place field = { .above = place, .name = last->name, .length = last->length };
                if (aeon__json_next(&r->json, &token))
                        aeon__reader_skip(r, &token, &field);
                if (aeon__reader_stopped(r, &field))
                        break;
        }
        aeon__reader_stopped(r, place);
        aeon__reader_pop_keys(r, keys, place);
}

void aeon__reader_skip(struct reader *r, const struct token *token, const struct place *place)
{
        if (token->type == TOKEN_ARRAY)
                skip_array(r, place);
        else if (token->type == TOKEN_OBJECT)
                skip_object(r, place);
}

void aeon__json_check(const char *text, size_t size, unsigned depth, const struct where *where)
{
        struct reader r;
        struct token token;
        aeon__reader_start(&r, text, size, depth, where->problems, NULL);
        if (aeon__json_next(&r.json, &token)) {
                aeon__reader_skip(&r, &token, where->place);
                aeon__json_end(&r.json);
        }
        aeon__reader_stopped(&r, where->place);
        aeon__reader_done(&r);
}
