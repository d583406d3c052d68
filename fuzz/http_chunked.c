/* A chunked body, whatever its pieces; see tests/http/properties.h. */
#include "http/properties.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        chunked_holds((const char *)data, size);
        return 0;
}
