/* examples/records/schema.c - the JSON Schema of a record, for those who send it. */
#include <aeon.h>
#include <stdio.h>
#include <stdlib.h>

#define COMMENT(F)                                         \
        F(str, text, .min_len = 1, .doc = "what was said") \
        F(timestamp, when)                                 \
        F(list(record(comment)), replies, .def = "[]")
AEON_RECORD(comment, COMMENT, .doc = "a comment and the replies to it", .unknown = AEON_UNKNOWN_REJECT);

int main(void)
{
        char *schema;
        if (aeon_record_schema(comment_record(), &schema) < 0)
                return 1;
        puts(schema);
        free(schema);
        return 0;
}
