/* What an app's routes take and give, as a document for others: OpenAPI. */
#pragma once

#include <aeon/app.h>
#include <aeon/attributes.h>

struct http_router;

/* The OpenAPI 3.1 document of all routes that @app has declared, as JSON. Nothing needs to run. @version: NULL: the app's. The text is
 * yours, to free(). Errors: -EINVAL a record's schema cannot be made; what a declaration failed with; -ENOMEM.
 * Source: OpenAPI specification 3.1.0. */
AEON_API int aeon__openapi(aeon_app *app, const char *version, char **ret_json);

/* The routes of @app, and the first address that it listens on, as it was asked for; NULL: none. Errors: what a declaration failed with. */
int aeon__http_declared(aeon_app *app, const struct http_router **ret_router, const char **ret_address, bool *ret_tls);
