/* Answers with the size of a body, and takes none above 100 bytes. */
#include <aeon.h>
#include <stdio.h>

static int measure(aeon_message *m)
{
        char text[32];
        snprintf(text, sizeof text, "%zu", aeon_message_size(m));
        return aeon_message_reply(m, AEON_TEXT(text));
}
AEON_RAW_HANDLER(measure);

AEON_APP(app)
{
        aeon_use_broker(app, "sqlite:./q.db");
        aeon_broker_set_max_body(aeon_app_broker(app), 100);
        aeon_subscribe(app, "test", &measure_handler, NULL);
}
