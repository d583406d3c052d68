/* `aeon probe [live|ready|startup] [URL]`: one question to a running app's admin listener, for a container's HEALTHCHECK. */
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/flags.h"

#include <aeon/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct probe {
        bool verbose;
        aeon_duration timeout;
};

static const struct flag flags[] = {
        { "verbose", FLAG_SWITCH(struct probe, verbose), NULL, "print the status line also when all is well", .letter = 'v' },
        { "timeout", FLAG_DURATION(struct probe, timeout), "TIME", "no answer after this long is a failure (2s)" },
        { 0 },
};

static const struct command command = {
        .program = "aeon probe",
        .arguments = "[live|ready|startup] [URL]",
        .summary = "Ask a running app how it is: exit code 0 for yes, 1 for no. Default: ready, " ADMIN_DEFAULT,
        .example = "aeon probe live unix:/run/serve.sock",
        .flags = flags,
        .least = 0,
        .most = 2,
};

static const struct {
        const char *name, *path;
} questions[] = { { "live", "/livez" }, { "ready", "/readyz" }, { "startup", "/startupz" } };

static const char *path_of(const char *question)
{
        for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
                if (!strcmp(questions[i].name, question))
                        return questions[i].path;
        return NULL;
}

int probe_main(int argc, char **argv)
{
        struct probe p = { .timeout = AEON_SECONDS(2) };
        char *line = NULL;
        int left = aeon__flags_parse(&command, &p, argc, argv);
        if (left < 0)
                return flags_exit(left);
        const char *path = left > 0 ? path_of(argv[0]) : NULL, *address = ADMIN_DEFAULT;
        if (path && left == 2)
                address = argv[1];
        else if (!path && left == 1 && strpbrk(argv[0], ":"))
                address = argv[0];
        else if (!path && left > 0) {
                aeon__flags_complain(command.program, "\"%s\" is none of live, ready, startup", argv[0]);
                return 2;
        }
        int r = cli_ask(address, path ? path : "/readyz", p.timeout, &line, NULL);
        if (r < 0)
                aeon__flags_complain(command.program, "%s: %s", address, aeon_error_describe(r));
        else if (r != 200 || p.verbose)
                puts(line);
        free(line);
        return r == 200 ? 0 : r == -EINVAL ? 2 : 1;
}
