/* Error texts: see base/error.h for where they live, aeon/error.h for what they promise. */
#include "base/error.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_LIMIT = 16 * 1024 }; /* a chain that grows in a loop stops growing here */

struct error {
        int code;
        const char *where; /* literal: where this error began */
        char text[];
};

struct error_slot *(*aeon__error_owner)(void);

static __thread struct error_slot thread_slot;
static __thread bool thread_slot_used;
static pthread_key_t thread_slot_key;
static bool thread_slot_has_key; /* without one, the words of threads that end are leaked */

static void free_thread_slot(void *slot)
{
        aeon__error_slot_done(slot);
}

static void make_thread_slot_key(void)
{
        thread_slot_has_key = pthread_key_create(&thread_slot_key, free_thread_slot) == 0;
}

/* A thread that ends takes its words along. */
static struct error_slot *use_thread_slot(void)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        if (!thread_slot_used) {
                pthread_once(&once, make_thread_slot_key);
                if (thread_slot_has_key)
                        pthread_setspecific(thread_slot_key, &thread_slot);
                thread_slot_used = true;
        }
        return &thread_slot;
}

struct error_slot *aeon__error_current(void)
{
        struct error_slot *slot = aeon__error_owner ? aeon__error_owner() : NULL;
        return slot ? slot : use_thread_slot();
}

void aeon__error_slot_done(struct error_slot *slot)
{
        free(slot->error);
        slot->error = NULL;
}

void aeon__error_move(struct error_slot *from, struct error_slot *to)
{
        if (from == to)
                return;
        free(to->error);
        to->error = from->error;
        from->error = NULL;
}

/* Replace the pending error by @words and, when @tail is not NULL, ": tail". Out of memory: the text is lost, the code stays. */
static void keep(struct error_slot *slot, int code, const char *where, const char *words, const char *tail)
{
        size_t words_length = strlen(words), tail_length = tail ? strlen(tail) : 0;
        if (words_length + tail_length > TEXT_LIMIT)
                tail_length = words_length > TEXT_LIMIT ? 0 : TEXT_LIMIT - words_length;
        struct error *e = malloc(sizeof *e + words_length + 2 + tail_length + 1);
        if (e) {
                e->code = code;
                e->where = where;
                memcpy(e->text, words, words_length);
                size_t length = words_length;
                if (tail_length) {
                        memcpy(e->text + length, ": ", 2);
                        memcpy(e->text + length + 2, tail, tail_length);
                        length += 2 + tail_length;
                }
                e->text[length] = '\0';
        }
        free(slot->error); /* only now: @words and @tail may point into it */
        slot->error = e;
}

static char *format_words(const char *format, va_list arguments)
{
        char *words = NULL;
        if (vasprintf(&words, format, arguments) < 0)
                return NULL;
        return words;
}

int aeon_fail_at(int code, bool begins, const char *where, const char *format, ...)
{
        va_list arguments;
        va_start(arguments, format);
        char *words = format_words(format, arguments);
        va_end(arguments);

        struct error_slot *slot = aeon__error_current();
        const struct error *pending = slot->error;
        bool adds = !begins && pending && pending->code == code;
        if (adds)
                keep(slot, code, pending->where, words ? words : "(out of memory)", pending->text);
        else
                keep(slot, code, where, words ? words : "(out of memory)", begins ? NULL : aeon_strerror(code));
        free(words);
        return code;
}

int aeon_fail_os_at(int code, const char *where, const char *format, ...)
{
        va_list arguments;
        va_start(arguments, format);
        char *words = format_words(format, arguments);
        va_end(arguments);
        keep(aeon__error_current(), code, where, words ? words : "(out of memory)", aeon_strerror(code));
        free(words);
        return code;
}

const char *aeon_error_text(void)
{
        const struct error *e = aeon__error_current()->error;
        return e ? e->text : "";
}

const char *aeon_error_where(void)
{
        const struct error *e = aeon__error_current()->error;
        return e ? e->where : "";
}

bool aeon__error_slot_has(const struct error_slot *slot, int code)
{
        return slot->error && slot->error->code == code;
}

const char *aeon__error_slot_describe(const struct error_slot *slot, int code)
{
        return aeon__error_slot_has(slot, code) ? slot->error->text : aeon_strerror(code);
}

const char *aeon_error_describe(int code)
{
        return aeon__error_slot_describe(aeon__error_current(), code);
}

void aeon_error_clear(void)
{
        aeon__error_slot_done(aeon__error_current());
}

const char *aeon_strerror(int code)
{
        if (code == AEON_EOF)
                return "end of channel";
        if (code >= 0)
                return "success";
        const char *text = strerrordesc_np(-code);
        return text ? text : "unknown error";
}
