/* The measurements of tasks. Each runs inside a task of a fresh loop and returns what one operation costs: nanoseconds of CPU time,
 * or bytes. The same stand in bench/go/main.go, under the same names. */
#pragma once

double measure_yield(long operations, long tasks);
double measure_spawn(long operations, long tasks);
double measure_hop(long operations, long unused);
double measure_deadline(long operations, long unused);
double measure_cancel(long operations, long tasks);
double measure_parked(long tasks, long unused);
