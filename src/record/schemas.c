/* The records of one document, and the document that is one record's schema; see schema.h. */
#include "record/schema.h"

#include "record/object.h"
#include "record/value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ which records are one */

enum { ALIKE_DEPTH = 4 };

static bool same_text(const char *a, const char *b)
{
        return a == b || (a && b && !strcmp(a, b));
}

static bool same_names(const aeon_enumeration *a, const aeon_enumeration *b)
{
        bool same = a->count == b->count;
        for (size_t i = 0; same && i < a->count; i++)
                same = a->values[i].value == b->values[i].value && !strcmp(a->values[i].name, b->values[i].name);
        return same;
}

static bool are_alike(const aeon_record *a, const aeon_record *b, unsigned depth);

static bool same_field(const aeon_field *a, const aeon_field *b, unsigned depth)
{
        bool same = a->kind == b->kind && !memcmp(a->of, b->of, sizeof a->of) && a->offset == b->offset && a->min == b->min &&
                    a->max == b->max && a->min_len == b->min_len && a->max_len == b->max_len && a->required == b->required &&
                    a->unknown == b->unknown && !strcmp(aeon__field_name(a), aeon__field_name(b)) && same_text(a->def, b->def) &&
                    same_text(a->doc, b->doc) && same_text(a->pattern, b->pattern) && !a->record == !b->record &&
                    !a->enumeration == !b->enumeration;
        if (same && a->enumeration)
                same = same_names(a->enumeration(), b->enumeration());
        return same && (!a->record || are_alike(a->record(), b->record(), depth + 1));
}

bool aeon__records_are_alike(const aeon_record *a, const aeon_record *b)
{
        return are_alike(a, b, 0);
}

/* Down to a depth at which those of one name are taken for one: a record may hold itself. */
static bool are_alike(const aeon_record *a, const aeon_record *b, unsigned depth)
{
        if (a == b)
                return true;
        bool same = !strcmp(a->name, b->name) && a->size == b->size && a->field_count == b->field_count &&
                    a->unknown == b->unknown && same_text(a->doc, b->doc);
        for (size_t i = 0; same && depth < ALIKE_DEPTH && i < a->field_count; i++)
                same = same_field(&a->fields[i], &b->fields[i], depth);
        return same;
}

/* ------------------------------------------------------------------ records and where they stand */

static void note(struct schemas *s, const aeon_record *record)
{
        if (s->count == s->capacity) {
                size_t capacity = s->capacity ? s->capacity * 2 : 8;
                const aeon_record **records = realloc(s->records, capacity * sizeof *records);
                if (!records) {
                        s->problems.no_memory = true;
                        return;
                }
                s->records = records;
                s->capacity = capacity;
        }
        s->records[s->count++] = record;
}

/* Not to be used without memory. */
static size_t index_of(struct schemas *s, const aeon_record *record)
{
        for (size_t i = 0; i < s->count; i++)
                if (aeon__records_are_alike(s->records[i], record))
                        return i;
        note(s, record);
        return s->count - 1;
}

static void print_name(const struct schemas *s, size_t index, struct text *name)
{
        unsigned number = 1;
        for (size_t i = s->is_document; i < index; i++)
                number += !strcmp(s->records[i]->name, s->records[index]->name);
        aeon__text_print(name, number > 1 ? "%s-%u" : "%s", s->records[index]->name, number);
}

void aeon__schema_name(struct schemas *s, const aeon_record *record, struct text *name)
{
        size_t index = index_of(s, record);
        if (!s->problems.no_memory)
                print_name(s, index, name);
}

void aeon__schema_reference(struct schemas *s, const aeon_record *record)
{
        struct text reference = { 0 };
        size_t index = index_of(s, record);
        if (s->problems.no_memory)
                return;
        bool is_whole = s->is_document && index == 0;
        aeon__text_print(&reference, is_whole ? "#" : s->is_document ? "#/$defs/" : "#/components/schemas/");
        if (!is_whole)
                print_name(s, index, &reference);
        if (reference.failed)
                s->problems.no_memory = true;
        else
                aeon__object_string(s->json, "$ref", reference.data);
        aeon__text_done(&reference);
}

void aeon__schema_refer(struct schemas *s, const aeon_record *record)
{
        aeon__text_add(s->json, "{", 1);
        aeon__schema_reference(s, record);
        aeon__text_add(s->json, "}", 1);
}

/* ------------------------------------------------------------------ the whole */

void aeon__schemas_write(struct schemas *s)
{
        for (; s->written < s->count && !s->problems.no_memory; s->written++) { /* it grows meanwhile */
                struct text name = { 0 };
                print_name(s, s->written, &name);
                s->problems.no_memory |= name.failed;
                aeon__object_raw(s->json, name.failed ? "" : name.data, "{");
                aeon__schema_record(s, s->records[s->written]);
                aeon__text_add(s->json, "}", 1);
                aeon__text_done(&name);
        }
}

int aeon__schemas_close(struct schemas *s)
{
        s->problems.no_memory |= s->json->failed;
        free(s->records);
        return aeon__problems_close(&s->problems, -EINVAL, "schema");
}

int aeon_record_schema(const aeon_record *record, char **ret_text)
{
        struct text json = { 0 };
        struct schemas s = { .json = &json, .is_document = true, .written = 1 };
        note(&s, record);
        aeon__text_add(&json, "{", 1);
        aeon__object_string(&json, "$schema", "https://json-schema.org/draft/2020-12/schema");
        aeon__schema_record(&s, record);
        if (s.count > 1) {
                aeon__object_raw(&json, "$defs", "{");
                aeon__schemas_write(&s);
                aeon__text_add(&json, "}", 1);
        }
        aeon__text_add(&json, "}", 1);

        int r = aeon__schemas_close(&s);
        if (r < 0) {
                aeon__text_done(&json);
                return r;
        }
        *ret_text = json.data;
        return (int)json.length;
}
