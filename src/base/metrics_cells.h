/* The cells of metrics; see metrics.h. */
#pragma once

#include <stdbool.h>

/* Take @count cells for good; they hold 0. False: there are no more. */
bool aeon__cells_take(unsigned count, unsigned *ret_slot);
