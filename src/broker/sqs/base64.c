/* Base64; see base64.h. */
#include "broker/sqs/base64.h"

#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t aeon__base64_encode(const void *bytes, size_t size, char *to)
{
        const unsigned char *from = bytes;
        char *at = to;
        for (size_t i = 0; i < size; i += 3) {
                size_t have = size - i < 3 ? size - i : 3;
                uint32_t three = (uint32_t)from[i] << 16;
                three |= have > 1 ? (uint32_t)from[i + 1] << 8 : 0;
                three |= have > 2 ? from[i + 2] : 0;
                *at++ = digits[three >> 18];
                *at++ = digits[three >> 12 & 63];
                *at++ = have > 1 ? digits[three >> 6 & 63] : '=';
                *at++ = have > 2 ? digits[three & 63] : '=';
        }
        *at = '\0';
        return (size_t)(at - to);
}

static int digit(char c)
{
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        return c == '+' ? 62 : c == '/' ? 63 : -1;
}

ssize_t aeon__base64_decode(const char *text, size_t length, void *to)
{
        unsigned char *at = to;
        uint32_t bits = 0;
        int have = 0;
        while (length && text[length - 1] == '=')
                length--;
        if (length % 4 == 1)
                return -1;
        for (size_t i = 0; i < length; i++) {
                int d = digit(text[i]);
                if (d < 0)
                        return -1;
                bits = bits << 6 | (uint32_t)d;
                have += 6;
                if (have >= 8) {
                        have -= 8;
                        *at++ = (unsigned char)(bits >> have);
                }
        }
        return at - (unsigned char *)to;
}
