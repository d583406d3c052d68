/* Everything that a macro declares may stand in a header. */
#pragma once

#include <aeon.h>
#include <errno.h>

#define POINT(F)                                   \
        F(i64, x, .def = "1", .min = 0, .max = 10) \
        F(str, name, .doc = "how it is called")
AEON_RECORD(point, POINT);

AEON_APP_VAR(config, struct point);
AEON_LOOP_VAR(pool, struct point);
AEON_TASK_VAR(user, const char);

AEON_APP_VAR_MUTABLE(rates, struct point);

static int open_session(struct point **ret_session)
{
        *ret_session = config_get();
        return 0;
}

static int close_session(struct point *session, int r)
{
        return session ? r : -EINVAL;
}
AEON_DEPENDENCY(session, struct point, open_session, close_session);

static int move(const struct point *in, struct point *out)
{
        out->x = in->x + 1;
        return 0;
}
AEON_HANDLER(move, point, point);

static int note(const struct point *in)
{
        return in->x > 0 ? 0 : -EINVAL;
}
AEON_SINK_HANDLER(note, point);

static int look(aeon_message *m)
{
        return aeon_message_size(m) > 0 ? 0 : -EINVAL;
}
AEON_RAW_HANDLER(look);
