/* What an app says about its messages, as a document for others: AsyncAPI. */
#pragma once

#include <aeon/app.h>
#include <aeon/attributes.h>

/* The AsyncAPI 3.0 document of all subscriptions and publishers that @app has declared, as JSON. Nothing needs to run. @version: NULL: the
 * app's. The text is yours, to free(). Errors: -EINVAL a record's schema cannot be made; -ENOMEM. Source: AsyncAPI specification 3.0.0. */
AEON_API int aeon__asyncapi(aeon_app *app, const char *version, char **ret_json);
