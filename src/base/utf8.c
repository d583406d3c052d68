/* UTF-8; see utf8.h. */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

size_t aeon__utf8_next(const char *text, size_t length, unsigned *ret_point)
{
        static const unsigned smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
        if (!length)
                return 0;
        unsigned char first = (unsigned char)text[0];
        size_t size = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf8 ? 4 : 0;
        if (!size || size > length)
                return 0;
        unsigned point = size == 1 ? first : first & (0x7fu >> size);
        for (size_t i = 1; i < size; i++) {
                unsigned char c = (unsigned char)text[i];
                if ((c & 0xc0) != 0x80)
                        return 0;
                point = point << 6 | (c & 0x3f);
        }
        if (point < smallest[size] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
                return 0;
        if (ret_point)
                *ret_point = point;
        return size;
}

ssize_t aeon__utf8_count(const char *text, size_t length)
{
        ssize_t count = 0;
        while (length) {
                uint64_t eight;
                for (; length >= sizeof eight && !(memcpy(&eight, text, sizeof eight), eight & UINT64_C(0x8080808080808080));
                     text += sizeof eight, length -= sizeof eight)
                        count += sizeof eight;
                if (!length)
                        break;
                size_t size = *text & 0x80 ? aeon__utf8_next(text, length, NULL) : 1;
                if (!size)
                        return -1;
                text += size;
                length -= size;
                count++;
        }
        return count;
}

char *aeon__utf8_put(char *to, unsigned point)
{
        if (point < 0x80) {
                *to++ = (char)point;
        } else if (point < 0x800) {
                *to++ = (char)(0xc0 | point >> 6);
                *to++ = (char)(0x80 | (point & 0x3f));
        } else if (point < 0x10000) {
                *to++ = (char)(0xe0 | point >> 12);
                *to++ = (char)(0x80 | (point >> 6 & 0x3f));
                *to++ = (char)(0x80 | (point & 0x3f));
        } else {
                *to++ = (char)(0xf0 | point >> 18);
                *to++ = (char)(0x80 | (point >> 12 & 0x3f));
                *to++ = (char)(0x80 | (point >> 6 & 0x3f));
                *to++ = (char)(0x80 | (point & 0x3f));
        }
        return to;
}
