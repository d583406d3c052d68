/* See sha1.h. Short texts only have to be fast enough. */
#include "base/sha1.h"

#include <stdint.h>
#include <string.h>

static uint32_t rotate(uint32_t x, unsigned bits)
{
        return x << bits | x >> (32 - bits);
}

static void add_block(uint32_t state[5], const unsigned char *block)
{
        static const uint32_t constants[] = { 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6 };
        uint32_t w[80], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
        for (unsigned i = 0; i < 16; i++, block += 4)
                w[i] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 | (uint32_t)block[2] << 8 | block[3];
        for (unsigned i = 16; i < 80; i++)
                w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        for (unsigned i = 0; i < 80; i++) {
                uint32_t f = i < 20 ? (b & c) | (~b & d) : i >= 40 && i < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
                uint32_t next = rotate(a, 5) + f + e + constants[i / 20] + w[i];
                e = d;
                d = c;
                c = rotate(b, 30);
                b = a;
                a = next;
        }
        state[0] += a;
        state[1] += b;
        state[2] += c;
        state[3] += d;
        state[4] += e;
}

void aeon__sha1(const void *bytes, size_t size, unsigned char ret_digest[20])
{
        uint32_t state[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
        unsigned char last[128] = { 0 };
        size_t whole = size / 64 * 64, rest = size - whole, end = rest < 56 ? 64 : 128;
        for (size_t at = 0; at < whole; at += 64)
                add_block(state, (const unsigned char *)bytes + at);
        memcpy(last, (const unsigned char *)bytes + whole, rest);
        last[rest] = 0x80;
        for (unsigned i = 0; i < 8; i++)
                last[end - 1 - i] = (unsigned char)((uint64_t)size * 8 >> 8 * i);
        for (size_t at = 0; at < end; at += 64)
                add_block(state, last + at);
        for (unsigned i = 0; i < 20; i++)
                ret_digest[i] = (unsigned char)(state[i / 4] >> (24 - i % 4 * 8));
}
