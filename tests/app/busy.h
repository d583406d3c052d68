/* An app that has something of everything, for simulations: parts with tasks, hooks of every kind, a lifespan with workers, a broker
 * with handlers, background and periodic tasks, a health check. It counts what it has taken and given back. */
#pragma once

#include <aeon/testing.h>

void busy_define(aeon_app *app);

/* Publishes and asks, all the time. */
int busy_traffic(aeon_test *t);

/* What was taken was given back, exactly once; every message has had its end. */
int busy_check(const aeon_test_result *life, void *unused);
