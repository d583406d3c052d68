/* What the tests of the program share. */
#include "program.h"

#include <aeon/broker.h>
#include <aeon/error.h>
#include <aeon/loop.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *aeon_program(void)
{
        static char path[PATH_MAX + 16], build[PATH_MAX];
        if (!path[0]) {
                REQUIRE(realpath(test_build_folder(), build) != NULL);
                snprintf(path, sizeof path, "%s/src/cli/aeon", build);
                setenv("LD_LIBRARY_PATH", build, 1);
                strcat(build, "/tests");
                setenv("XDG_CACHE_HOME", build, 1);
        }
        return path;
}

const char *service(const char *name)
{
        static char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/tests/cli/programs/%s", test_source_folder(), name);
        return path;
}

const char *example(const char *name)
{
        static char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/examples/%s", test_source_folder(), name);
        return path;
}

/* Where @line stands as a whole line in @text; NULL when it does not. */
static const char *find_line(const char *text, const char *line)
{
        size_t length = strlen(line);
        for (const char *at = text; (at = strstr(at, line)); at += length)
                if ((at == text || at[-1] == '\n') && (at[length] == '\n' || !at[length]))
                        return at;
        return NULL;
}

int count_lines(const char *output, const char *line)
{
        int count = 0;
        while ((output = find_line(output, line))) {
                count++;
                output += strlen(line);
        }
        return count;
}

void check_trace(const char *output, const char *const lines[])
{
        const char *at = output;
        for (int i = 0; lines[i]; i++) {
                const char *found = find_line(at, lines[i]);
                if (!found) {
                        test_check(false, __FILE__, __LINE__, lines[i]);
                        fprintf(stderr, "    \"%s\" is not the next line of the trace in\n%s\n", lines[i], output);
                        return;
                }
                at = found + strlen(lines[i]);
        }
}

struct batch {
        const char *url;
        int first, count;
        const char *takes;
};

static int publish_batch(void *arg)
{
        const struct batch *b = arg;
        aeon_broker *broker;
        int r = aeon_broker_open(b->url, &broker);
        for (int i = 0; i < b->count && r == 0; i++) {
                char body[64];
                snprintf(body, sizeof body, "{\"id\":%d,\"takes\":\"%s\"}", b->first + i, b->takes);
                r = aeon_publish(broker, "jobs", AEON_JSON(body), NULL);
        }
        if (r < 0)
                fprintf(stderr, "    publishing jobs: %s\n", aeon_error_describe(r));
        aeon_broker_close(broker);
        return r;
}

void publish_jobs(const char *url, int first, int count, const char *takes)
{
        struct batch b = { url, first, count, takes };
        REQUIRE_INT(aeon_loop_run(publish_batch, &b), 0);
}

int service_on_free_port(const char *name)
{
        static const char fixed[] = ".port = 8000";
        char *program = test_read_file(service(name)), *at = program ? strstr(program, fixed) : NULL, *whole;
        REQUIRE(at != NULL);
        int port = test_free_port();
        REQUIRE(asprintf(&whole, "%.*s.port = %d%s", (int)(at - program), program, port, at + strlen(fixed)) > 0);
        test_write_file(test_path("%s", name), whole);
        free(whole);
        free(program);
        return port;
}
