/* The dashboard on the admin listener: a page for people. See dashboard.c. */
#pragma once

#include <aeon/app.h>
#include <aeon/http.h>

struct dashboard {
        aeon_app *app;
        unsigned watchers; /* streams of events that are open */
};

/* The dashboard that @req asks for, and whether its peer may see more than the probes' answers; admin.c. */
struct dashboard *aeon__dashboard_of(aeon_request *req);
bool aeon__admin_shows_details(aeon_request *req);

/* GET / */
int aeon__dashboard_page(aeon_request *req);

/* GET /events */
AEON_SUSPENDS int aeon__dashboard_events(aeon_request *req);
