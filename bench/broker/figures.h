/* What the programs that measure brokers share: their arguments, the messages, and the two figures that each prints.
 *
 * DESIGN
 *   PROGRAM MODE URL NAME COUNT [AT_ONCE]: a program does one thing to one fresh destination NAME, COUNT times with AT_ONCE under way, and
 *   prints one line:
 *
 *           messages-per-second CPU-microseconds-per-message
 *
 *   The CPU time is that of the whole process, its library's threads included; the server's is not in it. Of consumers it counts from the
 *   subscription on, since some libraries have fetched much when they show the first message; the time counts from that message, as it may
 *   take seconds to join a group. Who repeats the programs and sets them against each other is bench/broker/run. The programs in Python and Go have the
 *   same arguments and print the same.
 *
 *      consume   COUNT messages lie in the server already (the program itself put them there before, unmeasured); each is taken, looked
 *                at, and acknowledged
 *      publish   each is confirmed by the server
 *      request   questions and answers, both sides in the one process
 *
 *   Where a server keeps nothing (core NATS), another process sends while this one consumes: the shell command in AEON_BENCH_FLOOD. */
#pragma once

#include "../measure.h"

#include <stdarg.h>
#include <sys/resource.h>
#include <unistd.h>

enum { BODY = 128 };

static struct bench {
        const char *mode, *url, *name;
        long count;
        long at_once;
        char host[128]; /* once bench_address() has read them */
        int port;
        double wall, cpu; /* when measuring began; 0: it has not */
} bench;

static inline _Noreturn void die(const char *format, ...)
{
        va_list words;
        va_start(words, format);
        fprintf(stderr, "bench: %s %s: ", bench.mode ? bench.mode : "", bench.url ? bench.url : "");
        vfprintf(stderr, format, words);
        fputc('\n', stderr);
        va_end(words);
        exit(1);
}

static inline void bench_arguments(int argc, char **argv)
{
        if (argc < 5) {
                fprintf(stderr, "usage: %s MODE URL NAME COUNT [AT_ONCE]\n", argv[0]);
                exit(2);
        }
        bench.mode = argv[1];
        bench.url = argv[2];
        bench.name = argv[3];
        bench.count = strtol(argv[4], NULL, 10);
        bench.at_once = argc > 5 ? strtol(argv[5], NULL, 10) : 1;
        if (bench.count < 1 || bench.at_once < 1)
                die("wrong arguments");
        if (bench.at_once > bench.count)
                bench.at_once = bench.count;
}

/* For libraries that know no URLs: bench.host and bench.port. */
static inline void bench_address(void)
{
        const char *authority = strstr(bench.url, "://");
        if (!authority || sscanf(authority, "://%127[^:/]:%d", bench.host, &bench.port) != 2)
                die("the URL has no host and port");
}

static inline bool bench_mode(const char *mode)
{
        return strcmp(bench.mode, mode) == 0;
}

static inline double cpu_used(void)
{
        struct rusage used;
        getrusage(RUSAGE_SELF, &used);
        return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
               (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

/* From now on CPU time counts: before subscribing. */
static inline void bench_prepare(void)
{
        bench.cpu = cpu_used();
}

static inline void bench_begin(void)
{
        bench.wall = wall_seconds();
        if (bench.cpu == 0)
                bench.cpu = cpu_used();
}

static inline void bench_end(void)
{
        double cpu = cpu_used() - bench.cpu, wall = wall_seconds() - bench.wall;
        printf("%.1f %.3f\n", (double)bench.count / wall, cpu * 1e6 / (double)bench.count);
        fflush(stdout);
}

static inline const char *bench_body(void)
{
        static char body[BODY + 1];
        memset(body, 'x', BODY);
        return body;
}

/* A handler's work. */
static inline void bench_look(const void *body, size_t size)
{
        if (size != BODY || *(const char *)body != 'x')
                die("a message of %zu bytes that nobody sent", size);
}

/* For core NATS: now that we listen, have them sent. */
static inline void bench_flood(void)
{
        const char *command = getenv("AEON_BENCH_FLOOD");
        if (!command)
                die("AEON_BENCH_FLOOD does not say who sends");
        pid_t child = fork();
        if (child == 0) {
                execl("/bin/sh", "sh", "-c", command, (char *)NULL);
                _exit(127);
        }
        must(child < 0 ? -errno : 0, "fork");
}
