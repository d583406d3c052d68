/* One question to the admin listener of a running app. */
#pragma once

#include <aeon/time.h>

#define ADMIN_DEFAULT "http://127.0.0.1:7979"

/* GET @path from @address ("http://host:port", "host:port", "unix:PATH"). Returns the HTTP status; the status line in @ret_line and the
 * body in @ret_body, both to free(), each may be NULL. Errors: -EINVAL for an address that is none, -ETIMEDOUT, what connecting gave. */
int cli_ask(const char *address, const char *path, aeon_duration timeout, char **ret_line, char **ret_body);
