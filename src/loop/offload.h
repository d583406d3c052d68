/* Work on threads, between the files of this room: what aeon_call() must know of the job that its thread is doing. */
#pragma once

#include "loop/loop.h"

struct job;

/* The job of the calling thread, if @loop is the one whose task waits for it or NULL, and then *ret_loop is held for the caller. NULL:
 * there is no such job. -ECANCELED in *ret_r: there was, but it has been abandoned. */
struct job *aeon__job_enter(aeon_loop *loop, aeon_loop **ret_loop, int *ret_r);

/* On the loop: from now on a cancel of the task that waits for @job cancels @scope too; NULL: not any more. */
void aeon__job_set_call(struct job *job, aeon_scope *scope);
