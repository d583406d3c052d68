/* An allocator in front of glibc's, for the whole program: jansson's and libc's own allocations pass through here too. */
#include "failing.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

/* A static program cannot define malloc beside libc's, and says so with -DFAILING_OFF. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FAILING_OFF 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FAILING_OFF 1
#endif
#endif

static __thread int left; /* allocations until the first failure; 0: never */
static __thread bool once, failed;
static _Atomic long live;

static void begin(int nth, bool only_one)
{
        failed = false;
        once = only_one;
        left = nth;
}

void failing_begin(int nth)
{
        begin(nth, false);
}

void failing_once(int nth)
{
        begin(nth, true);
}

bool failing_end(void)
{
        left = 0;
        return failed;
}

long failing_live(void)
{
        return atomic_load(&live);
}

#ifdef FAILING_OFF
bool failing_threads(bool on)
{
        (void)on;
        return false;
}
#else
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Atomic bool no_threads;

bool failing_threads(bool on)
{
        atomic_store(&no_threads, on);
        return true;
}

static bool fails(void)
{
        if (!left || --left > 0)
                return false;
        left = once ? 0 : 1; /* 1: and so does the next */
        failed = true;
        errno = ENOMEM;
        return true;
}

/* Two libraries do not live through it, and nobody here can do anything about that: libuv ends the process itself where its table of
 * descriptors cannot grow; libcurl (7.88) keeps a half-made entry of a socket, and divides by zero when it comes by again. */
static bool is_spared(const void *caller, bool grows)
{
        Dl_info where;
        return left == 1 && dladdr(caller, &where) &&
               (strstr(where.dli_fname, "libcurl") || (grows && strstr(where.dli_fname, "libuv")));
}

static void *counted(void *memory)
{
        if (memory)
                atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
        return memory;
}

static void uncounted(const void *memory)
{
        if (memory)
                atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
}

#pragma GCC visibility push(default) /* so that the shared libraries call these too */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void __libc_free(void *memory);

void *malloc(size_t size)
{
        bool spared = is_spared(__builtin_return_address(0), false);
        return !spared && fails() ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
        bool spared = is_spared(__builtin_return_address(0), false);
        return !spared && fails() ? NULL : counted(__libc_calloc(count, size));
}

void *realloc(void *memory, size_t size)
{
        if (!is_spared(__builtin_return_address(0), true) && fails())
                return NULL;
        void *moved = __libc_realloc(memory, size);
        return memory ? moved : counted(moved);
}

void free(void *memory)
{
        uncounted(memory);
        __libc_free(memory);
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
        if (fails())
                return MAP_FAILED;
        void *memory = (void *)syscall(SYS_mmap, address, size, protection, flags, fd, offset);
        if (memory != MAP_FAILED)
                counted(memory);
        return memory;
}

int munmap(void *memory, size_t size)
{
        uncounted(memory);
        return (int)syscall(SYS_munmap, memory, size);
}

int mprotect(void *memory, size_t size, int protection)
{
        return fails() ? -1 : (int)syscall(SYS_mprotect, memory, size, protection);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg)
{
        static int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
        if (!create)
                *(void **)&create = dlsym(RTLD_NEXT, "pthread_create");
        return no_threads ? EAGAIN : create(thread, attributes, fn, arg);
}
#pragma GCC visibility pop
#endif
