/* See process.h. */
#include "process.h"

#include "harness.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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

int connect_to(int port)
{
        struct sockaddr_in sa = { .sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)port) };
        for (int i = 0; i < 500; i++) {
                int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                if (connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0)
                        return fd;
                close(fd);
                usleep(10000);
        }
        return -1;
}

void send_text_to(int fd, const char *text)
{
        CHECK_INT(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

const char *receive_text(int fd, const char *part)
{
        static char text[4096];
        size_t used = 0;
        ssize_t n = 1;
        text[0] = '\0';
        while (n > 0 && used < sizeof text - 1 && !(part && strstr(text, part))) {
                n = recv(fd, text + used, sizeof text - 1 - used, 0);
                used += n > 0 ? (size_t)n : 0;
                text[used] = '\0';
        }
        CHECK(n >= 0);
        return text;
}
