/* Parts of the library that are loaded when they are first needed, because they need a library of their own. */
#pragma once

/* Load the module NAME.so and find @symbol in it. Looked for in $AEON_MODULES, in the folder aeon/ beside the library, and where it was
 * installed. It stays loaded, and what was found is remembered: to ask again costs little. Both texts live as long as the program. Any thread.
 *
 * Errors: -ENOPKG (the words name the package aeon-NAME and what the loader said), -EINVAL it is not what it should be. */
int aeon__module_find(const char *name, const char *symbol, const void **ret_symbol);
