/* aeon/body.h - bytes that go out, and what they are. */
#ifndef AEON_BODY_H
#define AEON_BODY_H

#include <aeon/attributes.h>
#include <stddef.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes to publish, to answer or to ask with; borrowed during the call. */
typedef struct aeon_body {
        const void *data;
        size_t size;
        const char *content_type;
} aeon_body;

AEON_INLINE aeon_body aeon_body_of(const void *data, size_t size, const char *content_type)
{
        aeon_body body = { data, size, content_type };
        return body;
}

/* A body of a C string, of a C string that holds JSON, of any bytes; borrowed during the call it is given to. */
#define AEON_TEXT(text) aeon_body_of((text), strlen(text), "text/plain")
#define AEON_JSON(text) aeon_body_of((text), strlen(text), "application/json")
#define AEON_BYTES(data, size) aeon_body_of((data), (size), "application/octet-stream")

#ifdef __cplusplus
}
#endif
#endif
