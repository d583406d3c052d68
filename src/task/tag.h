/* What a task's log lines are about: the id of the request, of the message. All that the task spawns is about the same. */
#pragma once

enum { TASK_TAG_LIMIT = 64 };

/* Give the running task, and what it spawns from now on, the tag @value (copied, cut at TASK_TAG_LIMIT) of the kind @name, a literal:
 * "request_id". Errors: -ENOMEM; -EINVAL outside a task. */
int aeon__task_tag_set(const char *name, const char *value);
