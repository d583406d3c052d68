/* JSON to a record of all kinds, to JSON, and back: what was read must be written, read again the same, and written the same. */
#include "must.h"

#include "record/values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        values_round_trip((const char *)data, size);
        return 0;
}
