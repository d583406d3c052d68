/* A handler that writes where it must not. */
#include <aeon.h>

static int crash(aeon_message *m)
{
        (void)m;
        volatile int *volatile nowhere = (volatile int *)16; /* not NULL: the undefined-behaviour sanitizer would come first */
        *nowhere = 1;
        return 0;
}
AEON_RAW_HANDLER(crash);

AEON_APP(app)
{
        aeon_use_broker(app, "sqlite:./q.db");
        aeon_subscribe(app, "test", &crash_handler, NULL);
}
