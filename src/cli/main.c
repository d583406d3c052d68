/* The `aeon` program: the first argument is a command, and each command is a file of its own. */
#include "aeon_config.h"
#include "base/nearest.h"
#include "cli/commands.h"
#include "cli/flags.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct {
        const char *name;
        int (*main)(int argc, char **argv);
        const char *summary;
} commands[] = {
        { "run", run_main, "run an app, from source or a library" },
        { "publish", publish_main, "send one message, or ask and print the reply" },
        { "consume", consume_main, "print messages as they come" },
        { "probe", probe_main, "ask a running app whether it is live, ready or started" },
        { "health", health_main, "show the components of a running app" },
        { "tasks", tasks_main, "show the tasks of a running app, and what each waits for" },
        { "new", new_main, "make a project that builds, runs and tests at once" },
        { "docs", docs_main, "print or show what an app's messages and routes are" },
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static int help(FILE *out)
{
        fputs("The life of a service, from settings to exit code.\n\nUsage: aeon COMMAND ...\n\nCommands:\n", out);
        for (int i = 0; i < COMMAND_COUNT; i++)
                fprintf(out, "  %-9s  %s\n", commands[i].name, commands[i].summary);
        fputs("  help       print this; `aeon help COMMAND` or `aeon COMMAND --help` for one command\n", out);
        fputs("  --version  print the version\n", out);
        return out == stdout ? 0 : 2;
}

static int run_command(int argc, char **argv)
{
        const char *names[COMMAND_COUNT];
        for (int i = 0; i < COMMAND_COUNT; i++) {
                if (!strcmp(argv[0], commands[i].name))
                        return commands[i].main(argc, argv);
                names[i] = commands[i].name;
        }
        const char *near = aeon__nearest(argv[0], names, COMMAND_COUNT);
        if (near)
                aeon__flags_complain("aeon", "there is no command %s: did you mean %s?", argv[0], near);
        else
                aeon__flags_complain("aeon", "there is no command %s (`aeon help` lists all)", argv[0]);
        return 2;
}

int main(int argc, char **argv)
{
        signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of one write, not our death */
        if (argc < 2)
                return help(stderr);
        if (!strcmp(argv[1], "--version")) {
                puts("aeon " AEON_VERSION);
                return 0;
        }
        bool asks_help = !strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h");
        if (asks_help && argc < 3)
                return help(stdout);
        if (asks_help) {
                char *of_command[] = { argv[2], (char *)"--help", NULL };
                return run_command(2, of_command);
        }
        return run_command(argc - 1, argv + 1);
}
