/* Writing JSON objects, member by member.
 *
 *       aeon__text_add(json, "{", 1);
 *       aeon__object_string(json, "name", "predict");       {"name":"predict"
 *       aeon__object_key(json, "place");                    ,"place":
 */
#pragma once

#include "base/text.h"

/* "key": in front of a value, with the comma that belongs there. */
void aeon__object_key(struct text *json, const char *key);

void aeon__object_string(struct text *json, const char *key, const char *string);

/* @value is JSON, or what it begins with. */
void aeon__object_raw(struct text *json, const char *key, const char *value);
