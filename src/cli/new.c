/* `aeon new NAME`: the files of cli/templates.c in a folder of their own. */
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/templates.h"

#include <aeon/error.h>
#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct new
{
        int broker;
};

static const struct flag flags[] = {
        { "broker", FLAG_CHOICE(struct new, broker), "sqlite|redis|nats|rabbitmq|kafka|sqs", "(sqlite) what carries its messages" },
        { 0 },
};

static const struct command command = {
        .program = "aeon new",
        .arguments = "NAME",
        .summary = "Make a folder NAME with a service that builds, runs and tests at once.",
        .example = "aeon new words && cd words && make test",
        .flags = flags,
        .least = 1,
        .most = 1,
};

enum { NAME_LIMIT = 64 };

/* By the number of the choice: where the service looks for its broker, and what its README says about that. */
static const struct broker {
        const char *queue, *server;
} brokers[] = {
        { "sqlite:./@NAME@.db", "" },
        { "redis://localhost:6379", " Its messages go through Redis; `.env` says where." },
        { "nats://localhost:4222",
          " Its messages go through NATS (a server with JetStream, `nats-server -js`); `.env` says where." },
        { "amqp://localhost:5672", " Its messages go through RabbitMQ; `.env` says where." },
        { "kafka://localhost:9092", " Its messages go through Kafka; `.env` says where." },
        { "sqs://eu-central-1",
          " Its messages go through Amazon SQS; `.env` says in which region, and the credentials are those of the AWS tools." },
};

/* It becomes the name of a file, a program and a queue, and stands in a Makefile: nothing there may need quoting. */
static int check_name(const char *name)
{
        bool good = isalpha((unsigned char)name[0]) && strlen(name) <= NAME_LIMIT;
        for (const char *p = name; *p; p++)
                good &= isalnum((unsigned char)*p) || *p == '_' || *p == '-';
        if (good)
                return 0;
        return aeon_fail(-EINVAL, "\"%s\" is no name: letters, digits, - and _ are wanted, a letter first, at most %d", name,
                         NAME_LIMIT);
}

/* Write @text with each @NAME@, @QUEUE@ and @SERVER@ replaced. */
static void put_text(FILE *f, const char *text, const char *name, const struct broker *broker)
{
        while (*text) {
                size_t plain = strcspn(text, "@");
                fwrite(text, 1, plain, f);
                text += plain;
                if (!strncmp(text, "@NAME@", 6)) {
                        fputs(name, f);
                        text += 6;
                } else if (!strncmp(text, "@QUEUE@", 7)) {
                        put_text(f, broker->queue, name, broker);
                        text += 7;
                } else if (!strncmp(text, "@SERVER@", 8)) {
                        fputs(broker->server, f);
                        text += 8;
                } else if (*text) {
                        fputc(*text++, f);
                }
        }
}

static void path_of(const struct template *t, const char *name, char *path, size_t size)
{
        if (!strcmp(t->path, "@NAME@.c"))
                snprintf(path, size, "%s/%s.c", name, name);
        else
                snprintf(path, size, "%s/%s", name, t->path);
}

static int write_file(const struct template *t, const char *name, const struct broker *broker)
{
        char path[PATH_MAX];
        path_of(t, name, path, sizeof path);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, t->mode);
        FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
        if (!f)
                return aeon_fail_os(-errno, "%s", path);
        put_text(f, t->text, name, broker);
        bool bad = ferror(f);
        if (fclose(f) == EOF || bad)
                return aeon_fail_os(-errno, "%s", path);
        return 0;
}

/* Take back what was written: half a project helps nobody. */
static void remove_all(const char *name)
{
        char path[PATH_MAX];
        for (const struct template *t = project_templates; t->path; t++) {
                path_of(t, name, path, sizeof path);
                unlink(path);
        }
        rmdir(name);
}

static int make_project(const char *name, const struct broker *broker)
{
        int r = check_name(name);
        if (r < 0)
                return r;
        if (mkdir(name, 0777) < 0)
                return errno == EEXIST ? aeon_fail(-EEXIST, "%s is there already; nothing was changed", name)
                                       : aeon_fail_os(-errno, "%s", name);
        for (const struct template *t = project_templates; t->path && r == 0; t++)
                r = write_file(t, name, broker);
        if (r < 0)
                remove_all(name);
        return r;
}

int new_main(int argc, char **argv)
{
        struct new n = { 0 };
        int left = aeon__flags_parse(&command, &n, argc, argv);
        if (left < 0)
                return flags_exit(left);
        const char *name = argv[0];
        int r = make_project(name, &brokers[n.broker]);
        if (r < 0) {
                aeon__flags_complain(command.program, "%s", aeon_error_describe(r));
                return r == -EINVAL || r == -EEXIST ? 2 : 1;
        }
        printf("%s is made. Next:\n\n    cd %s\n    make test\n    aeon run %s.c\n", name, name, name);
        return 0;
}
