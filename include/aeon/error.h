/* aeon/error.h - a code says what kind, a text says which.
 *
 * Every fallible function returns 0 or a positive count on success and a negative errno on failure. The words go with the code:
 *
 *         return aeon_fail(-ENOENT, "user %s", id);
 *
 * keeps "user 17" as the error text of the running task (of the thread, outside a task) and returns -ENOENT. Whoever passes
 * the code on may add its own words in front, and so the text becomes a chain from the outside in:
 *
 *         r = load_user(id);
 *         if (r < 0)
 *                 return aeon_fail(r, "session %s", name);       // "session bob: user 17"
 *
 * The rule behind it: a code written out (-ENOENT) begins a new error; a code held in a variable (r) adds to the error that
 * has this code already, or begins a new one when the pending error has another. For a code that came from outside (errno, a
 * system call, another library) use aeon_fail_os(): it always begins a new error and appends what the code means. */
#ifndef AEON_ERROR_H
#define AEON_ERROR_H

#include <aeon/attributes.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The end of a channel: all senders are gone and everything sent was received. Not an error of the system, so not an errno. */
#define AEON_EOF (-4095)

/* Keep words for the negative errno @code and return it.
 *
 * The text belongs to the running task and lives until the task's next aeon_fail() or its end. Never suspends.
 * Any task or thread. When memory is short the text is lost and the code is kept. */
#define aeon_fail(code, ...)                                                                                \
        __extension__({                                                                                     \
                int aeon__code = (code); /* named, so that the compiler sees that the result is the code */ \
                (void)aeon_fail_at(aeon__code, AEON__IS_LITERAL(code), AEON_HERE, __VA_ARGS__);             \
                aeon__code;                                                                                 \
        })

/* The same for a code from the system or another library: "open queue.db: Permission denied". */
#define aeon_fail_os(code, ...)                                            \
        __extension__({                                                    \
                int aeon__code = (code);                                   \
                (void)aeon_fail_os_at(aeon__code, AEON_HERE, __VA_ARGS__); \
                aeon__code;                                                \
        })

/* The words of the pending error, "" when there is none. Borrowed until the task's next failure. */
AEON_API const char *aeon_error_text(void);

/* The best words for @code: the pending error's text when it has this code, what the code means otherwise.
 * Borrowed until the task's next failure or description. */
AEON_API const char *aeon_error_describe(int code);

/* Where the pending error began, "file.c:12"; "" when there is none. */
AEON_API const char *aeon_error_where(void);

/* Forget the pending error: it was dealt with. */
AEON_API void aeon_error_clear(void);

/* What a code means: "No such file or directory"; AEON_EOF is known too. Static text, any thread. */
AEON_API const char *aeon_strerror(int code);

/* Behind the macros. */
AEON_API int aeon_fail_at(int code, bool begins, const char *where, const char *format, ...) AEON_PRINTF(4, 5);
AEON_API int aeon_fail_os_at(int code, const char *where, const char *format, ...) AEON_PRINTF(3, 4);

#ifdef __cplusplus
}
#define AEON__IS_LITERAL(code) __builtin_constant_p(code)
#else
/* True for an integer constant expression only; decided by the language, not by the optimiser: a null pointer constant in ?:
 * takes the other operand's type. */
#define AEON__IS_LITERAL(code) (sizeof(*(8 ? ((void *)((long)(code)*0l)) : (int *)8)) == sizeof(int))
#endif

#endif
