/* Opening a file without leaving a folder. */
#pragma once

#include <stdbool.h>

/* Open @path, relative to @folder, for reading; never anything outside of it. Blocks: for pool threads. The descriptor, or a negative
 * errno: -EXDEV, -ELOOP it leads out. @walk: as on systems without openat2(2), where symbolic links are not followed at all. */
int aeon__open_beneath(int folder, const char *path, bool walk);
