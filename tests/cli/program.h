/* The `aeon` program under test, and what it is asked to do. */
#pragma once

#include "harness.h"

/* Its path. The first call also sets the environment for it: a cache in the build folder, so a program is compiled once for all tests. */
const char *aeon_program(void);

/* A service of tests/cli/programs; an example. */
const char *service(const char *name);
const char *example(const char *name);

/* A copy of it in the test's folder, under the same name, that listens on a free port in place of 8000; the port. */
int service_on_free_port(const char *name);

#define AEON(...) PROCESS(aeon_program(), __VA_ARGS__)
#define RUN_AEON(ret_output, ...) RUN((ret_output), aeon_program(), __VA_ARGS__)

/* How many lines of @output are exactly @line. */
int count_lines(const char *output, const char *line);

/* Check that the @lines (up to NULL) all stand in @output, in this order. */
void check_trace(const char *output, const char *const lines[]);
#define TRACE(output, ...) check_trace((output), (const char *const[]){ __VA_ARGS__, NULL })

/* Publish the jobs @first .. @first + @count - 1 of drain.c, from this process. */
void publish_jobs(const char *url, int first, int count, const char *takes);
