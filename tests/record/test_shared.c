/* The other file of test_record.c: includes the same header and has a private record whose name the first file uses too. */
#include "record/shared_record.h"

#define PRIVATE(F) F(str, text) F(i64, number)
AEON_RECORD(private, PRIVATE);

size_t other_file_size(void)
{
        return shared_record()->size;
}

int other_file_encode(const struct shared *value, char **ret_text)
{
        return shared_encode(value, ret_text);
}

int other_file_private(const char *json, size_t size)
{
        struct private *value = NULL;
        int r = private_decode(json, size, &value);
        if (r < 0)
                return r;
        r = (int)value->number;
        private_free(value);
        return r;
}
