/* A test whose body runs as the first task under a virtual clock. */
#pragma once

#include "harness.h"
#include "task/virtual_clock.h"

#include <aeon/channel.h>
#include <aeon/error.h>
#include <aeon/scope.h>
#include <aeon/sync.h>
#include <aeon/task.h>
#include <aeon/time.h>
#include <aeon/var.h>

/* Let the other tasks run until all of them wait, in whatever order they run: only then does a virtual clock move. */
static inline void let_others_wait(void)
{
        CHECK_INT(aeon_sleep(1), 0);
}

#define VIRTUAL_TEST(name)                                          \
        static int name##_body(void *arg);                          \
        PLAIN_TEST(name)                                            \
        {                                                           \
                CHECK_INT(aeon__virtual_run(name##_body, NULL), 0); \
        }                                                           \
        static int name##_body(void *arg __attribute__((unused)))
