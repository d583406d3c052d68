/* aeon/attributes.h - the marks that the other headers put on their functions. */
#ifndef AEON_ATTRIBUTES_H
#define AEON_ATTRIBUTES_H

/* Part of the library's binary interface; everything else is hidden. */
#define AEON_API __attribute__((visibility("default")))

/* The call may suspend: other tasks of the loop can run before it returns. */
#define AEON_SUSPENDS

/* The result is an error code that must be looked at. */
#define AEON_MUST_CHECK __attribute__((warn_unused_result))

/* Argument @words is a format for those from @first on; the compiler checks them. */
#define AEON_PRINTF(words, first) __attribute__((format(printf, words, first)))

/* What a macro defines in a header that several files include: one identity per service, no warning when unused. */
#define AEON_SHARED __attribute__((weak, visibility("hidden")))
#define AEON_INLINE __attribute__((unused)) static inline

#define AEON__TEXT_OF(x) #x
#define AEON__TEXT(x) AEON__TEXT_OF(x)

/* The place in the source where the macro stands, as one literal: "work.c:12". */
#define AEON_HERE __FILE__ ":" AEON__TEXT(__LINE__)

#endif
