/* What a worker says to the supervisor that started it, and asks of it; docs/workers.md is the guide.
 *
 * DESIGN
 *   `--workers N` makes a process a SUPERVISOR (workers.h). It starts its own program again N times, and each of those, a WORKER, is an app
 *   like any other but for two things: it inherits one end of a socket pair, and its listening sockets come through it.
 *
 *       AEON_WORKER_ID=2      who it is; stays in the environment
 *       AEON_WORKER_FD=5      its end of the pair, SOCK_SEQPACKET; taken out of the environment when it was read
 *
 *   What is said is in lines, as systemd's protocol has them, so that what is told to systemd (notify.c) is told to the supervisor:
 *
 *       READY=1  STOPPING=1  WATCHDOG=1  EXTEND_TIMEOUT_USEC=N       as they are
 *       X_HEALTH=healthy|degraded|unhealthy  X_TAKES=1|0             once a second: its health; whether it is ready
 *       X_ADMIN=ADDRESS                                              where its own admin listener is
 *       X_FILE=PATH                                                  it was made from this file, or has read it: --reload
 *       X_BIND=ADDRESS                                               answered: an int, a negative errno with its words behind it,
 *                                                                    or 0 with the socket
 */
#pragma once

#include <aeon/attributes.h>
#include <stdbool.h>

/* The descriptor; -1: this process is not a worker. */
int aeon__worker_fd(void);

/* One message of one or more lines. Nothing happens in a process that is no worker. Any thread. */
AEON_API void aeon__worker_tell(const char *format, ...) AEON_PRINTF(1, 2);

/* Its end of the pair is all that is left. */
bool aeon__worker_is_orphan(void);

/* In a worker: have aeon_socket_bind() ask the supervisor. */
void aeon__worker_begin(void);
