/* Apps that run for real, in processes of their own. */
#pragma once

#include <aeon/app.h>
#include <signal.h>
#include <sys/types.h>

/* Run the app that @define declares, its stderr in the test's folder; end it by @signal (0: it ends by itself): the exit code. */
pid_t begin_app(void (*define)(aeon_app *app), const aeon_app_opts *opts);
int end_app(pid_t pid, int signal);

/* Wait until the app has said @part on stderr. */
void await_words(const char *part);

/* A client from outside of it: connect to @port as soon as somebody listens. */
int connect_to(int port);
void send_text_to(int fd, const char *text);

/* Until @part has come or the connection has ended; in one buffer. */
const char *receive_text(int fd, const char *part);
