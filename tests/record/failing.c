/* An allocator in front of glibc's, for the whole program: jansson's and libc's own allocations pass through here too. */
#include "record/failing.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

static __thread int left; /* allocations until the first failure; 0: never */
static __thread bool failed;
static __thread long live;

void failing_begin(int nth)
{
        failed = false;
        left = nth;
}

bool failing_end(void)
{
        left = 0;
        return failed;
}

long failing_live(void)
{
        return live;
}

#ifndef SANITIZED
#pragma GCC visibility push(default) /* so that the shared libraries call these too */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void __libc_free(void *memory);

static bool fails(void)
{
        if (!left || --left > 0)
                return false;
        left = 1; /* and so does the next */
        failed = true;
        errno = ENOMEM;
        return true;
}

static void *counted(void *memory)
{
        live += memory != NULL;
        return memory;
}

void *malloc(size_t size)
{
        return fails() ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
        return fails() ? NULL : counted(__libc_calloc(count, size));
}

void *realloc(void *memory, size_t size)
{
        if (fails())
                return NULL;
        void *moved = __libc_realloc(memory, size);
        return memory ? moved : counted(moved);
}

void free(void *memory)
{
        live -= memory != NULL;
        __libc_free(memory);
}
#pragma GCC visibility pop
#endif
