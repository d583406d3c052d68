/* What workers say, line by line; worker.h lists it. */
#include "app/changes.h"
#include "app/workers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void on_ready(struct worker *w, const char *value)
{
        (void)value;
        if (!w->ready)
                aeon__worker_ready(w);
}

static void on_pulse(struct worker *w, const char *value)
{
        (void)value;
        w->pulse = aeon_now();
}

/* It comes along, so we do; our own start or stop is what systemd knows of. */
static void on_more_time(struct worker *w, const char *value)
{
        (void)value;
        atomic_fetch_add(&w->slot->pool->app->moves, 1);
}

static void on_health(struct worker *w, const char *value)
{
        aeon_status health = !strcmp(value, "healthy") ? AEON_HEALTHY : !strcmp(value, "degraded") ? AEON_DEGRADED : AEON_UNHEALTHY;
        bool changed = w->health != health;
        w->health = health;
        if (changed)
                aeon__worker_changed(w);
}

static void on_takes(struct worker *w, const char *value)
{
        bool takes = *value == '1', changed = w->takes != takes;
        w->takes = takes;
        if (changed)
                aeon__worker_changed(w);
}

static void on_admin(struct worker *w, const char *value)
{
        snprintf(w->admin, sizeof w->admin, "%s", value);
}

static void on_file(struct worker *w, const char *value)
{
        aeon__changes_add(w->slot->pool->changes, value);
}

static void send_answer(struct worker *w, int code, const char *words, int fd)
{
        union {
                struct cmsghdr align;
                char room[CMSG_SPACE(sizeof fd)];
        } control = { 0 };
        struct iovec parts[] = { { &code, sizeof code }, { (char *)words, strlen(words) } };
        struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
        if (code == 0) {
                message.msg_control = &control;
                message.msg_controllen = sizeof control;
                struct cmsghdr *c = CMSG_FIRSTHDR(&message);
                *c = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd) };
                memcpy(CMSG_DATA(c), &fd, sizeof fd);
        }
        if (sendmsg(w->line, &message, MSG_NOSIGNAL) < 0)
                aeon_log_warning("%s did not get its socket: %s", aeon__worker_name(w), aeon_strerror(-errno));
}

static void on_bind(struct worker *w, const char *value)
{
        int fd = -1;
        int r = aeon__shared_socket(w, value, &fd);
        send_answer(w, r, r < 0 ? aeon_error_describe(r) : "", fd);
}

void aeon__worker_heard(struct worker *w, const char *lines)
{
        static const struct {
                const char *name;
                void (*take)(struct worker *w, const char *value);
        } words[] = {
                { "READY=", on_ready },     { "WATCHDOG=", on_pulse }, { "EXTEND_TIMEOUT_USEC=", on_more_time },
                { "X_HEALTH=", on_health }, { "X_TAKES=", on_takes },  { "X_ADMIN=", on_admin },
                { "X_FILE=", on_file },     { "X_BIND=", on_bind },
        };
        while (*lines) {
                char line[4096];
                size_t length = strcspn(lines, "\n");
                snprintf(line, sizeof line, "%.*s", (int)length, lines);
                lines += length + (lines[length] == '\n');
                for (size_t i = 0; i < sizeof words / sizeof *words; i++)
                        if (!strncmp(line, words[i].name, strlen(words[i].name)))
                                words[i].take(w, line + strlen(words[i].name));
        }
}
