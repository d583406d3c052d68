/* aeon/signal.h - signals as something that a task waits for.
 *
 *         aeon_signals *signals;
 *         int r = aeon_signals_open((const int[]){ SIGHUP, SIGUSR1 }, 2, &signals);
 *         if (r < 0)
 *                 return r;
 *         while ((r = aeon_signals_wait(signals)) > 0)
 *                 reload(r);
 *         aeon_signals_close(signals);
 *
 * An app needs none of this for SIGTERM and SIGINT: aeon_app_run() waits for them. */
#ifndef AEON_SIGNAL_H
#define AEON_SIGNAL_H

#include <aeon/attributes.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A receiver of signals, of one loop. While it is open, what else would happen on them (their handler or default action) does not.
 * Several may be open for the same signal, in one loop or in many: each is told. */
typedef struct aeon_signals aeon_signals;

/* Begin to catch the @count @signals. @ret_signals is yours. Does not suspend.
 *
 * Errors: -EINVAL (a signal that cannot be caught, a fault like SIGSEGV, or not called from a task), -ENOMEM */
AEON_API AEON_MUST_CHECK int aeon_signals_open(const int *signals, size_t count, aeon_signals **ret_signals);

/* Wait for the next one and return its number; of several the lowest. One that comes again before it was waited for is told once.
 *
 * Suspends. Cancellable, and then no signal was taken. Owner loop only; one task at a time.
 *
 * Errors: -ECANCELED; -EBADF closed meanwhile; -EBUSY another task waits; -EXDEV another loop's
 * Source: Trio reference, open_signal_receiver; concurrency rule 25. */
AEON_API AEON_SUSPENDS int aeon_signals_wait(aeon_signals *s);

/* The next one that has come already; never suspends. Errors: -EAGAIN there is none. */
AEON_API int aeon_signals_try_wait(aeon_signals *s);

/* Stop catching; NULL is accepted. Owner loop only. Does not suspend. A task that waits gets -EBADF.
 *
 * What has come and was not taken by any receiver is not lost: it happens as if it came now, to the receivers that are still open, else
 * to the handler from before. If there was none, the default action happens: an untaken SIGTERM ends the process here. An ignored
 * signal (SIG_IGN) stays ignored. Take with aeon_signals_try_wait() what should not happen. */
AEON_API void aeon_signals_close(aeon_signals *s);

#ifdef __cplusplus
}
#endif
#endif
