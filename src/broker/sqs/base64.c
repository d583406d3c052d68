/* Lenient base64; see base64.h. */
#include "broker/sqs/base64.h"

#include <stdint.h>

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
