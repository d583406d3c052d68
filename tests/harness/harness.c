/* Registration, the forking runner and the checks; see harness.h. */
#include "harness.h"

#include <aeon/loop.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* libuv closes descriptors with a bare system call, which the thread sanitizer does not see: to it, the next thread that is given
 * the same number races with the last owner. (Our own callbacks are not hushed: libuv is not instrumented, so it stands in a stack
 * only where it called libc.) */
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
        return "race:libuv.so\n";
}

enum { DEFAULT_SECONDS = 20, SLOW_FACTOR = 5, JOBS_LIMIT = 16 };

static struct test *first_test, **last_test = &first_test;
static int failures;    /* of the running test, in its own process */
static char folder[64]; /* the running test's own */

void test_register(struct test *test)
{
        *last_test = test;
        last_test = &test->next;
}

/* ------------------------------------------------------------------ checks */

bool test_check(bool condition, const char *file, int line, const char *expression)
{
        if (!condition) {
                failures++;
                fprintf(stderr, "    %s:%d: not true: %s\n", file, line, expression);
        }
        return condition;
}

static void end_test(void);

void test_require(bool condition, const char *file, int line, const char *expression)
{
        if (!test_check(condition, file, line, expression))
                end_test();
}

bool test_check_int(intmax_t actual, intmax_t expected, const char *file, int line, const char *expression)
{
        if (actual == expected)
                return true;
        failures++;
        fprintf(stderr, "    %s:%d: %s is %jd, expected %jd\n", file, line, expression, actual, expected);
        return false;
}

bool test_check_str(const char *actual, const char *expected, const char *file, int line, const char *expression)
{
        if (actual == expected || (actual && expected && !strcmp(actual, expected)))
                return true;
        failures++;
        fprintf(stderr, "    %s:%d: %s is\n        \"%s\", expected\n        \"%s\"\n", file, line, expression,
                actual ? actual : "(null)", expected ? expected : "(null)");
        return false;
}

bool test_check_contains(const char *text, const char *part, const char *file, int line, const char *expression)
{
        if (text && strstr(text, part))
                return true;
        failures++;
        fprintf(stderr, "    %s:%d: %s lacks \"%s\"; it is\n%s\n", file, line, expression, part, text ? text : "(null)");
        return false;
}

bool test_is_slow(void)
{
        return SANITIZED || getenv("AEON_TEST_SLOW");
}

/* ------------------------------------------------------------------ folders and files */

const char *test_folder(void)
{
        if (!folder[0]) {
                strcpy(folder, "/tmp/aeon-test-XXXXXX");
                if (!mkdtemp(folder)) {
                        perror("mkdtemp");
                        exit(1);
                }
        }
        return folder;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where)
{
        (void)status, (void)kind, (void)where;
        remove(path);
        return 0;
}

static void remove_folder(void)
{
        if (folder[0])
                nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *test_path(const char *format, ...)
{
        static char buffers[8][512];
        static unsigned turn;
        char *buffer = buffers[turn++ % 8];
        int used = snprintf(buffer, sizeof buffers[0], "%s/", test_folder());
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(buffer + used, sizeof buffers[0] - (size_t)used, format, arguments);
        va_end(arguments);
        return buffer;
}

void test_write_file(const char *path, const char *text)
{
        FILE *f = fopen(path, "w");
        if (!f || fputs(text, f) < 0 || fclose(f) != 0) {
                perror(path);
                end_test();
        }
}

char *test_read_file(const char *path)
{
        FILE *f = fopen(path, "r");
        if (!f)
                return NULL;
        char *text = NULL;
        size_t size = 0;
        if (getdelim(&text, &size, '\0', f) < 0 && text)
                text[0] = '\0';
        fclose(f);
        return text;
}

const char *test_build_folder(void)
{
        const char *set = getenv("AEON_BUILD");
        return set ? set : AEON_BUILD_FOLDER;
}

const char *test_source_folder(void)
{
        const char *set = getenv("AEON_SOURCE");
        return set ? set : AEON_SOURCE_FOLDER;
}

/* ------------------------------------------------------------------ stderr */

static int real_stderr = -1;

void test_stderr_begin(void)
{
        int fd = open(test_path("stderr"), O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
        if (fd < 0 || (real_stderr = dup(STDERR_FILENO)) < 0 || dup2(fd, STDERR_FILENO) < 0)
                abort();
        close(fd);
}

const char *test_stderr(void)
{
        static char *text;
        free(text);
        text = test_read_file(test_path("stderr"));
        return text ? text : "";
}

void test_stderr_end(void)
{
        if (real_stderr < 0)
                return;
        dup2(real_stderr, STDERR_FILENO);
        close(real_stderr);
        real_stderr = -1;
        fputs(test_stderr(), stderr);
}

/* ------------------------------------------------------------------ one test, in its own process */

static void end_test(void)
{
        test_stderr_end();
        test_processes_end(failures > 0);
        remove_folder();
        fflush(NULL);
        _exit(failures ? 1 : 0);
}

static int body_in_task(void *arg)
{
        struct test *test = arg;
        test->body();
        return 0;
}

static void run_body(struct test *test)
{
        if (test->in_task) {
                int r = aeon_loop_run(body_in_task, test);
                test_check(r == 0, test->file, test->line, "the loop ended well");
        } else {
                test->body();
        }
        test_stderr_end();
        test_processes_end(failures > 0);
        remove_folder();
        fflush(NULL);
        exit(failures ? 1 : 0); /* not _exit: leak checkers run at exit */
}

/* ------------------------------------------------------------------ the runner */

struct job {
        struct test *test;
        pid_t pid;
        int output; /* read end of its stdout and stderr */
        char *text;
        size_t length;
        double deadline;
};

static double now(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void job_start(struct job *job, struct test *test)
{
        int ends[2];
        if (pipe(ends) < 0) {
                perror("pipe");
                exit(1);
        }
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
                setpgid(0, 0);
                close(ends[0]);
                dup2(ends[1], 1);
                dup2(ends[1], 2);
                close(ends[1]);
                run_body(test);
        }
        close(ends[1]);
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        fcntl(ends[0], F_SETFD, FD_CLOEXEC);
        int seconds = (test->seconds ? test->seconds : DEFAULT_SECONDS) * (test_is_slow() ? SLOW_FACTOR : 1);
        *job = (struct job){ .test = test, .pid = pid, .output = ends[0], .deadline = now() + seconds };
}

static void job_read(struct job *job)
{
        char buffer[4096];
        ssize_t n;
        while ((n = read(job->output, buffer, sizeof buffer)) > 0) {
                char *text = realloc(job->text, job->length + (size_t)n + 1);
                if (!text)
                        return;
                memcpy(text + job->length, buffer, (size_t)n);
                job->text = text;
                job->length += (size_t)n;
                text[job->length] = '\0';
        }
}

/* Report a finished job; returns true when it passed. */
static bool job_report(struct job *job, int status, bool timed_out, bool verbose)
{
        bool passed = !timed_out && WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (!passed) {
                printf("FAIL %s (%s:%d)", job->test->name, job->test->file, job->test->line);
                if (timed_out)
                        printf(": still running at its time-out");
                else if (WIFSIGNALED(status))
                        printf(": ended by %s", strsignal(WTERMSIG(status)));
                printf("\n%s%s", job->text ? job->text : "", job->length && job->text[job->length - 1] != '\n' ? "\n" : "");
        } else if (verbose) {
                printf("ok   %s\n%s", job->test->name, job->text ? job->text : "");
        }
        fflush(stdout);
        close(job->output);
        free(job->text);
        kill(-job->pid, SIGKILL); /* what the test left behind */
        job->pid = 0;
        return passed;
}

/* True when @job has ended; its result is added to the counts. */
static bool job_poll(struct job *job, bool verbose, int *passed, int *failed)
{
        job_read(job);
        int status = 0;
        bool timed_out = false;
        pid_t done = waitpid(job->pid, &status, WNOHANG);
        if (done == 0) {
                if (now() < job->deadline)
                        return false;
                timed_out = true;
                kill(-job->pid, SIGABRT);
                usleep(100000);
                kill(-job->pid, SIGKILL);
                waitpid(job->pid, &status, 0);
        }
        job_read(job);
        if (job_report(job, status, timed_out, verbose))
                ++*passed;
        else
                ++*failed;
        return true;
}

static bool wanted(const struct test *test, char **names)
{
        if (!*names)
                return true;
        for (; *names; names++)
                if (strstr(test->name, *names))
                        return true;
        return false;
}

static void run_all(char **names, int jobs_wanted, bool verbose, int *passed, int *failed)
{
        struct job jobs[JOBS_LIMIT] = { { 0 } };
        struct test *next = first_test;
        for (;;) {
                int running = 0;
                for (int i = 0; i < jobs_wanted; i++) {
                        while (!jobs[i].pid && next) {
                                if (wanted(next, names))
                                        job_start(&jobs[i], next);
                                next = next->next;
                        }
                        if (jobs[i].pid && !job_poll(&jobs[i], verbose, passed, failed))
                                running++;
                        else if (next)
                                running++;
                }
                if (!running && !next)
                        return;
                usleep(1000);
        }
}

int main(int argc, char **argv)
{
        bool verbose = false;
        int jobs = 2, passed = 0, failed = 0, option;
        while ((option = getopt(argc, argv, "vj:")) != -1) {
                if (option == 'v')
                        verbose = true;
                else if (option == 'j')
                        jobs = atoi(optarg);
                else
                        return 2;
        }
        signal(SIGPIPE, SIG_IGN);
        setenv("AEON_MODULES", test_build_folder(), 0);
        run_all(argv + optind, jobs < 1 ? 1 : jobs > JOBS_LIMIT ? JOBS_LIMIT : jobs, verbose, &passed, &failed);
        printf("%d passed, %d failed\n", passed, failed);
        return failed ? 1 : 0;
}
