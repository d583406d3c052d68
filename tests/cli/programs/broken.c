/* Does not compile. */
#include <aeon.h>

AEON_APP(app)
{
        aeon_on_startup(app, a_hook_that_nobody_wrote);
}
