/* The HTTP client; see http.h. */
#include "broker/sqs/http.h"

#include "broker/confirmation.h"

#include <aeon/error.h>
#include <aeon/scope.h>
#include <aeon/sync.h>
#include <aeon/watch.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { IDLE_HANDLES = 16, CONNECTIONS_KEPT = 64, TURNS = 4 };

struct http_client {
        CURLM *multi;
        aeon_group *group;
        CURL *idle[IDLE_HANDLES]; /* handles for the next requests */
        unsigned idle_count;
        aeon_time due;             /* when curl wants to be called; AEON_NEVER: not by the clock */
        aeon_time timer_sleeps_to; /* the timer task's present deadline */
        struct confirmation poke;  /* of the timer task; in `sleeping` while it sleeps */
        struct list sleeping;
        unsigned tasks; /* of sockets, and the timer */
        bool driving;   /* curl is being called: a new due time is seen by the caller */
        bool closing;
        aeon_event *ended; /* no task is left */
};

/* A socket that curl waits for. Its task frees it. */
struct http_socket {
        struct http_client *client;
        curl_socket_t fd;
        unsigned events;
        aeon_watch *watch; /* NULL: curl has lost interest, the task ends */
};

struct transfer {
        struct confirmation done;
        struct text *body;
        char words[CURL_ERROR_SIZE];
        CURLcode code;
};

/* ------------------------------------------------------------------ driving curl */

static void take_results(struct http_client *c)
{
        CURLMsg *m;
        int left;
        while ((m = curl_multi_info_read(c->multi, &left))) {
                if (m->msg != CURLMSG_DONE)
                        continue;
                struct transfer *t = NULL;
                CURL *easy = m->easy_handle;
                CURLcode code = m->data.result;
                curl_easy_getinfo(easy, CURLINFO_PRIVATE, &t);
                t->code = code;
                aeon__confirmation_come(&t->done, 0, NULL);
        }
}

/* Tell curl that @events happened on @fd, and that the time has come if it has. */
static void drive(struct http_client *c, curl_socket_t fd, int events)
{
        int running;
        c->driving = true;
        curl_multi_socket_action(c->multi, fd, events, &running);
        for (int i = 0; i < TURNS && c->due <= aeon_now(); i++) {
                c->due = AEON_NEVER;
                curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        c->driving = false;
        take_results(c);
        if (c->due < c->timer_sleeps_to && !list_empty(&c->sleeping))
                aeon__confirmation_come(&c->poke, 0, NULL);
}

static int on_timer(CURLM *multi, long ms, void *arg)
{
        struct http_client *c = arg;
        (void)multi;
        c->due = ms < 0 ? AEON_NEVER : aeon_now() + AEON_MILLISECONDS(ms);
        if (!c->driving && c->due < c->timer_sleeps_to && !list_empty(&c->sleeping))
                aeon__confirmation_come(&c->poke, 0, NULL);
        return 0;
}

static void task_ends(struct http_client *c)
{
        if (--c->tasks == 0 && c->closing)
                aeon_event_set(c->ended);
}

static int timer(void *arg)
{
        struct http_client *c = arg;
        while (!c->closing) {
                aeon_scope until;
                aeon_scope_open(&until, &(aeon_scope_opts){ .deadline = c->due, .shield = true, .name = "http timer" });
                c->timer_sleeps_to = c->due;
                aeon__confirmation_init(&c->poke, "http timer");
                list_append(&c->sleeping, &c->poke.node);
                aeon_scope_close(&until, aeon__confirmation_wait(&c->poke));
                if (!c->closing && c->due <= aeon_now())
                        drive(c, CURL_SOCKET_TIMEOUT, 0);
        }
        task_ends(c);
        return 0;
}

/* ------------------------------------------------------------------ sockets */

static int socket_task(void *arg)
{
        struct http_socket *s = arg;
        struct http_client *c = s->client;
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true, .name = "http socket" });
        while (s->watch) {
                int r = aeon_watch_wait(s->watch, s->events);
                if (!s->watch || r == -EBADF) /* curl has lost interest, or wants to hear of other events */
                        continue;
                int happened = r < 0 ? CURL_CSELECT_ERR : 0;
                if (r > 0)
                        happened = (r & AEON_READABLE ? CURL_CSELECT_IN : 0) | (r & AEON_WRITABLE ? CURL_CSELECT_OUT : 0);
                drive(c, s->fd, happened);
        }
        aeon_scope_close(&shield, 0);
        free(s);
        task_ends(c);
        return 0;
}

static unsigned events_of(int what)
{
        return (what & CURL_POLL_IN ? AEON_READABLE : 0u) | (what & CURL_POLL_OUT ? AEON_WRITABLE : 0u);
}

/* The task wakes and looks what it is to wait for now. */
static int watch_anew(struct http_socket *s)
{
        aeon_watch_close(s->watch);
        s->watch = NULL;
        return aeon_watch_open(s->fd, &s->watch);
}

static int socket_new(struct http_client *c, curl_socket_t fd, int what)
{
        struct http_socket *s = calloc(1, sizeof *s);
        if (!s)
                return -ENOMEM;
        *s = (struct http_socket){ .client = c, .fd = fd, .events = events_of(what) };
        int r = aeon_watch_open(fd, &s->watch);
        if (r >= 0) {
                r = aeon_spawn(c->group, "http socket", socket_task, s);
                if (r < 0)
                        aeon_watch_close(s->watch);
        }
        if (r < 0) {
                free(s);
                return r;
        }
        c->tasks++;
        curl_multi_assign(c->multi, fd, s);
        return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *of_socket)
{
        struct http_client *c = arg;
        struct http_socket *s = of_socket;
        (void)easy;
        if (what == CURL_POLL_REMOVE) {
                if (s) {
                        aeon_watch_close(s->watch);
                        s->watch = NULL;
                        curl_multi_assign(c->multi, fd, NULL);
                }
                return 0;
        }
        if (!s)
                return socket_new(c, fd, what) < 0 ? -1 : 0;
        if (s->events == events_of(what))
                return 0;
        s->events = events_of(what);
        return watch_anew(s) < 0 ? -1 : 0;
}

/* ------------------------------------------------------------------ one request */

static size_t on_body(char *bytes, size_t one, size_t count, void *arg)
{
        struct transfer *t = arg;
        aeon__text_add(t->body, bytes, one * count);
        return t->body->failed ? 0 : one * count;
}

static CURL *handle_take(struct http_client *c)
{
        return c->idle_count ? c->idle[--c->idle_count] : curl_easy_init();
}

static void handle_give(struct http_client *c, CURL *easy)
{
        if (c->idle_count == IDLE_HANDLES) {
                curl_easy_cleanup(easy);
                return;
        }
        curl_easy_reset(easy);
        c->idle[c->idle_count++] = easy;
}

static long milliseconds(aeon_duration d)
{
        return (long)((d + AEON_MILLISECONDS(1) - 1) / AEON_MILLISECONDS(1));
}

static void set_tls(CURL *easy, const struct http_request *request)
{
        if (request->ca)
                curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca);
        if (request->certificate)
                curl_easy_setopt(easy, CURLOPT_SSLCERT, request->certificate);
        if (request->key)
                curl_easy_setopt(easy, CURLOPT_SSLKEY, request->key);
        if (request->insecure) {
                curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
                curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
        }
}

static void set_up(CURL *easy, const struct http_request *request, struct curl_slist *headers, struct transfer *t)
{
        curl_easy_setopt(easy, CURLOPT_URL, request->url);
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* never wait for a thread that resolves a name */
        curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->size);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(request->connect_timeout));
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, milliseconds(request->timeout));
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->words);
        curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
        set_tls(easy, request);
        if (request->sigv4) {
                curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, request->sigv4);
                curl_easy_setopt(easy, CURLOPT_USERPWD, request->user_password);
        }
}

static int failure_of(const struct transfer *t, CURL *easy)
{
        const char *words = *t->words ? t->words : curl_easy_strerror(t->code);
        curl_off_t connected = 0;
        switch (t->code) {
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_RESOLVE_PROXY:
        case CURLE_COULDNT_CONNECT:
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_PEER_FAILED_VERIFICATION:
                return aeon_fail(-ENOTCONN, "%s", words);
        case CURLE_OPERATION_TIMEDOUT: /* PRETRANSFER stays 0 until the request begins to go out */
                curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
                return aeon_fail(connected ? -ECONNABORTED : -ENOTCONN, "%s", words);
        case CURLE_URL_MALFORMAT:
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CACERT_BADFILE:
                return aeon_fail(-EINVAL, "%s", words);
        case CURLE_OUT_OF_MEMORY:
                return aeon_fail(-ENOMEM, "%s", words);
        default:
                return aeon_fail(-ECONNABORTED, "%s", words);
        }
}

static int transfer(struct http_client *c, CURL *easy, struct transfer *t)
{
        struct list alone;
        list_init(&alone);
        aeon__confirmation_init(&t->done, "http response");
        list_append(&alone, &t->done.node);
        c->driving = true;
        CURLMcode code = curl_multi_add_handle(c->multi, easy);
        c->driving = false;
        if (code != CURLM_OK) {
                list_remove(&t->done.node);
                return aeon_fail(-ENOMEM, "%s", curl_multi_strerror(code));
        }
        drive(c, CURL_SOCKET_TIMEOUT, 0);
        int r = aeon__confirmation_wait(&t->done);
        curl_multi_remove_handle(c->multi, easy);
        return r < 0 ? r : t->code == CURLE_OK ? 0 : failure_of(t, easy);
}

static struct curl_slist *list_of(const char *const *headers)
{
        struct curl_slist *list = NULL, *longer;
        for (; *headers; headers++) {
                longer = curl_slist_append(list, *headers);
                if (!longer) {
                        curl_slist_free_all(list);
                        return NULL;
                }
                list = longer;
        }
        return list;
}

int aeon__http_send(struct http_client *c, const struct http_request *request, struct http_response *ret_response)
{
        struct text body = { 0 };
        struct transfer t = { .body = &body };
        struct curl_slist *headers = list_of(request->headers);
        CURL *easy = headers ? handle_take(c) : NULL;
        if (!easy) {
                curl_slist_free_all(headers);
                return aeon_fail(-ENOMEM, "no memory for a request");
        }
        set_up(easy, request, headers, &t);
        int r = transfer(c, easy, &t);
        if (r >= 0) {
                curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &ret_response->status);
                ret_response->body = body;
        } else {
                aeon__text_done(&body);
        }
        handle_give(c, easy);
        curl_slist_free_all(headers);
        return r;
}

/* ------------------------------------------------------------------ opening and closing */

int aeon__http_open(aeon_group *group, struct http_client **ret_client)
{
        struct http_client *c = calloc(1, sizeof *c);
        if (!c)
                return aeon_fail(-ENOMEM, "no memory for an HTTP client");
        c->group = group;
        c->due = c->timer_sleeps_to = AEON_NEVER;
        list_init(&c->sleeping);
        curl_global_init(CURL_GLOBAL_DEFAULT);
        c->multi = curl_multi_init();
        int r = c->multi ? aeon_event_new(&c->ended) : aeon_fail(-ENOMEM, "no memory for an HTTP client");
        if (r >= 0)
                r = aeon_spawn(group, "http timer", timer, c);
        if (r < 0) {
                curl_multi_cleanup(c->multi);
                aeon_event_free(c->ended);
                free(c);
                return r;
        }
        c->tasks = 1;
        curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
        curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
        curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer);
        curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
        curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
        *ret_client = c;
        return 0;
}

void aeon__http_close(struct http_client *c)
{
        if (!c)
                return;
        c->closing = true;
        while (c->idle_count)
                curl_easy_cleanup(c->idle[--c->idle_count]);
        curl_multi_cleanup(c->multi); /* tells of its sockets' end, so their tasks end */
        if (!list_empty(&c->sleeping))
                aeon__confirmation_come(&c->poke, 0, NULL);
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true, .name = "close http" });
        aeon_event_wait(c->ended);
        aeon_scope_close(&shield, 0);
        aeon_event_free(c->ended);
        free(c);
}
