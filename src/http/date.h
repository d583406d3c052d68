/* Dates as HTTP writes them. Source: RFC 9110, 5.6.7. */
#pragma once

#include <time.h>

enum { HTTP_DATE_SIZE = 32 };

/* "Sun, 06 Nov 1994 08:49:37 GMT". Returns @text. */
const char *aeon__http_date_write(time_t second, char text[HTTP_DATE_SIZE]);

/* Any of the three forms that recipients must take. Errors: -EINVAL. No error text. */
int aeon__http_date_read(const char *text, time_t *ret_second);
