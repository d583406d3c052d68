/* Bytes as text: RFC 4648, section 4. */
#include "record/number.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void aeon__base64_write(char *out, const void *bytes, size_t size)
{
        const unsigned char *p = bytes;
        for (; size; out += 4) {
                size_t taken = size < 3 ? size : 3;
                unsigned group = (unsigned)p[0] << 16 | (taken > 1 ? (unsigned)p[1] << 8 : 0) | (taken > 2 ? p[2] : 0);
                out[0] = alphabet[group >> 18];
                out[1] = alphabet[group >> 12 & 63];
                out[2] = taken > 1 ? alphabet[group >> 6 & 63] : '=';
                out[3] = taken > 2 ? alphabet[group & 63] : '=';
                p += taken;
                size -= taken;
        }
}

static int value_of(char c)
{
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool aeon__base64_read(const char *text, size_t length, void *out, size_t *ret_size)
{
        unsigned char *p = out;
        size_t padding = 0;
        if (length % 4)
                return false;
        while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
                padding++;
        unsigned bits = 0;
        for (size_t i = 0; i < length - padding; i++) {
                int value = value_of(text[i]);
                if (value < 0)
                        return false;
                bits = bits << 6 | (unsigned)value;
                if (i % 4) /* the 2nd, 3rd and 4th character each complete a byte */
                        *p++ = (unsigned char)(bits >> (6 - i % 4 * 2));
        }
        if (padding && bits & (padding == 1 ? 3 : 15)) /* two texts for the same bytes */
                return false;
        *ret_size = (size_t)(p - (unsigned char *)out);
        return true;
}
