/* Waiting until a file changes: `--reload`.
 *
 * DESIGN
 *   Folders are watched, not files (inotify): an editor that writes a new file and renames it into place changes the folder, and a file
 *   that is not there yet can be waited for. What counts is a file that was added, and whatever is C beside one: the next thing that
 *   a broken build needs may be a header that no good build has known.
 */
#pragma once

#include <aeon/attributes.h>

struct changes;

/* Errors: -ENOMEM, what the system gave. NULL is accepted by the other three. */
int aeon__changes_new(struct changes **ret_changes);
void aeon__changes_free(struct changes *changes);

/* From now on @path counts, too. One that cannot be watched is told in the log. */
void aeon__changes_add(struct changes *changes, const char *path);

/* Until something has changed, and nothing more for a moment. @ret_file: what changed first; borrowed until the next call. Errors: -ECANCELED. */
AEON_SUSPENDS int aeon__changes_wait(struct changes *changes, const char **ret_file);
