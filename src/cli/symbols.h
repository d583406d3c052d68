/* Which apps a loaded module declares. */
#pragma once

#include <stdbool.h>

#define APP_SYMBOL_PREFIX "aeon_app_define_"

/* Call @each with the name of every app that the library behind @handle (from dlopen) itself defines, until it returns false. */
void symbols_each_app(void *handle, bool (*each)(void *arg, const char *name), void *arg);
