/* Which protocols there are; see protocol.h. */
#include "http/protocol.h"

#include "base/module.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <pthread.h>
#include <string.h>

static pthread_once_t looked = PTHREAD_ONCE_INIT;
static const struct http_protocol *http2;

static void look_for_module(void)
{
        const void *found;
        int r = aeon__module_find(HTTP2_MODULE, HTTP2_SYMBOL, &found);
        if (r == 0)
                http2 = found;
        else
                aeon_log_info("HTTP/2: %s", aeon_error_describe(r));
}

static void look_no_further(void)
{
}

const struct http_protocol *aeon__http2(void)
{
        pthread_once(&looked, look_for_module);
        return http2;
}

void aeon__http2_use(const struct http_protocol *protocol)
{
        pthread_once(&looked, look_no_further);
        http2 = protocol;
}

const char *aeon__http_alpn(void)
{
        return aeon__http2() ? "h2,http/1.1" : "http/1.1";
}

int aeon__http2_preface(const char *bytes, size_t size)
{
        size_t whole = strlen(HTTP2_PREFACE);
        if (memcmp(bytes, HTTP2_PREFACE, size < whole ? size : whole) != 0)
                return -1;
        return size >= whole;
}
