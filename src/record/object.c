/* Objects in JSON; see object.h. */
#include "record/object.h"

#include "record/value.h"

#include <string.h>

void aeon__object_key(struct text *json, const char *key)
{
        if (!json->failed && json->length && json->data[json->length - 1] != '{')
                aeon__text_add(json, ",", 1);
        aeon__string_write(json, key);
        aeon__text_add(json, ":", 1);
}

void aeon__object_string(struct text *json, const char *key, const char *string)
{
        aeon__object_key(json, key);
        aeon__string_write(json, string);
}

void aeon__object_raw(struct text *json, const char *key, const char *value)
{
        aeon__object_key(json, key);
        aeon__text_add(json, value, strlen(value));
}
