/* Does a handler what its route declares?
 *
 * DESIGN
 *   Records in aeon_route_opts make the document and nothing else, so they could say what is not so. Whenever a request is read into a record, or
 *   answered by one, for the first time on a route, that record is compared with what was declared, and the log is told when they differ. The
 *   next times cost the look at one bit. A route that declares nothing of a part is not asked about it.
 */
#pragma once

#include <aeon/http.h>
#include <aeon/record.h>

/* @in: "body", "query", "form", "path". */
void aeon__declared_check(const aeon_request *req, const char *in, const aeon_record *record);
void aeon__declared_check_reply(const aeon_request *req, int status, const aeon_record *record);
