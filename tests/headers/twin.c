/* Compiled twice, as two files of one service: each has a handler `take` of its own. */
#include <aeon/message.h>

static int take(aeon_message *m)
{
        (void)m;
        return TWIN;
}
AEON_RAW_HANDLER(take);

int TWIN_CALLED(void);

int TWIN_CALLED(void)
{
        return take_handler.raw(0);
}
