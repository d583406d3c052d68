/* The process in numbers, under the names that Prometheus' own clients give them.
 *
 * Source: Prometheus, "Writing client libraries", process metrics. */
#include "app/exposition.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

double aeon__process_cpu_seconds(void)
{
        struct timespec t;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double open_files(void)
{
        DIR *folder = opendir("/proc/self/fd");
        double count = -3; /* ".", "..", and the one that reads the folder */
        if (!folder)
                return 0;
        while (readdir(folder))
                count++;
        closedir(folder);
        return count;
}

/* Pages, of /proc/self/statm. */
static void memory(double *ret_virtual, double *ret_resident)
{
        long long all = 0, resident = 0;
        FILE *file = fopen("/proc/self/statm", "re");
        if (file && fscanf(file, "%lld %lld", &all, &resident) < 2)
                all = resident = 0;
        if (file)
                fclose(file);
        double page = (double)sysconf(_SC_PAGESIZE);
        *ret_virtual = (double)all * page;
        *ret_resident = (double)resident * page;
}

double aeon__process_resident_bytes(void)
{
        double all, resident;
        memory(&all, &resident);
        return resident;
}

/* Seconds since 1970; 0 when nobody knows. The kernel counts a process's begin from the boot, in ticks. */
static double start_time(void)
{
        unsigned long long ticks = 0;
        FILE *file = fopen("/proc/self/stat", "re");
        if (!file)
                return 0;
        int c, found = 0;
        long behind_name = 0;
        while ((c = fgetc(file)) != EOF) /* the name may have blanks and parentheses of its own */
                if (c == ')')
                        behind_name = ftell(file);
        if (behind_name && fseek(file, behind_name, SEEK_SET) == 0)
                found = fscanf(file, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &ticks);
        fclose(file);
        struct timespec now, up;
        clock_gettime(CLOCK_REALTIME, &now);
        clock_gettime(CLOCK_BOOTTIME, &up);
        double boot = (double)(now.tv_sec - up.tv_sec) + (double)(now.tv_nsec - up.tv_nsec) / 1e9;
        return found == 1 ? boot + (double)ticks / (double)sysconf(_SC_CLK_TCK) : 0;
}

/* Once: the clock may be put right meanwhile. */
static double started(void)
{
        static _Atomic double found;
        if (!(atomic_load(&found) > 0))
                atomic_store(&found, start_time());
        return atomic_load(&found);
}

double aeon__process_age(void)
{
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        return started() > 0 ? (double)now.tv_sec + (double)now.tv_nsec / 1e9 - started() : 0;
}

void aeon__process_write(struct text *out)
{
        double all, resident;
        struct rlimit files;
        memory(&all, &resident);
        aeon__exposition_number(out, AEON_METRIC_COUNTER, "process_cpu_seconds_total", "Processor time that the process has used.",
                                aeon__process_cpu_seconds());
        aeon__exposition_number(out, AEON_METRIC_GAUGE, "process_resident_memory_bytes", "Memory that is in RAM.", resident);
        aeon__exposition_number(out, AEON_METRIC_GAUGE, "process_virtual_memory_bytes", "Address space in use.", all);
        aeon__exposition_number(out, AEON_METRIC_GAUGE, "process_open_fds", "File descriptors that are open.", open_files());
        if (getrlimit(RLIMIT_NOFILE, &files) == 0)
                aeon__exposition_number(out, AEON_METRIC_GAUGE, "process_max_fds", "File descriptors that may be open.",
                                        (double)files.rlim_cur);
        aeon__exposition_number(out, AEON_METRIC_GAUGE, "process_start_time_seconds", "When the process began, since 1970.",
                                started());
}
