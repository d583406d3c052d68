#include "service.h"

static int move(const struct point *in, struct point *out)
{
        out->x = in->x + 1;
        return 0;
}
AEON_HANDLER(move, point, point);

AEON_APP(app)
{
        aeon_use_broker(app, NULL);
        aeon_subscribe(app, "move", &move_handler, NULL);
}
