/* Private servers and the proxy; see faults.h. */
#include "faults.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

const struct nature *nature_of(const struct contract *k)
{
        static const struct nature natures[] = {
                { "redis", true, ":hunter@", "?min_idle=1s", "heartbeat=1s" },
                { "nats", true, "aeon:hunter@", "?ack_wait=1s", "heartbeat=1s" },
                { "rabbitmq", true, "guest:guest@", "", "heartbeat=1s" },
                { "kafka", true, NULL, "?session=6s", NULL },
                { "sqs", false, NULL, "?visibility=2s", NULL },
        };
        for (size_t i = 0; i < sizeof natures / sizeof *natures; i++)
                if (!strcmp(natures[i].name, k->name))
                        return &natures[i];
        REQUIRE(!"a broker with a server");
        return NULL;
}

/* ------------------------------------------------------------------ servers */

enum { SERVERS = 4 };
static struct server *running[SERVERS];

void server_init(struct server *s, const struct contract *k)
{
        *s = (struct server){ .kind = k, .port = test_free_port() };
        s->told_port = s->port;
}

void server_start(struct server *s)
{
        char command[1200], port[12], told[12];
        const char *name = s->kind->name, *source = test_source_folder();
        const char *folder = test_path("%s-%d", name, s->port), *log = test_path("%s-%d.log", name, s->port);
        REQUIRE(mkdir(folder, 0700) == 0 || errno == EEXIST);
        snprintf(port, sizeof port, "%d", s->port);
        snprintf(told, sizeof told, "%d", s->told_port);
        snprintf(command, sizeof command, "exec '%s/scripts/servers' run %s %s '%s' >>'%s' 2>&1", source, name, port, folder, log);
        setenv("AEON_SERVER_PASSWORD", s->password ? s->password : "", 1);
        setenv("AEON_SERVER_PORT", told, 1);
        setenv("AEON_SERVER_KEEPS", "yes", 1);
        s->process = PROCESS("sh", "-c", command);

        snprintf(command, sizeof command, "%s/scripts/servers", source);
        struct process *ready = PROCESS(command, "ready", name, port);
        if (process_wait(ready, 120) != 0) {
                char *text = test_read_file(log);
                fprintf(stderr, "    %s\n%s\n", process_output(ready), text ? text : "");
                REQUIRE(!"the server starts");
        }
        for (int i = 0; i < SERVERS; i++)
                if (!running[i] || running[i] == s) {
                        running[i] = s;
                        return;
                }
}

static void end_with(struct server *s, int signal)
{
        if (!s->process)
                return;
        process_signal(s->process, signal);
        CHECK(process_wait(s->process, 30) >= 0);
        s->process = NULL;
}

void server_stop(struct server *s)
{
        end_with(s, SIGTERM);
}

void server_kill(struct server *s)
{
        end_with(s, SIGKILL);
}

void servers_end(void)
{
        for (int i = 0; i < SERVERS; i++)
                if (running[i])
                        server_kill(running[i]);
}

const char *server_url(const struct contract *k, int port, const char *user, const char *options)
{
        enum { URLS = 8 };
        static char urls[URLS][300];
        static unsigned turn;
        char *url = urls[turn++ % URLS];
        const char *scheme = !strcmp(k->name, "rabbitmq") ? "amqp" : !strcmp(k->name, "sqs") ? "sqs+http" : k->name;
        snprintf(url, sizeof urls[0], "%s://%s127.0.0.1:%d%s%s", scheme, user, port, *options ? "?" : "", options);
        return url;
}

/* ------------------------------------------------------------------ the proxy */

enum { PAIRS = 256, FLOW_SIZE = 16 * 1024 };
enum mode { PASS, STALL, REFUSE };

struct flow { /* one direction */
        int from, to;
        size_t at, length; /* what is in bytes and not yet written */
        bool ended;
        char bytes[FLOW_SIZE];
};

struct pair { /* a client's connection and ours to the server */
        bool used;
        struct flow flows[2];
};

/* In memory that the test and the proxy's process share. */
struct proxy {
        pid_t process;
        int port, server_port, listener, wake;
        pthread_mutex_t lock; /* for all below */
        pthread_cond_t obeyed;
        enum mode mode;
        bool reset_all, ending, ordered; /* ordered: the process has not looked yet */
        uint64_t bytes_left;             /* until the reset; 0: none is wanted */
        unsigned accepted, resets;
        struct pair pairs[PAIRS];
};

static struct sockaddr_in local(int port)
{
        return (struct sockaddr_in){ .sin_family = AF_INET,
                                     .sin_port = htons((uint16_t)port),
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int new_socket(void)
{
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        test_require(fd >= 0, __FILE__, __LINE__, "a socket");
        return fd;
}

/* Returns the descriptor; @port 0: a free one. */
static int listen_on(int port, int *ret_port)
{
        struct sockaddr_in address = local(port);
        socklen_t size = sizeof address;
        int fd = new_socket();
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
        test_require(bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, 64) == 0 &&
                             getsockname(fd, (struct sockaddr *)&address, &size) == 0,
                     __FILE__, __LINE__, "the proxy listens");
        fcntl(fd, F_SETFL, O_NONBLOCK);
        *ret_port = ntohs(address.sin_port);
        return fd;
}

static void close_hard(int fd)
{
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ .l_onoff = 1 }, sizeof(struct linger));
        close(fd);
}

static void break_off(struct proxy *p, int i)
{
        close_hard(p->pairs[i].flows[0].from);
        close_hard(p->pairs[i].flows[0].to);
        p->pairs[i].used = false;
        p->resets++;
}

static void break_off_all(struct proxy *p)
{
        for (int i = 0; i < PAIRS; i++)
                if (p->pairs[i].used)
                        break_off(p, i);
}

static void let_in(struct proxy *p)
{
        int client = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC), i = 0;
        if (client < 0)
                return;
        p->accepted++;
        struct sockaddr_in address = local(p->server_port);
        int server = new_socket();
        while (i < PAIRS && p->pairs[i].used)
                i++;
        if (i == PAIRS || connect(server, (struct sockaddr *)&address, sizeof address) < 0) {
                close_hard(client);
                close(server);
                return;
        }
        fcntl(client, F_SETFL, O_NONBLOCK);
        fcntl(server, F_SETFL, O_NONBLOCK);
        struct flow *f = p->pairs[i].flows;
        f[0].from = f[1].to = client;
        f[0].to = f[1].from = server;
        f[0].length = f[1].length = 0;
        f[0].ended = f[1].ended = false;
        p->pairs[i].used = true;
}

/* Forward what can be. False: the pair is to be broken off. */
static bool forward(struct proxy *p, struct flow *f)
{
        if (!f->length && !f->ended) {
                ssize_t n = read(f->from, f->bytes, sizeof f->bytes);
                if (n < 0)
                        return errno == EAGAIN;
                f->at = 0;
                f->length = (size_t)n;
                f->ended = n == 0;
                if (f->ended)
                        shutdown(f->to, SHUT_WR);
        }
        if (!f->length)
                return true;
        size_t most = p->bytes_left && p->bytes_left < f->length ? p->bytes_left : f->length;
        ssize_t n = send(f->to, f->bytes + f->at, most, MSG_NOSIGNAL);
        if (n < 0)
                return errno == EAGAIN;
        f->at += (size_t)n;
        f->length -= (size_t)n;
        if (!p->bytes_left)
                return true;
        p->bytes_left -= (uint64_t)n;
        return p->bytes_left > 0;
}

static void forward_pair(struct proxy *p, int i)
{
        struct flow *f = p->pairs[i].flows;
        if (!forward(p, &f[0]) || !forward(p, &f[1])) {
                break_off(p, i);
        } else if (f[0].ended && f[1].ended) {
                close(f[0].from);
                close(f[0].to);
                p->pairs[i].used = false;
        }
}

static void obey(struct proxy *p)
{
        if (p->reset_all || p->mode == REFUSE || p->ending)
                break_off_all(p);
        p->reset_all = false;
        bool open = p->mode != REFUSE && !p->ending;
        if (open && p->listener < 0) {
                p->listener = listen_on(p->port, &p->port);
        } else if (!open && p->listener >= 0) {
                close(p->listener);
                p->listener = -1;
        }
        p->ordered = false;
        pthread_cond_broadcast(&p->obeyed);
}

static nfds_t gather(const struct proxy *p, struct pollfd *fds)
{
        nfds_t count = 0;
        fds[count++] = (struct pollfd){ p->wake, POLLIN, 0 };
        if (p->mode != PASS)
                return count;
        fds[count++] = (struct pollfd){ p->listener, POLLIN, 0 };
        for (int i = 0; i < PAIRS; i++)
                for (int j = 0; p->pairs[i].used && j < 2; j++) {
                        const struct flow *f = &p->pairs[i].flows[j];
                        if (f->length)
                                fds[count++] = (struct pollfd){ f->to, POLLOUT, 0 };
                        else if (!f->ended)
                                fds[count++] = (struct pollfd){ f->from, POLLIN, 0 };
                }
        return count;
}

static void run(struct proxy *p)
{
        struct pollfd fds[2 + 2 * PAIRS];
        pthread_mutex_lock(&p->lock);
        while (!p->ending || p->ordered) {
                nfds_t count = gather(p, fds);
                pthread_mutex_unlock(&p->lock);
                poll(fds, count, -1);
                uint64_t wakes;
                if (fds[0].revents && read(p->wake, &wakes, sizeof wakes) < 0)
                        abort();
                pthread_mutex_lock(&p->lock);
                if (p->ordered)
                        obey(p);
                if (fds[0].revents || p->mode != PASS)
                        continue;
                if (fds[1].revents)
                        let_in(p);
                for (int i = 0; i < PAIRS; i++)
                        if (p->pairs[i].used)
                                forward_pair(p, i);
        }
        pthread_mutex_unlock(&p->lock);
}

/* What else the test has open would stay open when the test closes it. */
static void keep_only_the_proxy(const struct proxy *p)
{
        unsigned listener = (unsigned)p->listener, wake = (unsigned)p->wake;
        unsigned low = listener < wake ? listener : wake, high = listener < wake ? wake : listener;
        (void)close_range(3, low - 1, 0); /* an empty range is refused: well */
        (void)close_range(low + 1, high - 1, 0);
        (void)close_range(high + 1, ~0U, 0);
}

static void share_lock(struct proxy *p)
{
        pthread_mutexattr_t lock;
        pthread_condattr_t condition;
        pthread_mutexattr_init(&lock);
        pthread_mutexattr_setpshared(&lock, PTHREAD_PROCESS_SHARED);
        pthread_mutex_init(&p->lock, &lock);
        pthread_mutexattr_destroy(&lock);
        pthread_condattr_init(&condition);
        pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED);
        pthread_cond_init(&p->obeyed, &condition);
        pthread_condattr_destroy(&condition);
}

struct proxy *proxy_start(int server_port)
{
        struct proxy *p = mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        REQUIRE(p != MAP_FAILED);
        p->server_port = server_port;
        p->wake = eventfd(0, EFD_CLOEXEC);
        p->listener = listen_on(0, &p->port);
        share_lock(p);
        fflush(NULL);
        pid_t pid = fork();
        REQUIRE(p->wake >= 0 && pid >= 0);
        if (pid == 0) {
                keep_only_the_proxy(p);
                run(p);
                _exit(0);
        }
        p->process = pid;
        close(p->listener); /* a refusal must be one */
        return p;
}

/* Returns when it is done. */
static void order(struct proxy *p, enum mode mode, bool reset, bool end)
{
        pthread_mutex_lock(&p->lock);
        p->mode = mode;
        p->reset_all = reset;
        p->ending = end;
        p->ordered = true;
        eventfd_write(p->wake, 1);
        while (p->ordered)
                pthread_cond_wait(&p->obeyed, &p->lock);
        pthread_mutex_unlock(&p->lock);
}

void proxy_end(struct proxy *p)
{
        if (!p)
                return;
        order(p, REFUSE, true, true);
        REQUIRE(waitpid(p->process, NULL, 0) == p->process);
        close(p->wake);
        pthread_cond_destroy(&p->obeyed);
        pthread_mutex_destroy(&p->lock);
        munmap(p, sizeof *p);
}

struct proxy *proxy_before(const struct contract *k, struct server *s)
{
        if (strcmp(k->name, "kafka") && strcmp(k->name, "sqs")) {
                const char *port = strrchr(k->url(), ':');
                REQUIRE(port != NULL);
                return proxy_start(atoi(port + 1));
        }
        server_init(s, k);
        struct proxy *p = proxy_start(s->port);
        s->told_port = p->port;
        server_start(s);
        return p;
}

int proxy_port(const struct proxy *p)
{
        return p->port;
}

void proxy_pass(struct proxy *p)
{
        order(p, PASS, false, false);
}

void proxy_stall(struct proxy *p)
{
        order(p, STALL, false, false);
}

void proxy_refuse(struct proxy *p)
{
        order(p, REFUSE, false, false);
}

void proxy_reset(struct proxy *p)
{
        order(p, PASS, true, false);
}

void proxy_reset_after(struct proxy *p, uint64_t bytes)
{
        pthread_mutex_lock(&p->lock);
        p->bytes_left = bytes;
        pthread_mutex_unlock(&p->lock);
}

static unsigned number_of(struct proxy *p, const unsigned *counter)
{
        pthread_mutex_lock(&p->lock);
        unsigned number = *counter;
        pthread_mutex_unlock(&p->lock);
        return number;
}

unsigned proxy_accepted(struct proxy *p)
{
        return number_of(p, &p->accepted);
}

unsigned proxy_resets(struct proxy *p)
{
        return number_of(p, &p->resets);
}
