/* aeon/channel.h - passing values between tasks of one loop.
 *
 * A channel has a sending and a receiving end, each with as many handles as were cloned. Values of a fixed size are copied in and
 * out, first in first out.
 *
 *   own handle closed         use after close is a bug; the header of the handle is gone
 *   last receiver gone        senders get -EPIPE
 *   last sender gone          receivers get what is left, then AEON_EOF */
#ifndef AEON_CHANNEL_H
#define AEON_CHANNEL_H

#include <aeon/attributes.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aeon_sender aeon_sender;
typedef struct aeon_receiver aeon_receiver;

#define AEON_UNBOUNDED SIZE_MAX

/* A channel for values of @item_size bytes that holds up to @capacity of them: 0 hands each over directly, AEON_UNBOUNDED never
 * makes a sender wait. Both ends are yours. Does not suspend.
 *
 * Errors: -ENOMEM; -EINVAL when @item_size is 0 or not called from a task
 * Source: Trio reference, memory channels; concurrency rule 20. */
AEON_API AEON_MUST_CHECK int aeon_channel_open(size_t item_size, size_t capacity, aeon_sender **ret_sender,
                                               aeon_receiver **ret_receiver);

/* Send a copy of *@item; waits while the channel is full.
 *
 * Suspends. Cancellable, and then nothing was sent. Owner loop only.
 *
 * Errors: -EPIPE      no receiver is left
 *         -ECANCELED  an enclosing scope was cancelled
 *         -ENOMEM     only when unbounded */
AEON_API AEON_SUSPENDS int aeon_send(aeon_sender *s, const void *item);

/* Receive into *@ret_item; waits while the channel is empty.
 *
 * Suspends. Cancellable, and then nothing was taken. Owner loop only.
 *
 * Errors: AEON_EOF    no sender is left and nothing is buffered
 *         -ECANCELED  an enclosing scope was cancelled */
AEON_API AEON_SUSPENDS int aeon_receive(aeon_receiver *r, void *ret_item);

/* The same without waiting and without overtaking those who wait. Never suspend. Errors: as above, and -EAGAIN. */
AEON_API int aeon_try_send(aeon_sender *s, const void *item);
AEON_API int aeon_try_receive(aeon_receiver *r, void *ret_item);

/* Another handle on the same end. Errors: -ENOMEM. */
AEON_API AEON_MUST_CHECK int aeon_sender_clone(aeon_sender *s, aeon_sender **ret_sender);
AEON_API AEON_MUST_CHECK int aeon_receiver_clone(aeon_receiver *r, aeon_receiver **ret_receiver);

/* Give a handle back; NULL is accepted. Tasks that wait on this handle get -EBADF. Does not suspend. */
AEON_API void aeon_sender_close(aeon_sender *s);
AEON_API void aeon_receiver_close(aeon_receiver *r);

/* How many values are buffered. */
AEON_API size_t aeon_receiver_buffered(const aeon_receiver *r);

#ifdef __cplusplus
}
#endif
#endif
