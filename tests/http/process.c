/* See process.h. */
#include "process.h"

#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

pid_t begin_app(void (*define)(aeon_app *app), const aeon_app_opts *opts)
{
        test_folder(); /* before the fork: both sides use it */
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
                if (!freopen(test_path("stderr"), "w", stderr))
                        exit(99);
                exit(aeon_app_run(define, opts));
        }
        return pid;
}

int end_app(pid_t pid, int signal)
{
        int status = 0;
        if (signal)
                kill(pid, signal);
        waitpid(pid, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void await_words(const char *part)
{
        char *text = NULL;
        for (int i = 0; i < 1000 && !(text && strstr(text, part)); i++) {
                usleep(10000);
                free(text);
                text = test_read_file(test_path("stderr"));
        }
        CHECK_CONTAINS(text ? text : "", part);
        free(text);
}
