/* The schemas of records as parts of a larger document: AsyncAPI, OpenAPI, or the schema of one record with those that it holds.
 *
 * DESIGN
 *   The document is one text. Wherever it speaks of a record it refers to it, and the record is noted; at its end all that were noted
 *   are written, each once, with those that they hold in their turn:
 *
 *       {"channels": ... {"$ref":"#/components/schemas/order"} ... ,"components":{"schemas":{"order":{...},"place":{...}}}}
 *
 *   A schema of its own is the same with another end: its first record is the document itself, "#", and the others stand in its "$defs". So a
 *   record may hold itself.
 *
 *   A record in a header is another one in each file that includes it. Records that are alike in all that they say are one here; those that
 *   only share their name are told apart by a number behind it.
 */
#pragma once

#include "record/problems.h"

#include <aeon/record.h>

struct schemas {
        struct text *json;           /* what is being written */
        const aeon_record **records; /* in the order in which they were met */
        size_t count, capacity;
        size_t written;   /* of them */
        bool is_document; /* the first record is the document itself, "#", and the others are its "$defs" */
        struct problems problems;
};

/* True when they say the same. */
bool aeon__records_are_alike(const aeon_record *a, const aeon_record *b);

/* Add the name of @record in this document: "order", "order-2". */
void aeon__schema_name(struct schemas *s, const aeon_record *record, struct text *name);

/* Write the object {"$ref":...} to @record. */
void aeon__schema_refer(struct schemas *s, const aeon_record *record);

/* The same as a member of the object that is open. */
void aeon__schema_reference(struct schemas *s, const aeon_record *record);

/* Write the members of the schema of @record. */
void aeon__schema_record(struct schemas *s, const aeon_record *record);

/* Write the schema of one field, an object, as it is when it is given as text: an optional one is absent, never null. Without its
 * description. */
void aeon__schema_field(struct schemas *s, const aeon_record *record, const aeon_field *field);

/* Write all records that were referred to, as members of an object whose brace is open. */
void aeon__schemas_write(struct schemas *s);

/* The end of the document: 0 when all went well. The text is the caller's, also then. Errors: -EINVAL a default cannot be read; -ENOMEM */
int aeon__schemas_close(struct schemas *s);
