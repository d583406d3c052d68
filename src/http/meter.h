/* Requests in numbers.
 *
 * DESIGN
 *   By route, never by path: what matches no route counts as one, with route "". Methods that HTTP does not know count as "other".
 *   A route finds its series once and keeps them; those of usual statuses stand in a table, others are looked up. Only servers that
 *   an app declared are measured: probes are no traffic.
 */
#pragma once

#include "http/request.h"

struct http_meter; /* of one route */

/* For a route with this pattern, "GET /users/{id}"; NULL: no memory, and then its requests are counted the slow way. */
struct http_meter *aeon__http_meter_new(const char *pattern);
void aeon__http_meter_free(struct http_meter *meter);

/* @method, or "other" when HTTP does not know it. */
const char *aeon__http_method_label(const char *method);

/* A request task begins and ends; @status 499: the client went. */
void aeon__http_count_begin(const aeon_request *req);
void aeon__http_count_end(const aeon_request *req, int status);

/* A connection has come (1) or gone (-1). */
void aeon__http_count_connection(const struct http_server *server, int change);
