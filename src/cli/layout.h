/* JSON in lines, and JSON as YAML: documents as people read them. */
#pragma once

#include <stdio.h>

/* Write @json, which is one well-formed value without blanks between its tokens, and a new line behind it. Numbers and texts are written
 * as they stand: none loses a digit. */
void layout_json(const char *json, FILE *to);
void layout_yaml(const char *json, FILE *to);
