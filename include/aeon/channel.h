/* aeon/channel.h - passing values between tasks of one loop.
 *
 * A channel has a sending and a receiving end, each with as many handles as were cloned. Values of a fixed size are copied in and
 * out, first in first out; those who wait are served in order of arrival, and nobody overtakes them.
 *
 *   own handle closed         -EBADF
 *   last receiver gone        senders get -EPIPE; what was buffered is lost
 *   last sender gone          receivers get what is left, then AEON_EOF
 *
 * Each holds for those who wait at that moment and for every later call. The channel goes with its last open handle and takes the
 * closed ones along: only until then does a call on a closed handle get its -EBADF. (And a channel remembers 64 closed
 * handles at least; when there are more, a clone may take the place of the one that was closed first.)
 *
 * Errors of every call here that suspends:
 *   -ECANCELED  an enclosing scope was cancelled, or its deadline passed; nothing was sent and nothing taken
 *   -EXDEV      the channel belongs to another loop
 *   -EINVAL     not called from a task
 * One that succeeds is a checkpoint also when it need not wait. */
#ifndef AEON_CHANNEL_H
#define AEON_CHANNEL_H

#include <aeon/attributes.h>
#include <aeon/sync.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aeon_sender aeon_sender;
typedef struct aeon_receiver aeon_receiver;

#define AEON_UNBOUNDED SIZE_MAX

/* ------------------------------------------------------------------ handles */

/* A channel for values of @item_size bytes that holds up to @capacity of them: 0 hands each over directly, AEON_UNBOUNDED never
 * makes a sender wait. Both ends are yours. Does not suspend.
 *
 * Errors: -ENOMEM; -EINVAL when @item_size is 0 or no loop runs here
 * Source: Trio reference, memory channels; concurrency rule 20. */
AEON_API AEON_MUST_CHECK int aeon_channel_open(size_t item_size, size_t capacity, aeon_sender **ret_sender,
                                               aeon_receiver **ret_receiver);

/* Another handle on the same end, to be closed by itself. Errors: -ENOMEM, -EBADF, -EXDEV. */
AEON_API AEON_MUST_CHECK int aeon_sender_clone(aeon_sender *s, aeon_sender **ret_sender);
AEON_API AEON_MUST_CHECK int aeon_receiver_clone(aeon_receiver *r, aeon_receiver **ret_receiver);

/* Give a handle back; NULL is accepted. Tasks that wait on this handle get -EBADF. Does not suspend. A task of another loop is
 * refused in the log. */
AEON_API void aeon_sender_close(aeon_sender *s);
AEON_API void aeon_receiver_close(aeon_receiver *r);

typedef struct aeon_channel_stats {
        size_t capacity;
        size_t buffered;                           /* values */
        size_t senders, receivers;                 /* open handles */
        size_t waiting_senders, waiting_receivers; /* tasks */
} aeon_channel_stats;

/* How many values are buffered; 0 for a closed handle. Owner loop only. */
AEON_API size_t aeon_receiver_buffered(const aeon_receiver *r);

/* How it all stands now; counts those who wait one by one. Owner loop only. Errors: -EBADF. */
AEON_API int aeon_sender_get_stats(const aeon_sender *s, aeon_channel_stats *ret_stats);
AEON_API int aeon_receiver_get_stats(const aeon_receiver *r, aeon_channel_stats *ret_stats);

/* ------------------------------------------------------------------ passing values */

/* Send a copy of *@item; waits while the channel is full.
 *
 * Suspends. Cancellable, and then nothing was sent.
 *
 * Errors: -EPIPE   no receiver is left
 *         -EBADF   @s is or was closed
 *         -ENOMEM  no room could be had for one more; only when nobody waits to receive */
AEON_API AEON_SUSPENDS int aeon_send(aeon_sender *s, const void *item);

/* Receive into *@ret_item; waits while the channel is empty.
 *
 * Suspends. Cancellable, and then nothing was taken.
 *
 * Errors: AEON_EOF  no sender is left and nothing is buffered
 *         -EBADF    @r is or was closed */
AEON_API AEON_SUSPENDS int aeon_receive(aeon_receiver *r, void *ret_item);

/* The same without waiting and without overtaking those who wait. Any task or callback of the loop. Never suspend. Errors: as above
 * except -ECANCELED, and -EAGAIN. */
AEON_API int aeon_try_send(aeon_sender *s, const void *item);
AEON_API int aeon_try_receive(aeon_receiver *r, void *ret_item);

/* ------------------------------------------------------------------ the first of several */

/* One thing to wait for: set @send and @item, or @receive and @ret_item, or @event. With none of them the case never happens, which
 * is how to leave one out for a while. */
typedef struct aeon_select_case {
        aeon_sender *send;
        const void *item;
        aeon_receiver *receive;
        void *ret_item;
        aeon_event *event;
        int result; /* out: of the case that happened: 0, or the error that aeon_send() or aeon_receive() would have returned */
} aeon_select_case;

/* Wait until one of @count cases can happen, let exactly that one happen, and return its index. Of several that can, each is equally
 * likely. An end of a channel that is closed counts as something that happens:
 *
 *         enum { JOB, QUIT };
 *         aeon_select_case cases[] = {
 *                 [JOB] = { .receive = jobs, .ret_item = &job },
 *                 [QUIT] = { .event = quit },
 *         };
 *         while (aeon_select(cases, 2) == JOB && cases[JOB].result == 0)
 *                 work(&job);
 *
 * Suspends. Cancellable, and then none has happened. @cases is borrowed until the call returns.
 *
 * Errors: -EINVAL  no case is set, or one is set twice over
 *         -ENOMEM  only with more than 8 cases
 * Source: Go specification, select statements; concurrency rule 20. */
AEON_API AEON_MUST_CHECK AEON_SUSPENDS int aeon_select(aeon_select_case *cases, size_t count);

/* The same without waiting. Never suspends. Errors: as above except -ECANCELED, and -EAGAIN: none can happen now. */
AEON_API AEON_MUST_CHECK int aeon_try_select(aeon_select_case *cases, size_t count);

#ifdef __cplusplus
}
#endif
#endif
