/* The parts of an operation in the OpenAPI document: what a route takes, and how it answers.
 *
 * DESIGN
 *   What a route declares is told, and what the server does of itself with what is declared: a body can be too long, a form can be none.
 *   About the rest nothing is known but its kind: a handler may succeed (2XX) or fail in ways of its own (4XX, 5XX).
 *
 *   All write members of the object that is open in the document's text.
 */
#pragma once

#include "http/router.h"

struct schemas;

/* Those of the path are called as in @first, whose pattern is the path's key. */
void aeon__operation_parameters(struct schemas *s, const struct http_route *route, const struct http_route *first);
void aeon__operation_body(struct schemas *s, const struct http_route *route);
void aeon__operation_replies(struct schemas *s, const struct http_route *route);
