/* Reading values of JSON: what read.c, scalars.c and skip.c share.
 *
 * DESIGN
 *   read.c goes down the types and the text together, and puts what it reads straight into the struct: no tree in between. A value
 * of the wrong type is told and skipped, so reading goes on behind it. Only when the text itself is broken it ends: then
 * `json.wrong` is set, everything that loops sees no more items, and the innermost one tells it once.
 */
#pragma once

#include "record/keys.h"
#include "record/value.h"

struct reader {
        struct json json;
        struct keys keys; /* of open objects, those that could be there twice */
        struct problems *problems;
        struct arena *arena; /* of the value; NULL: it is only looked at */
        size_t grown;        /* bytes of lists and the like */
        bool told_wrong;
};

void aeon__reader_start(struct reader *r, const char *text, size_t size, unsigned depth, struct problems *problems,
                        struct arena *arena);
void aeon__reader_done(struct reader *r);

/* Where @at in the text is. */
static inline struct where reader_where(struct reader *r, const struct place *place, const char *at)
{
        return (struct where){ .problems = r->problems, .place = place, .json = &r->json, .at = at };
}

/* True when there is no reading on; then, once, why. */
bool aeon__reader_stopped(struct reader *r, const struct place *place);

/* Memory for a value that the text may ask for many times: zeroed; NULL when there is none, or when it would be too much
 * altogether. */
void *aeon__reader_alloc(struct reader *r, size_t size);

/* Read over the rest of the value that @token begins, telling keys that come twice. */
void aeon__reader_skip(struct reader *r, const struct token *token, const struct place *place);

/* Put the key of an open object on the stack. Returns it until the next; NULL when there is no memory. */
const struct key *aeon__reader_push_key(struct reader *r, const struct token *key);

/* The object whose keys begin at @first is read: tell those that come twice, and take all off the stack. */
void aeon__reader_pop_keys(struct reader *r, size_t first, const struct place *place);

/* A copy of what the string @token stands for, NUL-terminated, in the arena. Errors: -ENOMEM; -EILSEQ it holds a NUL */
int aeon__reader_string(struct reader *r, const struct token *token, char **ret_string, size_t *ret_length);

/* Read the value that @token begins into @slot of the simple kind @t. */
void aeon__reader_scalar(struct reader *r, struct type t, const struct token *token, void *slot, const struct place *place);

/* Tell that what @token begins is not of the type @t. */
void aeon__reader_refuse(struct reader *r, struct type t, const struct token *token, const struct place *place);
