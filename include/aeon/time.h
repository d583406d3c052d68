/* aeon/time.h - durations, the clock, and sleeping until it has moved.
 *
 * All durations and times are 64-bit nanoseconds. The clock is monotonic; its zero means nothing; tests may replace it. */
#ifndef AEON_TIME_H
#define AEON_TIME_H

#include <aeon/attributes.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int64_t aeon_duration; /* nanoseconds */
typedef int64_t aeon_time;     /* nanoseconds on the loop's clock */

/* A duration of @n units, a whole number: AEON_SECONDS(5). */
#define AEON_NANOSECONDS(n) ((aeon_duration)(n))
#define AEON_MICROSECONDS(n) ((aeon_duration)(n)*1000)
#define AEON_MILLISECONDS(n) ((aeon_duration)(n)*1000000)
#define AEON_SECONDS(n) ((aeon_duration)(n)*1000000000)
#define AEON_MINUTES(n) ((aeon_duration)(n)*60000000000)
#define AEON_HOURS(n) ((aeon_duration)(n)*3600000000000)

/* No deadline. */
#define AEON_NEVER INT64_MAX

/* Private: the place of a deadline in its loop's heap; 0 when it is in none. Public because aeon_scope lies in the caller's storage. */
struct aeon__heap_node {
        uint32_t place;
        uint32_t kind;
};

/* The loop's clock now; outside a loop the system's monotonic clock. Never suspends; any thread. */
AEON_API aeon_time aeon_now(void);

/* Sleep for @duration; zero is a checkpoint.
 *
 * Suspends. Cancellable. Never wakes early.
 *
 * Errors: -ECANCELED  an enclosing scope was cancelled or its deadline passed
 *         -EINVAL     @duration is negative, or not called from a task
 *         -ENOMEM */
AEON_API AEON_SUSPENDS int aeon_sleep(aeon_duration duration);

/* Sleep until the clock reads @when; a time in the past is a checkpoint. AEON_NEVER sleeps until cancelled.
 *
 * Suspends. Cancellable.
 *
 * Errors: -ECANCELED, -EINVAL, -ENOMEM as aeon_sleep(). */
AEON_API AEON_SUSPENDS int aeon_sleep_until(aeon_time when);

#ifdef __cplusplus
}
#endif
#endif
