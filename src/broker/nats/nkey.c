/* NKeys: a user is a public key, and proves it by signing what the server has made up (the nonce in INFO).
 *
 * DESIGN
 *   Keys are text: base32 of a prefix, 32 bytes, and their CRC-16. A seed ("SU...") has two bytes of prefix, the second part of which is
 *   the kind of key that it is the seed of; its 32 bytes are an Ed25519 private key. What is sent is the public key ("U...") and the
 *   signature in base64url. The seed stays in memory, since each connection signs anew. Ed25519 is OpenSSL's, in the module tls.so.
 *   Source: github.com/nats-io/nkeys, README and crc16.go.
 */
#include "broker/nats/nats.h"

#include "base/module.h"
#include "loop/tls.h"

#include <aeon/error.h>
#include <stdlib.h>
#include <string.h>

enum {
        KEY = 32,
        SIGNATURE = 64,
        CRC = 2,
        SEED_BYTES = 2 + KEY + CRC,
        PUBLIC_BYTES = 1 + KEY + CRC,
        PREFIX_SEED = 18 << 3,
        PREFIX_USER = 20 << 3,
};

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* CRC-16/XMODEM */
static unsigned crc_of(const unsigned char *bytes, size_t size)
{
        unsigned crc = 0;
        for (size_t i = 0; i < size; i++) {
                crc ^= (unsigned)bytes[i] << 8;
                for (int bit = 0; bit < 8; bit++)
                        crc = (crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1) & 0xffff;
        }
        return crc;
}

/* @bytes in digits of @width bits each, without padding, with a NUL. */
static void encode(const unsigned char *bytes, size_t size, const char *alphabet, unsigned width, char *to)
{
        unsigned bits = 0, count = 0, mask = (1U << width) - 1;
        for (size_t i = 0; i < size; i++) {
                bits = bits << 8 | bytes[i];
                for (count += 8; count >= width; count -= width)
                        *to++ = alphabet[bits >> (count - width) & mask];
        }
        if (count)
                *to++ = alphabet[bits << (width - count) & mask];
        *to = '\0';
}

/* The seed's text as bytes; false: it is none of a user. */
static bool decode_seed(const char *text, unsigned char bytes[SEED_BYTES])
{
        unsigned bits = 0, count = 0;
        size_t size = 0;
        const char *digit;
        for (; *text && size < SEED_BYTES && (digit = strchr(base32, *text)); text++) {
                bits = bits << 5 | (unsigned)(digit - base32);
                for (count += 5; count >= 8; count -= 8)
                        bytes[size++] = (unsigned char)(bits >> (count - 8));
        }
        unsigned kind = (bytes[0] & 7U) << 5 | bytes[1] >> 3;
        return size == SEED_BYTES && !text[strspn(text, " \t\r\n")] && (bytes[0] & 0xf8) == PREFIX_SEED && kind == PREFIX_USER &&
               crc_of(bytes, SEED_BYTES - CRC) == (bytes[SEED_BYTES - 2] | (unsigned)bytes[SEED_BYTES - 1] << 8);
}

int aeon__nats_nkey_read(struct nats *l, const char *path)
{
        struct text file = { 0 };
        unsigned char bytes[SEED_BYTES] = { 0 };
        int r = aeon__text_add_file(&file, path);
        if (r < 0)
                r = aeon_fail(r, "nkey \"%s\"", path);
        else if (!file.data || !decode_seed(file.data, bytes))
                r = aeon_fail(-EINVAL, "nkey \"%s\" is not the seed of a user (it begins with SU)", path);
        else
                memcpy(l->seed, bytes + 2, KEY);
        l->has_seed = r >= 0;
        explicit_bzero(bytes, sizeof bytes);
        if (file.data)
                explicit_bzero(file.data, file.length);
        aeon__text_done(&file);
        return r < 0 ? r : 0;
}

int aeon__nats_nkey_sign(const struct nats *l, const char *nonce, char key[NATS_KEY_SIZE], char signature[NATS_SIGNATURE_SIZE])
{
        const void *symbol;
        unsigned char public[PUBLIC_BYTES] = { PREFIX_USER }, signed_bytes[SIGNATURE];
        int r = aeon__module_find("tls", TLS_ENGINE_SYMBOL, &symbol);
        if (r < 0)
                return r;
        const struct tls_engine *engine = symbol;
        r = engine->sign(l->seed, nonce, strlen(nonce), public + 1, signed_bytes);
        if (r < 0)
                return r;
        unsigned crc = crc_of(public, PUBLIC_BYTES - CRC);
        public[PUBLIC_BYTES - 2] = (unsigned char)crc;
        public[PUBLIC_BYTES - 1] = (unsigned char)(crc >> 8);
        encode(public, sizeof public, base32, 5, key);
        encode(signed_bytes, sizeof signed_bytes, base64url, 6, signature);
        return 0;
}
