/* Other processes and HTTP, as a test sees them: from outside. */
#include "harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct process {
        pid_t pid;     /* 0 once reaped */
        int exit_code; /* valid when pid is 0 */
        int output;    /* read end */
        char *text;
        size_t length;
        char name[64];
        struct process *next;
};

enum { SHOWN_OUTPUT = 4000 };

static struct process *processes;

static double now(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct process *process_start(const char *folder, const char *const argv[])
{
        int ends[2];
        struct process *p = calloc(1, sizeof *p);
        test_require(p && pipe(ends) == 0, __FILE__, __LINE__, "a process can be started");
        if (!folder)
                folder = test_folder(); /* made before the fork: all processes of a test share it */
        fflush(NULL);
        snprintf(p->name, sizeof p->name, "%s %s", argv[0], argv[1] ? argv[1] : "");
        p->pid = fork();
        if (p->pid == 0) {
                dup2(ends[1], 1);
                dup2(ends[1], 2);
                close(ends[0]);
                close(ends[1]);
                signal(SIGPIPE, SIG_DFL);
                if (chdir(folder) == 0)
                        execvp(argv[0], (char *const *)argv);
                fprintf(stderr, "cannot run %s: %s\n", argv[0], strerror(errno));
                _exit(127);
        }
        close(ends[1]);
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        fcntl(ends[0], F_SETFD, FD_CLOEXEC);
        p->output = ends[0];
        p->next = processes;
        processes = p;
        return p;
}

static void process_read(struct process *p)
{
        char buffer[4096];
        ssize_t n;
        while ((n = read(p->output, buffer, sizeof buffer)) > 0) {
                char *text = realloc(p->text, p->length + (size_t)n + 1);
                test_require(text != NULL, __FILE__, __LINE__, "memory for output");
                memcpy(text + p->length, buffer, (size_t)n);
                p->text = text;
                p->length += (size_t)n;
                text[p->length] = '\0';
        }
}

static bool process_ended(struct process *p)
{
        int status;
        if (p->pid && waitpid(p->pid, &status, WNOHANG) == p->pid) {
                p->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
                p->pid = 0;
        }
        process_read(p);
        return p->pid == 0;
}

bool process_await(struct process *p, const char *part, double seconds)
{
        double deadline = now() + seconds * (test_is_slow() ? 5 : 1);
        for (;;) {
                bool ended = process_ended(p);
                if (p->text && strstr(p->text, part))
                        return true;
                if (ended || now() > deadline) {
                        fprintf(stderr, "    \"%s\" did not come%s; the output is\n%s\n", part,
                                ended ? " before the end" : " in time", p->text ? p->text : "(nothing)");
                        return false;
                }
                usleep(2000);
        }
}

void process_signal(struct process *p, int signal)
{
        if (p->pid)
                kill(p->pid, signal);
}

int process_wait(struct process *p, double seconds)
{
        double deadline = now() + seconds * (test_is_slow() ? 5 : 1);
        while (!process_ended(p)) {
                if (now() > deadline) {
                        fprintf(stderr, "    process %d did not end in time; its output is\n%s\n", (int)p->pid,
                                p->text ? p->text : "(nothing)");
                        kill(p->pid, SIGKILL);
                        waitpid(p->pid, NULL, 0);
                        p->pid = 0;
                        p->exit_code = -1;
                        return -1;
                }
                usleep(2000);
        }
        return p->exit_code;
}

const char *process_output(struct process *p)
{
        process_ended(p);
        return p->text ? p->text : "";
}

pid_t process_id(const struct process *p)
{
        return p->pid;
}

int process_run(const char **ret_output, const char *const argv[])
{
        struct process *p = process_start(NULL, argv);
        int code = process_wait(p, 60);
        if (ret_output)
                *ret_output = process_output(p);
        return code;
}

static void show_output(struct process *p)
{
        const char *output = process_output(p);
        size_t length = strlen(output), shown = length < SHOWN_OUTPUT ? length : SHOWN_OUTPUT;
        if (shown)
                fprintf(stderr, "    process \"%s\" said%s\n%s\n", p->name, shown < length ? ", in the end," : "",
                        output + length - shown);
}

void test_processes_end(bool show)
{
        while (processes) {
                struct process *p = processes;
                if (show)
                        show_output(p);
                processes = p->next;
                if (p->pid) {
                        kill(p->pid, SIGKILL);
                        waitpid(p->pid, NULL, 0);
                }
                close(p->output);
                free(p->text);
                free(p);
        }
}

int test_free_port(void)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof address;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        test_require(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0 &&
                             getsockname(fd, (struct sockaddr *)&address, &size) == 0,
                     __FILE__, __LINE__, "a free port");
        close(fd);
        return ntohs(address.sin_port);
}

int test_http_get(int port, const char *target, const char **ret_body)
{
        static char answers[4][65536];
        static unsigned turn;
        char *answer = answers[turn++ % 4], request[512];
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_port = htons((uint16_t)port),
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        struct timeval limit = { .tv_sec = 10 };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", target);
        size_t length = 0;
        if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 && send(fd, request, (size_t)n, MSG_NOSIGNAL) == n) {
                ssize_t got;
                while (length < sizeof answers[0] - 1 && (got = recv(fd, answer + length, sizeof answers[0] - 1 - length, 0)) > 0)
                        length += (size_t)got;
        }
        close(fd);
        answer[length] = '\0';
        int status = -1;
        if (sscanf(answer, "HTTP/1.1 %d", &status) != 1)
                return -1;
        char *body = strstr(answer, "\r\n\r\n");
        if (ret_body)
                *ret_body = body ? body + 4 : "";
        return status;
}
