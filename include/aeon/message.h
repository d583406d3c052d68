/* aeon/message.h - one message: what a handler is given, and how a function becomes a handler.
 *
 * A handler is a plain function. Most take a record and fill in another one:
 *
 *         static int predict(const struct question *in, struct answer *out)
 *         {
 *                 out->result = in->x * 42;
 *                 return 0;
 *         }
 *         AEON_HANDLER(predict, question, answer);        // defines predict_handler, for aeon_subscribe()
 *
 * The body is decoded before the call and the answer sent after it (to whoever asked with aeon_request()). A body that does not
 * fit the record never reaches the handler: it goes to the dead letters, with the reasons. 0 or more is success; a negative
 * errno is a failure, and the subscription's ack policy says what follows (aeon/broker.h). */
#ifndef AEON_MESSAGE_H
#define AEON_MESSAGE_H

#include <aeon/attributes.h>
#include <aeon/body.h>
#include <aeon/time.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

struct aeon_record;

/* A message as it came. It belongs to the handler's caller and ends with the handler; one from aeon_consumer_next() or
 * aeon_request() is yours until aeon_message_free(). What the accessors return is borrowed for as long. */
typedef struct aeon_message aeon_message;

/* ------------------------------------------------------------------ handlers */

/* A function that takes messages, as the macros below define it. The members are private. */
typedef struct aeon_handler {
        const char *name;
        int (*raw)(aeon_message *m);
        int (*typed)(const void *in, void *out);
        const struct aeon_record *(*in)(void);
        const struct aeon_record *(*out)(void);
        const char *site; /* where it is defined, "work.c:12": reports name it */
} aeon_handler;

/* Define FUNCTION_handler, which belongs to the file as the function does: two files may each have a handler of one name. What several
 * files subscribe, and what they share with tests, stands in a header, macro and all.
 *
 * The function is `static int function(const struct in *in, struct out *out)`. The answer is zeroed before the call;
 * what it points to must live until the handler has returned and the answer is encoded: give it the life of the app, of a static,
 * or of the question. */
#define AEON_HANDLER(function, in, out)                                                                                        \
        AEON__HANDLER_TYPE(function, int (*)(const struct in *, struct out *), "(const struct " #in " *, struct " #out " *)"); \
        AEON_INLINE int function##_typed(const void *question, void *answer)                                                   \
        {                                                                                                                      \
                return function((const struct in *)question, (struct out *)answer);                                            \
        }                                                                                                                      \
        AEON__HANDLER_DEFINE(function, 0, function##_typed, in##_record, out##_record)

/* The same for a function that answers nothing: `static int function(const struct in *in)`. A requester gets an empty reply. */
#define AEON_SINK_HANDLER(function, in)                                                       \
        AEON__HANDLER_TYPE(function, int (*)(const struct in *), "(const struct " #in " *)"); \
        AEON_INLINE int function##_typed(const void *question, void *answer)                  \
        {                                                                                     \
                (void)answer;                                                                 \
                return function((const struct in *)question);                                 \
        }                                                                                     \
        AEON__HANDLER_DEFINE(function, 0, function##_typed, in##_record, 0)

/* The same for a function that reads the message itself: `static int function(aeon_message *m)`. */
#define AEON_RAW_HANDLER(function)                                                 \
        AEON__HANDLER_TYPE(function, int (*)(aeon_message *), "(aeon_message *)"); \
        AEON__HANDLER_DEFINE(function, function, 0, 0, 0)

#define AEON__HANDLER_DEFINE(function, raw, typed, in, out)                                                                   \
        __attribute__((unused)) static const aeon_handler function##_handler = { #function, raw, typed, in, out, AEON_HERE }; \
        struct aeon__needs_a_semicolon

#ifdef __cplusplus
#define AEON__HANDLER_TYPE(function, type, words) \
        static_assert(sizeof(static_cast<type>(&function)) > 0, "the handler " #function " must be int " words)
#else
#define AEON__HANDLER_TYPE(function, type, words) \
        _Static_assert(__builtin_types_compatible_p(__typeof__(&function), type), "the handler " #function " must be int " words)
#endif

/* ------------------------------------------------------------------ what came */

/* The body; a NUL byte follows it, so a text can be used as a string. Never NULL. */
AEON_API const void *aeon_message_body(const aeon_message *m);
AEON_API size_t aeon_message_size(const aeon_message *m);

/* The value of a header, NULL when there is none of that name (letters' case does not matter). */
AEON_API const char *aeon_message_header(const aeon_message *m, const char *name);

/* The @n-th header, in order; false past the last. */
AEON_API bool aeon_message_header_at(const aeon_message *m, size_t n, const char **ret_name, const char **ret_value);

/* Where it was published. */
AEON_API const char *aeon_message_destination(const aeon_message *m);

/* A number or text that no other message of this broker has; "" when the broker gives none. */
AEON_API const char *aeon_message_id(const aeon_message *m);

/* What the publisher said; "" when nothing. */
AEON_API const char *aeon_message_content_type(const aeon_message *m);
AEON_API const char *aeon_message_correlation_id(const aeon_message *m);

/* Where an answer is awaited; "" when nobody waits. */
AEON_API const char *aeon_message_reply_to(const aeon_message *m);

/* 1 the first time, 2 after one failure, and so on. Being released does not count. */
AEON_API unsigned aeon_message_attempt(const aeon_message *m);

/* ------------------------------------------------------------------ settling by hand
 *
 * Needed with AEON_ACK_MANUAL and after aeon_consumer_next(); allowed everywhere, and then the ack policy has no more say.
 * Each returns when the broker has confirmed. A message is settled once.
 *
 * All suspend, and are not cancelled in the middle. Errors: -EALREADY settled before; -ESTALE it is no longer yours (another
 * consumer has it, since this one was taken for dead); -ENOTSUP the broker cannot; -EINVAL a reply, which needs none; I/O errors. */

/* It was handled: it is gone. */
AEON_API AEON_SUSPENDS int aeon_message_ack(aeon_message *m);

/* It can never be handled: to the dead letters, with @reason as header x-error (NULL: "rejected"). */
AEON_API AEON_SUSPENDS int aeon_message_reject(aeon_message *m, const char *reason);

/* It was not handled and that is nobody's fault: back at once, for any consumer, without counting an attempt. */
AEON_API AEON_SUSPENDS int aeon_message_release(aeon_message *m);

/* It failed: again after @delay, counting an attempt. */
AEON_API AEON_SUSPENDS int aeon_message_retry(aeon_message *m, aeon_duration delay);

/* Give back a message from aeon_consumer_next() or aeon_request(); NULL is accepted. Not for a handler's message. One that came from a
 * consumer and is not settled is released first, and that suspends. */
AEON_API AEON_SUSPENDS void aeon_message_free(aeon_message *m);

/* ------------------------------------------------------------------ what goes out */

/* Answer the message's requester; for raw handlers. 0 and nothing is sent when nobody waits for an answer.
 *
 * Suspends. Cancellable before it is sent. Errors: -EMSGSIZE; those of aeon_publish(). */
AEON_API AEON_SUSPENDS int aeon_message_reply(aeon_message *m, aeon_body body);

#ifdef __cplusplus
}
#endif
#endif
