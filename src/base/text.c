/* The growing text of text.h. */
#include "base/text.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_CAPACITY = 128, READ_SIZE = 4096 };

bool aeon__text_reserve(struct text *t, size_t more)
{
        if (t->failed || more > SIZE_MAX / 4 || t->length > SIZE_MAX / 4) {
                t->failed = true;
                return false;
        }
        if (t->length + more < t->capacity)
                return true;
        size_t capacity = t->capacity ? t->capacity : FIRST_CAPACITY;
        while (capacity <= t->length + more)
                capacity *= 2;
        char *data = realloc(t->data, capacity);
        if (!data) {
                t->failed = true;
                return false;
        }
        t->data = data;
        t->capacity = capacity;
        return true;
}

void aeon__text_add_growing(struct text *t, const char *bytes, size_t length)
{
        if (!aeon__text_reserve(t, length))
                return;
        if (length)
                memcpy(t->data + t->length, bytes, length);
        t->length += length;
        t->data[t->length] = '\0';
}

void aeon__text_print(struct text *t, const char *format, ...)
{
        va_list arguments;
        va_start(arguments, format);
        int length = vsnprintf(NULL, 0, format, arguments);
        va_end(arguments);
        if (length < 0 || !aeon__text_reserve(t, (size_t)length))
                return;
        va_start(arguments, format);
        vsnprintf(t->data + t->length, (size_t)length + 1, format, arguments);
        va_end(arguments);
        t->length += (size_t)length;
}

int aeon__text_add_file(struct text *t, const char *path)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC), r = 0;
        if (fd < 0)
                return -errno;
        for (;;) {
                if (!aeon__text_reserve(t, READ_SIZE)) {
                        r = -ENOMEM;
                        break;
                }
                ssize_t n = read(fd, t->data + t->length, READ_SIZE);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0) {
                        r = n < 0 ? -errno : 0;
                        break;
                }
                t->length += (size_t)n;
        }
        if (t->data)
                t->data[t->length] = '\0';
        close(fd);
        return r;
}

int aeon__text_write(const struct text *t, int fd)
{
        for (size_t done = 0; done < t->length;) {
                ssize_t n = write(fd, t->data + done, t->length - done);
                if (n >= 0)
                        done += (size_t)n;
                else if (errno != EINTR)
                        return -errno;
        }
        return 0;
}

const char *aeon__duration_words(int64_t ns, char *buffer)
{
        const char *sign = ns < 0 ? "-" : "";
        int64_t ms = (ns < 0 ? -(ns / 1000000) : ns / 1000000), s = ms / 1000, min = s / 60, h = min / 60;
        if (s == 0)
                snprintf(buffer, DURATION_WORDS, "%s%d ms", sign, (int)ms);
        else if (min == 0)
                snprintf(buffer, DURATION_WORDS, "%s%d.%d s", sign, (int)s, (int)(ms % 1000 / 100));
        else if (h == 0)
                snprintf(buffer, DURATION_WORDS, "%s%d min %d s", sign, (int)min, (int)(s % 60));
        else
                snprintf(buffer, DURATION_WORDS, "%s%d h %d min", sign, (int)h, (int)(min % 60));
        return buffer;
}

void aeon__text_done(struct text *t)
{
        free(t->data);
        *t = (struct text){ 0 };
}

void aeon__json_add_bytes(struct text *json, const char *bytes, size_t length)
{
        size_t room = length * 6 + 1; /* \u001b */
        char *escaped = malloc(room);
        if (!escaped) {
                json->failed = true;
                return;
        }
        size_t used = aeon__json_escape(escaped, room, bytes, length);
        aeon__text_add(json, "\"", 1);
        aeon__text_add(json, escaped, used);
        aeon__text_add(json, "\"", 1);
        free(escaped);
}

void aeon__json_add_string(struct text *json, const char *string)
{
        aeon__json_add_bytes(json, string, strlen(string));
}
