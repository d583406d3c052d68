/* JSON as YAML, for people: blocks in place of braces. Every text stands in double quotes, as JSON writes it, so nothing can be misread. */
#pragma once

#include <stdio.h>

/* Errors: -EINVAL @json is no JSON; -ENOMEM */
int yaml_write(const char *json, FILE *to);
