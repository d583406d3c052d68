/* The test harness.
 *
 * DESIGN
 *   A test is a function that registers itself before main(). main() runs each in a process of its own, with a time-out, so a
 *   crash, a hang or a leak of one is the failure of that one only. TEST bodies run inside a task of a fresh loop, because that
 *   is where users' code runs; PLAIN_TEST bodies run on the process's own stack.
 *
 *       TEST(sleep_of_zero_is_a_checkpoint)
 *       {
 *               CHECK_INT(aeon_sleep(0), 0);
 *       }
 *
 *   A failed CHECK prints both values and goes on; REQUIRE ends the test. The last line of a run is `N passed, N failed`.
 *   Usage: tests-ROOM [-v] [-j JOBS] [NAME-PART]...
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct test {
        const char *name;
        const char *file;
        int line;
        void (*body)(void);
        bool in_task;
        int seconds; /* time-out; 0: the default of 20 (times 5 under a sanitizer or valgrind) */
        struct test *next;
};

void test_register(struct test *test);

#define TEST_DEFINE(test_name, task, limit)                                                                 \
        static void test_name(void);                                                                        \
        __attribute__((constructor)) static void register_##test_name(void)                                 \
        {                                                                                                   \
                static struct test self = { #test_name, __FILE__, __LINE__, test_name, task, limit, NULL }; \
                test_register(&self);                                                                       \
        }                                                                                                   \
        static void test_name(void)

#define TEST(name) TEST_DEFINE(name, true, 0)
#define TEST_WITHIN(name, seconds) TEST_DEFINE(name, true, seconds)
#define PLAIN_TEST(name) TEST_DEFINE(name, false, 0)
#define PLAIN_TEST_WITHIN(name, seconds) TEST_DEFINE(name, false, seconds)

#define CHECK(condition) test_check((condition), __FILE__, __LINE__, #condition)
#define REQUIRE(condition) test_require((condition), __FILE__, __LINE__, #condition)
#define CHECK_INT(actual, expected) test_check_int((intmax_t)(actual), (intmax_t)(expected), __FILE__, __LINE__, #actual)
#define REQUIRE_INT(actual, expected)                                                                                           \
        test_require(test_check_int((intmax_t)(actual), (intmax_t)(expected), __FILE__, __LINE__, #actual), __FILE__, __LINE__, \
                     #actual)
#define CHECK_STR(actual, expected) test_check_str((actual), (expected), __FILE__, __LINE__, #actual)
#define CHECK_CONTAINS(text, part) test_check_contains((text), (part), __FILE__, __LINE__, #text)

bool test_check(bool condition, const char *file, int line, const char *expression);
void test_require(bool condition, const char *file, int line, const char *expression); /* ends the test when false */
bool test_check_int(intmax_t actual, intmax_t expected, const char *file, int line, const char *expression);
bool test_check_str(const char *actual, const char *expected, const char *file, int line, const char *expression);
bool test_check_contains(const char *text, const char *part, const char *file, int line, const char *expression);

/* True under ASan, TSan or valgrind: for sizes of a stress test, never for whether it runs. */
bool test_is_slow(void);

/* Collect what the process writes to stderr, its log. test_stderr() is what came so far (borrowed until the next call); the end passes
 * it all on, so that a failed check among it is seen. */
void test_stderr_begin(void);
const char *test_stderr(void);
void test_stderr_end(void);

/* A fresh folder that is removed when the test ends. */
const char *test_folder(void);

/* A format of its own: "%s/x" of the folder, in one of a few rotating buffers. */
const char *test_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

void test_write_file(const char *path, const char *text);
char *test_read_file(const char *path); /* to free(); NULL when it cannot be read */

/* ------------------------------------------------------------------ other processes */

/* A child whose stdout and stderr are collected. It is killed when the test ends, whatever way. */
struct process;

/* Start @argv (NULL-terminated; argv[0] is looked up in PATH); @folder NULL: the test's folder. */
struct process *process_start(const char *folder, const char *const argv[]);
#define PROCESS(...) process_start(NULL, (const char *const[]){ __VA_ARGS__, NULL })

/* Wait until @part stands in its output (stdout and stderr together) or @seconds pass. */
bool process_await(struct process *p, const char *part, double seconds);
void process_signal(struct process *p, int signal);

/* Wait for its end: the exit code, 128 + the signal that ended it, or -1 after @seconds (it is then killed). */
int process_wait(struct process *p, double seconds);
const char *process_output(struct process *p); /* all so far; borrowed until the next call on @p */
/* Kill and reap what is left; the harness does it at the end of each test. @show: what they have said goes to stderr. */
void test_processes_end(bool show);

pid_t process_id(const struct process *p);

/* Run to the end: exit code, output in @ret_output (borrowed until the test ends; may be NULL). */
int process_run(const char **ret_output, const char *const argv[]);
#define RUN(ret_output, ...) process_run((ret_output), (const char *const[]){ __VA_ARGS__, NULL })

/* A TCP port on 127.0.0.1 that was free a moment ago. */
int test_free_port(void);

/* One HTTP/1.1 GET over a real socket: the status, the body in @ret_body (borrowed until the test ends; may be NULL), -1 when there
 * was no answer. Blocks the thread; for PLAIN_TESTs. */
int test_http_get(int port, const char *target, const char **ret_body);

/* Where the programs under test are: the build folder (environment AEON_BUILD, set by scripts/test). */
const char *test_build_folder(void);
const char *test_source_folder(void);
