/* From a database's rows to structs.
 *
 * DESIGN
 *   A plan says for each field which column it is read from; it is made once per result, and everything that is wrong with the columns
 *   is told by it. Then each cell is read by the field's kind, if the cell's class may become that: its text goes through the same reader
 *   as settings do, with the same bounds. What a database writes in its own way is put into ours first.
 *
 *   The structs stand in a row in the block of the first one, so aeon_record_free() of that frees them all.
 */
#include "db/result.h"

#include "record/value.h"

#include <stdlib.h>
#include <string.h>

struct reading {
        const struct db_result *result;
        const aeon_record *record;
        int *columns; /* by field; -1: none */
        struct arena *arena;
        struct problems problems;
};

/* ------------------------------------------------------------------ columns and fields */

static int find_column(const struct db_result *result, const char *name, int *ret_column)
{
        int found = -1;
        for (unsigned i = 0; i < result->columns; i++) {
                if (strcmp(result->ops->column(result, i), name) != 0)
                        continue;
                if (found >= 0)
                        return aeon_fail(-EBADMSG, "there are two columns \"%s\"", name);
                found = (int)i;
        }
        *ret_column = found;
        return 0;
}

static int check_unknown(const struct reading *in)
{
        for (unsigned i = 0; i < in->result->columns; i++) {
                const char *name = in->result->ops->column(in->result, i);
                bool known = false;
                for (size_t f = 0; f < in->record->field_count && !known; f++)
                        known = in->columns[f] == (int)i;
                if (!known)
                        return aeon_fail(-EBADMSG, "the column \"%s\" has no field in %s", name, in->record->name);
        }
        return 0;
}

static int plan(struct reading *in)
{
        for (size_t f = 0; f < in->record->field_count; f++) {
                const aeon_field *field = &in->record->fields[f];
                int r = find_column(in->result, aeon__field_name(field), &in->columns[f]);
                if (r < 0)
                        return r;
                if (in->columns[f] < 0 && aeon__field_is_required(field))
                        return aeon_fail(-EBADMSG, "no column for the field \"%s\" of %s", aeon__field_name(field),
                                         in->record->name);
        }
        return check_unknown(in);
}

/* ------------------------------------------------------------------ may it become that */

static const char *const class_nouns[] = {
        [CELL_NULL] = "NULL",
        [CELL_WHOLE] = "a whole number",
        [CELL_REAL] = "a number with a point",
        [CELL_NUMERIC] = "a number",
        [CELL_BOOL] = "a boolean",
        [CELL_TEXT] = "text",
        [CELL_BYTES] = "bytes",
        [CELL_HEX] = "bytes",
        [CELL_TIMESTAMP] = "a point in time",
        [CELL_INTERVAL] = "a span",
        [CELL_JSON] = "JSON",
        [CELL_OTHER] = "of another type",
};

#define ONE(class) (1u << CELL_##class)

static unsigned classes_of(aeon_kind kind, bool typed_by_value)
{
        switch (kind) {
        case AEON_KIND_STR:
        case AEON_KIND_SECRET:
                return ONE(TEXT) | ONE(OTHER) | ONE(JSON) | ONE(NUMERIC) | ONE(INTERVAL) | ONE(TIMESTAMP);
        case AEON_KIND_BYTES:
                return ONE(BYTES) | ONE(HEX);
        case AEON_KIND_I64:
        case AEON_KIND_U64:
        case AEON_KIND_SIZE:
                return ONE(WHOLE) | ONE(NUMERIC);
        case AEON_KIND_F64:
                return ONE(WHOLE) | ONE(REAL) | ONE(NUMERIC);
        case AEON_KIND_BOOLEAN:
                return ONE(BOOL) | (typed_by_value ? ONE(WHOLE) : 0);
        case AEON_KIND_DURATION:
                return ONE(INTERVAL) | ONE(TEXT);
        case AEON_KIND_TIMESTAMP:
                return ONE(TIMESTAMP) | (typed_by_value ? ONE(TEXT) : 0);
        case AEON_KIND_ENUMERATION:
                return ONE(TEXT) | ONE(OTHER);
        case AEON_KIND_JSON:
        case AEON_KIND_RECORD:
        case AEON_KIND_LIST:
        case AEON_KIND_MAP:
                return ONE(JSON) | ONE(TEXT);
        case AEON_KIND_NONE:
        case AEON_KIND_OPTIONAL:
                break;
        }
        return 0;
}

/* ------------------------------------------------------------------ in our way of writing */

enum { REWRITTEN_SIZE = 64 };

/* "2026-11-21 10:04:28.5+00" as RFC 3339 wants it; one without a zone is UTC. Anything else stays what it is, and is refused. */
static const char *rewrite_timestamp(const char *text, size_t size, char out[REWRITTEN_SIZE])
{
        enum { DATE = 10, WHOLE_SECOND = 19 };
        if (size < WHOLE_SECOND || size > REWRITTEN_SIZE - 8 || (text[DATE] != ' ' && text[DATE] != 'T'))
                return text;
        strcpy(out, text);
        out[DATE] = 'T';
        const char *zone = out + WHOLE_SECOND + strcspn(out + WHOLE_SECOND, "+-Zz");
        if (!*zone)
                strcat(out, "Z");
        else if (strlen(zone) == strlen("+00"))
                strcat(out, ":00");
        return out;
}

static const char *rewrite(aeon_kind kind, const struct cell *cell, char out[REWRITTEN_SIZE])
{
        if (cell->class == CELL_BOOL)
                return *cell->text == 't' ? "true" : "false";
        if (kind == AEON_KIND_TIMESTAMP)
                return rewrite_timestamp(cell->text, cell->size, out);
        return cell->text;
}

static int digit(char c)
{
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_hex(const char *text, size_t size, unsigned char *out)
{
        for (size_t i = 0; i + 1 < size; i += 2) {
                int high = digit(text[i]), low = digit(text[i + 1]);
                if (high < 0 || low < 0)
                        return false;
                *out++ = (unsigned char)(high << 4 | low);
        }
        return size % 2 == 0;
}

static void read_bytes(struct reading *in, struct type t, const struct cell *cell, void *slot, const struct where *where)
{
        bool hex = cell->class == CELL_HEX;
        size_t size = hex ? (cell->size - 2) / 2 : cell->size;
        char *copy = aeon__arena_copy(in->arena, hex ? "" : cell->text, hex ? 0 : size);
        if (copy && hex)
                copy = aeon__arena_alloc(in->arena, size + 1);
        if (!copy) {
                in->problems.no_memory = true;
                return;
        }
        if (hex && (cell->size < 2 || !read_hex(cell->text + 2, cell->size - 2, (unsigned char *)copy))) {
                aeon__tell(where, "these are no bytes in hex");
                return;
        }
        union scalar scalar = { .bytes = { copy, size } };
        if (!aeon__scalar_check(t, scalar, where))
                return;
        if (t.depth) { /* an optional points to them */
                aeon_bytes *bytes = aeon__arena_alloc(in->arena, sizeof *bytes);
                if (bytes)
                        *bytes = scalar.bytes;
                else
                        in->problems.no_memory = true;
                *(aeon_bytes **)slot = bytes;
        } else {
                aeon__scalar_store(AEON_KIND_BYTES, scalar, slot);
        }
}

/* ------------------------------------------------------------------ cells */

static void read_cell(struct reading *in, const aeon_field *field, const struct cell *cell, void *slot, const struct where *where)
{
        char out[REWRITTEN_SIZE];
        struct type t = { field, 0 };
        struct type inner = field->kind == AEON_KIND_OPTIONAL ? type_inner(t) : t;
        aeon_kind kind = type_kind(inner);
        if (cell->class == CELL_NULL) {
                if (field->kind != AEON_KIND_OPTIONAL && field->kind != AEON_KIND_SECRET)
                        aeon__tell(where, "it is NULL, and the field is not optional");
        } else if (!(classes_of(kind, in->result->typed_by_value) & (1u << cell->class))) {
                aeon__tell(where, "it is %s, and the field is %s", class_nouns[cell->class], aeon__type_noun(inner));
        } else if (kind == AEON_KIND_BYTES) {
                read_bytes(in, inner, cell, slot, where);
        } else if (strlen(cell->text) != cell->size) {
                aeon__tell(where, "the text holds a NUL");
        } else {
                aeon__text_parse(t, rewrite(kind, cell, out), slot, in->arena, where);
        }
}

static void read_row(struct reading *in, unsigned row, void *body)
{
        for (size_t f = 0; f < in->record->field_count; f++) {
                const aeon_field *field = &in->record->fields[f];
                const char *name = aeon__field_name(field);
                void *slot = field_slot(field, body);
                if (in->columns[f] >= 0) {
                        struct place row_place = { .name = "row", .length = 3 }, index = { .above = &row_place, .index = row + 1 };
                        struct place place = { .above = &index, .name = name, .length = strlen(name) };
                        struct where where = { .problems = &in->problems, .place = &place };
                        struct cell cell;
                        in->result->ops->cell(in->result, row, (unsigned)in->columns[f], &cell);
                        read_cell(in, field, &cell, slot, &where);
                } else if (field->def) {
                        aeon__value_parse(field, field->def, slot, in->arena, &in->problems, name);
                }
        }
}

static int read_all(struct reading *in, void **ret_rows)
{
        int r = plan(in);
        if (r < 0 || !in->result->rows)
                return r;
        char *rows = aeon__records_new(in->record, in->result->rows, &in->arena);
        if (!rows)
                return aeon_fail(-ENOMEM, "no memory for %u rows", in->result->rows);
        for (unsigned i = 0; i < in->result->rows && !in->problems.count && !in->problems.no_memory; i++)
                read_row(in, i, rows + i * in->record->size);
        return aeon__record_conclude(in->record, rows, &in->problems, ret_rows);
}

int aeon__rows_read(const struct db_result *result, const aeon_record *record, void **ret_rows)
{
        struct reading in = { .result = result, .record = record };
        in.columns = calloc(record->field_count + 1, sizeof *in.columns);
        if (!in.columns)
                return aeon_fail(-ENOMEM, "no memory for %zu columns", record->field_count);
        *ret_rows = NULL;
        int r = read_all(&in, ret_rows);
        free(in.columns);
        return r;
}
