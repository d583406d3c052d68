/* The rooms base, fiber and task need nothing but libc, so their tests are built for aarch64 too and run under qemu. libuv is not
 * there: what asks for a loop gets one with a virtual clock. */
#include "task/virtual_clock.h"

#include <aeon/loop.h>

int aeon_loop_run(aeon_task_fn *fn, void *arg)
{
        return aeon__virtual_run(fn, arg);
}
