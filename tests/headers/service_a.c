#include "service.h"

AEON_APP(app)
{
        aeon_use_broker(app, NULL);
        aeon_subscribe(app, "move", &move_handler, NULL);
        aeon_subscribe(app, "note", &note_handler, NULL);
        aeon_subscribe(app, "look", &look_handler, NULL);
}
