/* A record's value as a whole: made, decoded, encoded, freed. See record/value.h for how it lies in memory. */
#include "record/value.h"

#include <aeon/error.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 500 }; /* bytes of JSON that need no growing */

struct value {
        struct arena arena;
        max_align_t body[]; /* the user's struct */
};

/* ------------------------------------------------------------------ memory */

void *aeon__records_new(const aeon_record *record, size_t count, struct arena **ret_arena)
{
        struct arena arena = { 0 };
        struct value *value = NULL;
        if (count <= (SIZE_MAX / 2 - sizeof *value) / (record->size ? record->size : 1))
                value = aeon__arena_alloc(&arena, sizeof *value + count * record->size);
        if (!value)
                return NULL;
        value->arena = arena;
        *ret_arena = &value->arena;
        return value->body;
}

void *aeon__record_new(const aeon_record *record, struct arena **ret_arena)
{
        return aeon__records_new(record, 1, ret_arena);
}

void aeon_record_free(void *body)
{
        if (!body)
                return;
        struct value *value = (struct value *)(void *)((char *)body - offsetof(struct value, body));
        struct arena arena = value->arena; /* it frees the memory that it lies in */
        aeon__arena_done(&arena);
}

/* ------------------------------------------------------------------ both ways */

int aeon__record_decode(const aeon_record *record, const char *json, size_t size, struct problems *problems, void **ret_value)
{
        struct arena *arena;
        void *body = NULL;
        if (size > JSON_SIZE_LIMIT)
                aeon__problem(problems, "", "%zu bytes, more than the limit of 16 MiB", size);
        else if (!size) /* @json may be NULL: a message without a body */
                aeon__problem(problems, "", "empty");
        else if ((body = aeon__record_new(record, &arena)))
                aeon__fields_read(record, json, size, body, arena, problems);
        else
                problems->no_memory = true;
        return aeon__record_conclude(record, body, problems, ret_value);
}

int aeon__record_conclude(const aeon_record *record, void *body, struct problems *problems, void **ret_value)
{
        int r = aeon__problems_close(problems, -EBADMSG, record->name);
        if (r < 0)
                aeon_record_free(body);
        else
                *ret_value = body;
        return r;
}

int aeon_record_decode(const aeon_record *record, const char *json, size_t size, void **ret_value)
{
        struct problems problems = { 0 };
        return aeon__record_decode(record, json, size, &problems, ret_value);
}

int aeon_record_encode(const aeon_record *record, const void *value, char **ret_text)
{
        struct problems problems = { 0 };
        struct text json = { 0 };
        aeon__text_reserve(&json, FIRST_ROOM);
        aeon__fields_write(record, value, &json, &problems);
        problems.no_memory |= json.failed;

        int r = aeon__problems_close(&problems, -EINVAL, record->name);
        if (r == 0 && json.length > JSON_SIZE_LIMIT)
                r = aeon_fail(-EFBIG, "%s: more than 16 MiB of JSON", record->name);
        if (r < 0) {
                aeon__text_done(&json);
                return r;
        }
        *ret_text = json.data;
        return (int)json.length;
}
