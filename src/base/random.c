#include "base/random.h"

__thread uint64_t *aeon__random_state;
