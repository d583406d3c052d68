/* What a supervisor's admin listener answers for all of its workers. */
#pragma once

#include "base/text.h"

#include <aeon/app.h>
#include <stdbool.h>

/* The tasks of every worker behind @own, as a tree for people or as {"workers":[{"worker":1,"process":4711,"tasks":...}]}, "worker" 0
 * being the supervisor. Errors: -ENOMEM, -ECANCELED. */
AEON_SUSPENDS int aeon__workers_tasks(aeon_app *app, bool json, const struct text *own, struct text *ret_all);

/* The metrics of every worker and, in @own, the supervisor's: each family once, samples of a worker with the label worker="1". Errors: -ENOMEM,
 * -ECANCELED. */
AEON_SUSPENDS int aeon__workers_metrics(aeon_app *app, const struct text *own, struct text *ret_all);
