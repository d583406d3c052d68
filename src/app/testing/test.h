/* A test of one app, between the files of this folder. */
#pragma once

#include "app/app.h"
#include "loop/world.h"

#include <aeon/testing.h>

struct aeon_test {
        struct watcher watcher;
        struct world world;
        struct loop_thread thread; /* the test function's loop */
        aeon_test_fn *fn;
        aeon_test_opts opts; /* with defaults filled in */
        aeon_time begun;
        bool ended; /* the app's life, or its process */
        aeon_test_result result;
};
