/* `aeon publish URL DESTINATION BODY`: one message out, and with --rpc one reply back.
 *
 * DESIGN
 *   A broker needs a task, so the command is one task on a loop of its own; one scope holds the time for all of it: connecting,
 *   publishing, waiting for the reply.
 */
#include "cli/commands.h"
#include "cli/flags.h"

#include <aeon/broker.h>
#include <aeon/error.h>
#include <aeon/log.h>
#include <aeon/loop.h>
#include <aeon/scope.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct publish {
        struct flag_list header_texts; /* "K=V" */
        bool rpc;
        aeon_duration timeout;
        const char *url, *destination;
        aeon_body body;
        aeon_header *headers; /* the names are copies, the values point into argv */
};

static const struct flag flags[] = {
        { "header", FLAG_LIST(struct publish, header_texts), "K=V", "add a header; may be given many times" },
        { "rpc", FLAG_SWITCH(struct publish, rpc), NULL, "wait for the reply and print it" },
        { "timeout", FLAG_DURATION(struct publish, timeout), "TIME", "give up after this long (10s)" },
        { 0 },
};

static const struct command command = {
        .program = "aeon publish",
        .arguments = "URL DESTINATION BODY",
        .summary = "Send one message and return when the broker has it. BODY - reads standard input.",
        .example = "aeon publish sqlite:./q.db test '{\"x\": 2}' --rpc",
        .flags = flags,
        .least = 3,
        .most = 3,
};

/* ------------------------------------------------------------------ what to send */

/* All of standard input; NULL with errno when it cannot be read. */
static char *read_input(size_t *ret_size)
{
        size_t size = 0, room = 0;
        char *bytes = NULL;
        do {
                if (size == room) {
                        char *more = realloc(bytes, room = room ? 2 * room : 65536);
                        if (!more) {
                                free(bytes);
                                return NULL;
                        }
                        bytes = more;
                }
                size += fread(bytes + size, 1, room - size, stdin);
        } while (!feof(stdin) && !ferror(stdin));
        if (ferror(stdin)) {
                free(bytes);
                return NULL;
        }
        *ret_size = size;
        return bytes;
}

static const char *content_type_of(const void *data, size_t size)
{
        json_t *value = json_loadb(data, size, JSON_DECODE_ANY, NULL);
        json_decref(value);
        return value ? "application/json" : "text/plain";
}

static int prepare_headers(struct publish *p)
{
        p->headers = calloc(p->header_texts.count + 1, sizeof *p->headers);
        if (!p->headers)
                return -ENOMEM;
        for (size_t i = 0; i < p->header_texts.count; i++) {
                const char *text = p->header_texts.texts[i], *equals = strchr(text, '=');
                if (!equals || equals == text)
                        return aeon_fail(-EINVAL, "--header: \"%s\" is not K=V", text);
                p->headers[i].name = strndup(text, (size_t)(equals - text));
                p->headers[i].value = equals + 1;
                if (!p->headers[i].name)
                        return -ENOMEM;
        }
        return 0;
}

static void free_headers(struct publish *p)
{
        for (size_t i = 0; p->headers && p->headers[i].name; i++)
                free((char *)p->headers[i].name);
        free(p->headers);
        free(p->header_texts.texts);
}

/* ------------------------------------------------------------------ sending it */

static int ask(aeon_broker *broker, const struct publish *p, const aeon_publish_opts *opts)
{
        aeon_message *reply;
        int r = aeon_request_with(broker, p->destination, p->body, opts, &reply);
        if (r < 0)
                return r;
        bool printed = fwrite(aeon_message_body(reply), 1, aeon_message_size(reply), stdout) == aeon_message_size(reply);
        if (!printed || putchar('\n') == EOF || fflush(stdout) == EOF)
                r = aeon_fail_os(-errno, "standard output");
        aeon_message_free(reply);
        return r;
}

static int connect_and_send(const struct publish *p)
{
        aeon_broker *broker;
        int r = aeon_broker_open(p->url, &broker);
        if (r < 0)
                return r;
        const aeon_publish_opts opts = { .headers = p->headers };
        if (p->rpc)
                r = ask(broker, p, &opts);
        else
                r = aeon_publish(broker, p->destination, p->body, &opts);
        aeon_broker_close(broker);
        return r;
}

/* The complaint is made here because the words of an error belong to the task. */
static int publish_task(void *arg)
{
        const struct publish *p = arg;
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = p->timeout, .name = "publish" });
        int r = aeon_scope_close(&s, connect_and_send(p));
        if (r == -ETIMEDOUT)
                aeon_fail(-ETIMEDOUT, p->rpc ? "no reply from %s within %gs" : "%s was not confirmed within %gs", p->destination,
                          (double)p->timeout / 1e9);
        if (r < 0)
                aeon__flags_complain(command.program, "%s", aeon_error_describe(r));
        return r;
}

int publish_main(int argc, char **argv)
{
        struct publish p = { .timeout = AEON_SECONDS(10) };
        char *input = NULL;
        int code = 1, left = aeon__flags_parse(&command, &p, argc, argv);
        if (left < 0) {
                free(p.header_texts.texts);
                return flags_exit(left);
        }
        p.url = argv[0];
        p.destination = argv[1];
        p.body = aeon_body_of(argv[2], strlen(argv[2]), NULL);
        int r = prepare_headers(&p);
        if (r < 0) {
                aeon__flags_complain(command.program, "%s", aeon_error_describe(r));
                code = r == -EINVAL ? 2 : 1;
        } else if (!strcmp(argv[2], "-") && !(input = read_input(&p.body.size))) {
                aeon__flags_complain(command.program, "standard input: %s", strerror(errno));
        } else {
                if (input)
                        p.body.data = input;
                p.body.content_type = content_type_of(p.body.data, p.body.size);
                aeon_log_set_level(AEON_LOG_WARNING);
                code = aeon_loop_run(publish_task, &p) < 0 ? 1 : 0;
        }
        free(input);
        free_headers(&p);
        return code;
}
