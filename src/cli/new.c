/* `aeon new NAME`: the files of src/cli/new/ in a folder of their own. */
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

/* What @WORDS@ of a template stand for, by the number of the choice. */
static const struct broker {
        const char *name;
        const char *queue;         /* @QUEUE@: where the service looks for it on the machine of whoever writes it */
        const char *cluster_queue; /* @CLUSTER_QUEUE@: and in a cluster */
        const char *server;        /* @SERVER@: what its README says about that */
        const char *packages;      /* @PACKAGES@: what its image needs besides */
} brokers[] = {
        { "sqlite", "sqlite:./@NAME@.db", "sqlite:./@NAME@.db", "", "" },
        { "redis", "redis://localhost:6379", "redis://redis:6379", " Its messages go through Redis; `.env` says where.",
          " /packages/aeon-broker-redis_*.deb" },
        { "nats", "nats://localhost:4222", "nats://nats:4222",
          " Its messages go through NATS (a server with JetStream, `nats-server -js`); `.env` says where.", "" },
        { "rabbitmq", "amqp://localhost:5672", "amqp://rabbitmq:5672", " Its messages go through RabbitMQ; `.env` says where.",
          " /packages/aeon-broker-rabbitmq_*.deb" },
        { "kafka", "kafka://localhost:9092", "kafka://kafka:9092", " Its messages go through Kafka; `.env` says where.",
          " /packages/aeon-broker-kafka_*.deb" },
        { "sqs", "sqs://eu-central-1", "sqs://eu-central-1",
          " Its messages go through Amazon SQS; `.env` says in which region, and the credentials are those of the AWS tools.",
          " /packages/aeon-broker-sqs_*.deb /packages/aeon-http-client_*.deb" },
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

static void put_text(FILE *f, const char *text, size_t length, const char *name, const struct broker *broker);

/* A Kubernetes name has no capitals and no _. */
static void put_label(FILE *f, const char *name)
{
        for (; *name; name++)
                fputc(*name == '_' ? '-' : tolower((unsigned char)*name), f);
}

/* The word at @text, if it is one of ours: its length; else 0. */
static size_t put_word(FILE *f, const char *text, const char *name, const struct broker *broker)
{
        const struct {
                const char *word, *stands_for;
        } words[] = {
                { "@QUEUE@", broker->queue },
                { "@CLUSTER_QUEUE@", broker->cluster_queue },
                { "@SERVER@", broker->server },
                { "@PACKAGES@", broker->packages },
        };
        if (!strncmp(text, "@NAME@", strlen("@NAME@"))) {
                fputs(name, f);
                return strlen("@NAME@");
        }
        if (!strncmp(text, "@LABEL@", strlen("@LABEL@"))) {
                put_label(f, name);
                return strlen("@LABEL@");
        }
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
                if (!strncmp(text, words[i].word, strlen(words[i].word))) {
                        put_text(f, words[i].stands_for, strlen(words[i].stands_for), name, broker);
                        return strlen(words[i].word);
                }
        return 0;
}

static void put_text(FILE *f, const char *text, size_t length, const char *name, const struct broker *broker)
{
        for (const char *end = text + length; text < end;) {
                size_t word = *text == '@' ? put_word(f, text, name, broker) : 0;
                if (!word)
                        fputc(*text, f);
                text += word ? word : 1;
        }
}

/* A line that begins with @BROKER@ is for that one only, with @!BROKER@ for all others. Returns where the line itself begins, or NULL. */
static const char *line_for(const char *line, const struct broker *broker)
{
        bool not = line[0] == '@' && line[1] == '!';
        const char *word = line + 1 + not, *end = line[0] == '@' ? strchr(word, '@') : NULL;
        for (size_t i = 0; end && i < sizeof brokers / sizeof *brokers; i++) {
                size_t length = strlen(brokers[i].name);
                if (length == (size_t)(end - word) && !memcmp(word, brokers[i].name, length))
                        return (broker == &brokers[i]) != not ? end + 1 : NULL;
        }
        return line;
}

static void put_file(FILE *f, const char *text, const char *name, const struct broker *broker)
{
        while (*text) {
                const char *end = text + strcspn(text, "\n"), *line = line_for(text, broker);
                end += *end == '\n';
                if (line)
                        put_text(f, line, (size_t)(end - line), name, broker);
                text = end;
        }
}

/* ------------------------------------------------------------------ files */

static void path_of(const struct template *t, const char *name, char path[static PATH_MAX])
{
        const char *word = strstr(t->path, "@NAME@");
        if (word)
                snprintf(path, PATH_MAX, "%s/%.*s%s%s", name, (int)(word - t->path), t->path, name, word + strlen("@NAME@"));
        else
                snprintf(path, PATH_MAX, "%s/%s", name, t->path);
}

static int write_file(const struct template *t, const char *name, const struct broker *broker)
{
        char path[PATH_MAX];
        path_of(t, name, path);
        char *slash = strchr(t->path, '/') ? strrchr(path, '/') : NULL;
        if (slash) {
                *slash = '\0';
                mkdir(path, 0777); /* may be there; the file tells */
                *slash = '/';
        }
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, t->mode);
        FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
        if (!f)
                return aeon_fail_os(-errno, "%s", path);
        put_file(f, t->text, name, broker);
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
                path_of(t, name, path);
                unlink(path);
        }
        snprintf(path, sizeof path, "%s/deploy", name);
        rmdir(path);
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
        printf("%s is made. Next:\n\n    cd %s\n    make test\n    make run\n", name, name);
        return 0;
}
