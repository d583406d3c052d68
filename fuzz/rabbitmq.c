/* Frames of AMQP one behind the other; what a HEADER frame holds is read as the properties of a message. */
#include "must.h"

#include "broker/rabbitmq/codec.h"

enum { PROPERTIES_AT = 12 }; /* behind class, weight and body size */

static void read_properties(const char *bytes, size_t size)
{
        struct text headers = { 0 };
        struct properties p = { .headers = &headers };
        char *exact = malloc(size ? size : 1);
        must(exact != NULL, "no memory", NULL);
        memcpy(exact, bytes, size);
        if (aeon__amqp_read_properties(exact, size, &p) == 0) {
                must_be_headers(headers.data ? headers.data : "", headers.length);
                must(p.attempt > 0, "attempt 0", NULL);
        }
        free(exact);
        aeon__text_done(&headers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *bytes = (const char *)data;
        struct frame frame;
        for (ssize_t used; (used = aeon__amqp_frame(bytes, size, FRAME_MOST, &frame)) > 0; bytes += used, size -= (size_t)used) {
                must((size_t)used <= size && frame.payload + frame.size < bytes + used, "a frame beyond its bytes", NULL);
                if (frame.type == FRAME_HEADER && frame.size >= PROPERTIES_AT)
                        read_properties(frame.payload + PROPERTIES_AT, frame.size - PROPERTIES_AT);
        }
        read_properties((const char *)data, bytes > (const char *)data ? 0 : size); /* no frame: mere properties */
        aeon_error_clear();
        return 0;
}
