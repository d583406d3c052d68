/* Where the words of an error are kept.
 *
 * DESIGN
 *   An error text belongs to a task, but this room does not know tasks. So the room above says who the owner is: it sets
 *   aeon__error_owner to a function that returns the running task's slot, or NULL outside a task. Without an owner the
 *   thread's own slot serves. A slot is empty until its first failure and then holds one heap block.
 */
#pragma once

#include <aeon/error.h>

struct error; /* code, place and text of one failure, in one heap block */

struct error_slot {
        struct error *error; /* NULL: no pending error */
};

extern struct error_slot *(*aeon__error_owner)(void);

/* Free what @slot holds. */
void aeon__error_slot_done(struct error_slot *slot);

/* Move the pending error of @from into @to, replacing what was there. */
void aeon__error_move(struct error_slot *from, struct error_slot *to);

/* The slot of whoever runs now. */
struct error_slot *aeon__error_current(void);

/* Whether @slot holds the words of @code, and not of some other failure that was dealt with. */
bool aeon__error_slot_has(const struct error_slot *slot, int code);

/* The text in @slot if it has @code, else what the code means. Borrowed from the slot. */
const char *aeon__error_slot_describe(const struct error_slot *slot, int code);
