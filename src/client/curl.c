/* The engine of the HTTP client: libcurl, as the module http-client.so. See client.h for its place.
 *
 * DESIGN
 *   One curl multi handle per client. curl says which sockets it wants to hear of and when it wants to be called again; the loop calls it
 *   back in its main context, where all of curl's work is done, on a stack that is large. A task only adds a transfer, which sets curl's
 *   timer to "now", un-pauses one, or takes one out. Names are resolved on curl's own threads.
 *
 *        start() -> curl_multi_add_handle ... on_timer(0)
 *        loop: on_due, on_happened -> curl_multi_socket_action -> on_head, on_body, on_wants -> aeon__http_*()
 *                                     \-> take_results -> aeon__http_done()
 *
 *   Handles that have served are reset and kept for the next calls.
 */
#include "client/client.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <aeon/watch.h>
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { IDLE_HANDLES = 16 };

struct http_multi {
        CURLM *curl;
        struct aeon_http_client *client;
        struct foreign_timer *timer;
        CURL *idle[IDLE_HANDLES];
        unsigned idle_count;
};

struct http_transfer {
        CURL *easy;
        struct http_multi *multi;
        struct aeon_http_response *response;
        struct curl_slist *lines;
        char words[CURL_ERROR_SIZE];
};

/* ------------------------------------------------------------------ the end of a transfer */

static void handle_give(struct http_multi *m, CURL *easy)
{
        if (!easy)
                return;
        if (m->idle_count == IDLE_HANDLES) {
                curl_easy_cleanup(easy);
                return;
        }
        curl_easy_reset(easy);
        m->idle[m->idle_count++] = easy;
}

static void transfer_free(struct http_transfer *t)
{
        handle_give(t->multi, t->easy);
        curl_slist_free_all(t->lines);
        free(t);
}

static void engine_stop(struct http_transfer *t)
{
        curl_multi_remove_handle(t->multi->curl, t->easy);
        transfer_free(t);
}

/* What the system said when it refused to connect. */
static int refusal_of(CURL *easy)
{
        long error = 0;
        curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &error);
        return error > 0 ? -(int)error : -ECONNREFUSED;
}

static int failure_of(CURLcode code, CURL *easy)
{
        switch (code) {
        case CURLE_OK:
                return 0;
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_RESOLVE_PROXY:
                return -ENOENT;
        case CURLE_COULDNT_CONNECT:
                return refusal_of(easy);
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_CIPHER:
                return -EPROTO;
        case CURLE_OPERATION_TIMEDOUT: /* only connecting is limited */
                return -ETIMEDOUT;
        case CURLE_URL_MALFORMAT:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CACERT_BADFILE:
                return -EINVAL;
        case CURLE_OUT_OF_MEMORY:
                return -ENOMEM;
        case CURLE_GOT_NOTHING:
        case CURLE_SEND_ERROR:
        case CURLE_SEND_FAIL_REWIND:
        case CURLE_RECV_ERROR:
        case CURLE_PARTIAL_FILE:
        case CURLE_HTTP2:
        case CURLE_HTTP2_STREAM:
                return -ECONNRESET;
        case CURLE_WEIRD_SERVER_REPLY:
        case CURLE_BAD_CONTENT_ENCODING:
        case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9, or a redirect to something else */
                return -EBADMSG;
        case CURLE_TOO_MANY_REDIRECTS:
                return -ELOOP;
        default:
                return -EIO;
        }
}

static void finish(struct http_transfer *t, CURLcode code)
{
        struct aeon_http_response *x = t->response;
        char words[CURL_ERROR_SIZE];
        int r = failure_of(code, t->easy);
        strcpy(words, *t->words ? t->words : curl_easy_strerror(code));
        engine_stop(t);
        aeon__http_done(x, r, words);
}

static void take_results(struct http_multi *m)
{
        CURLMsg *message;
        int left;
        while ((message = curl_multi_info_read(m->curl, &left))) {
                struct http_transfer *t = NULL;
                CURLcode code = message->data.result;
                curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
                finish(t, code);
        }
}

/* ------------------------------------------------------------------ driving curl */

/* When memory runs out inside, curl forgets what it was about to wait for, and does not say of which transfer. So all are ended. */
static void act(struct http_multi *m, curl_socket_t fd, int happened)
{
        int running;
        CURLMcode code = curl_multi_socket_action(m->curl, fd, happened, &running);
        take_results(m);
        if (code != CURLM_OK)
                aeon__http_end_all(m->client, -ENOMEM, curl_multi_strerror(code));
}

static void on_due(void *arg)
{
        act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static void on_happened(void *arg, int fd, unsigned events)
{
        int happened = events & FOREIGN_ERROR ? CURL_CSELECT_ERR : 0;
        happened |= (events & AEON_READABLE ? CURL_CSELECT_IN : 0) | (events & AEON_WRITABLE ? CURL_CSELECT_OUT : 0);
        act(arg, fd, happened);
}

static int on_timer(CURLM *curl, long ms, void *arg)
{
        struct http_multi *m = arg;
        (void)curl;
        aeon__foreign_timer_set(m->timer, ms);
        return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *of_socket)
{
        struct http_multi *m = arg;
        struct foreign_socket *s = of_socket;
        (void)easy;
        if (what == CURL_POLL_REMOVE) {
                aeon__foreign_socket_close(s);
                curl_multi_assign(m->curl, fd, NULL);
                return 0;
        }
        if (!s) {
                if (aeon__foreign_socket_open(fd, on_happened, m, &s) < 0)
                        return -1;
                curl_multi_assign(m->curl, fd, s);
        }
        unsigned events = (what & CURL_POLL_IN ? AEON_READABLE : 0u) | (what & CURL_POLL_OUT ? AEON_WRITABLE : 0u);
        return aeon__foreign_socket_watch(s, events) < 0 ? -1 : 0;
}

/* ------------------------------------------------------------------ what comes and goes */

static size_t on_head(char *line, size_t one, size_t count, void *arg)
{
        struct http_transfer *t = arg;
        return aeon__http_head_line(t->response, line, one * count) ? one * count : 0;
}

static size_t on_body(char *bytes, size_t one, size_t count, void *arg)
{
        struct http_transfer *t = arg;
        switch (aeon__http_body(t->response, bytes, one * count)) {
        case HTTP_TAKEN:
                return one * count;
        case HTTP_PAUSE:
                return CURL_WRITEFUNC_PAUSE;
        default:
                return 0;
        }
}

static size_t on_wants(char *buffer, size_t one, size_t count, void *arg)
{
        struct http_transfer *t = arg;
        size_t n = aeon__http_wants(t->response, buffer, one * count);
        return n == SIZE_MAX ? CURL_READFUNC_PAUSE : n;
}

/* Both directions: one that cannot go on yet pauses again. */
static void engine_resume(struct http_transfer *t)
{
        CURLcode code = curl_easy_pause(t->easy, CURLPAUSE_CONT);
        if (code != CURLE_OK)
                finish(t, code);
}

/* ------------------------------------------------------------------ one request */

/* Options, of which the first that cannot be set is remembered. */
#define SET(option, value) (code = code != CURLE_OK ? code : curl_easy_setopt(easy, (option), (value)))

static CURLcode set_client(CURL *easy, const struct aeon_http_client *c)
{
        const aeon_http_client_opts *o = &c->opts;
        CURLcode code = CURLE_OK;
        SET(CURLOPT_PROTOCOLS_STR, "http,https");
        SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
        SET(CURLOPT_NOSIGNAL, 1L);
        SET(CURLOPT_QUICK_EXIT, 1L); /* never wait for a thread that resolves a name */
        SET(CURLOPT_TCP_KEEPALIVE, 1L);
        SET(CURLOPT_ACCEPT_ENCODING, ""); /* all that it can unpack */
        SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
        SET(CURLOPT_CONNECTTIMEOUT_MS, (long)((o->connect_timeout + AEON_MILLISECONDS(1) - 1) / AEON_MILLISECONDS(1)));
        if (o->proxy)
                SET(CURLOPT_PROXY, o->proxy);
        if (o->unix_socket)
                SET(CURLOPT_UNIX_SOCKET_PATH, o->unix_socket);
        struct stat s;
        if (c->tls.ca) { /* and not the system's beside it */
                bool is_folder = stat(c->tls.ca, &s) == 0 && S_ISDIR(s.st_mode);
                SET(CURLOPT_CAPATH, is_folder ? c->tls.ca : NULL);
                SET(CURLOPT_CAINFO, is_folder ? NULL : c->tls.ca);
        }
        if (c->tls.certificate) {
                SET(CURLOPT_SSLCERT, c->tls.certificate);
                SET(CURLOPT_SSLKEY, c->tls.key ? c->tls.key : c->tls.certificate);
        }
        if (c->tls.insecure) {
                SET(CURLOPT_SSL_VERIFYPEER, 0L);
                SET(CURLOPT_SSL_VERIFYHOST, 0L);
        }
        return code;
}

static bool may_have_none(const char *method)
{
        return strcmp(method, "POST") != 0 && strcmp(method, "PUT") != 0 && strcmp(method, "PATCH") != 0;
}

/* Also the method: that of the kind of transfer, unless the call says another. */
static CURLcode set_body(CURL *easy, struct http_transfer *t, const struct http_request *q)
{
        CURLcode code = CURLE_OK;
        const char *usual = "POST";
        if (q->has_body && !q->body) {
                usual = "PUT";
                SET(CURLOPT_UPLOAD, 1L);
                SET(CURLOPT_FRESH_CONNECT, 1L); /* a kept one may turn out dead, and nobody gives the pieces a second time */
                SET(CURLOPT_INFILESIZE_LARGE, q->size == UINT64_MAX ? (curl_off_t)-1 : (curl_off_t)q->size);
                SET(CURLOPT_READFUNCTION, on_wants);
                SET(CURLOPT_READDATA, t);
        } else if (q->has_body || !may_have_none(q->method)) {
                SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->size); /* before the bytes, which it may copy */
                SET(q->copy ? CURLOPT_COPYPOSTFIELDS : CURLOPT_POSTFIELDS, q->body);
        } else if (!strcmp(q->method, "HEAD")) {
                usual = "HEAD";
                SET(CURLOPT_NOBODY, 1L);
        } else {
                usual = "GET";
                SET(CURLOPT_HTTPGET, 1L);
        }
        if (strcmp(q->method, usual) != 0)
                SET(CURLOPT_CUSTOMREQUEST, q->method);
        return code;
}

static CURLcode set_request(CURL *easy, struct http_transfer *t, const struct http_request *q)
{
        CURLcode code = set_body(easy, t, q);
        SET(CURLOPT_URL, q->url);
        SET(CURLOPT_HTTPHEADER, t->lines);
        if (q->user_agent && *q->user_agent)
                SET(CURLOPT_USERAGENT, q->user_agent);
        SET(CURLOPT_HEADERFUNCTION, on_head);
        SET(CURLOPT_HEADERDATA, t);
        SET(CURLOPT_WRITEFUNCTION, on_body);
        SET(CURLOPT_WRITEDATA, t);
        SET(CURLOPT_ERRORBUFFER, t->words);
        SET(CURLOPT_PRIVATE, t);
        if (q->url[4] == 's' || q->url[4] == 'S') /* https: see whether it is HTTP/2 before more connections are made */
                SET(CURLOPT_PIPEWAIT, 1L);
        if (q->redirects) {
                SET(CURLOPT_FOLLOWLOCATION, 1L);
                SET(CURLOPT_MAXREDIRS, (long)q->redirects);
        }
        if (q->user)
                SET(CURLOPT_USERPWD, q->user);
        if (q->aws) {
                char scheme[128];
                snprintf(scheme, sizeof scheme, "aws:amz:%s", q->aws);
                SET(CURLOPT_AWS_SIGV4, scheme);
        }
        return code;
}

static bool add_line(struct curl_slist **lines, const char *line)
{
        struct curl_slist *longer = curl_slist_append(*lines, line);
        if (longer)
                *lines = longer;
        return longer;
}

/* curl takes "Name:" for "not this one" and "Name;" for an empty one. */
static bool add_empty(struct curl_slist **lines, const char *line, size_t name)
{
        char *changed = strndup(line, name + 1);
        if (!changed)
                return false;
        changed[name] = ';';
        bool added = add_line(lines, changed);
        free(changed);
        return added;
}

/* Those of the request, without what curl would add by itself: no waiting for "100 Continue", no type of a body that has none. */
static bool make_lines(struct http_transfer *t, const struct http_request *q)
{
        bool typed = q->aws, fine = q->aws || add_line(&t->lines, "Expect:"); /* it would sign these, and not send them */
        for (size_t i = 0; fine && q->lines[i]; i++) {
                size_t name = strcspn(q->lines[i], ":");
                bool empty = !q->lines[i][name + 1 + strspn(q->lines[i] + name + 1, " \t")];
                fine = empty ? add_empty(&t->lines, q->lines[i], name) : add_line(&t->lines, q->lines[i]);
                typed |= !strncasecmp(q->lines[i], "content-type:", strlen("content-type:"));
        }
        return fine && (typed || add_line(&t->lines, "Content-Type:"));
}

static int engine_start(struct http_multi *m, struct aeon_http_response *x, const struct http_request *request)
{
        struct http_transfer *t = calloc(1, sizeof *t);
        if (!t)
                return aeon_fail(-ENOMEM, "no memory for a transfer");
        *t = (struct http_transfer){ .multi = m, .response = x };
        t->easy = m->idle_count ? m->idle[--m->idle_count] : curl_easy_init();
        CURLcode code = t->easy && make_lines(t, request) ? set_client(t->easy, m->client) : CURLE_OUT_OF_MEMORY;
        if (code == CURLE_OK)
                code = set_request(t->easy, t, request);
        CURLMcode added = code == CURLE_OK ? curl_multi_add_handle(m->curl, t->easy) : CURLM_OK;
        if (code == CURLE_OK && added == CURLM_OK) {
                x->transfer = t;
                return 0;
        }
        transfer_free(t);
        if (code != CURLE_OK)
                return aeon_fail(code == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL, "%s", curl_easy_strerror(code));
        return aeon_fail(-ENOMEM, "%s", curl_multi_strerror(added));
}

/* ------------------------------------------------------------------ opening and closing */

static void engine_close(struct http_multi *m)
{
        if (!m)
                return;
        while (m->idle_count)
                curl_easy_cleanup(m->idle[--m->idle_count]);
        curl_multi_cleanup(m->curl); /* takes its sockets back */
        aeon__foreign_timer_close(m->timer);
        free(m);
}

static void begin(void)
{
        curl_global_init(CURL_GLOBAL_DEFAULT);
        if (!(curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS))
                aeon_log_warning("this libcurl looks up names on the loop's own thread, which stands still meanwhile");
}

static int engine_open(struct aeon_http_client *c, struct http_multi **ret_multi)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        pthread_once(&once, begin);
        struct http_multi *m = calloc(1, sizeof *m);
        int r = m ? aeon__foreign_timer_open(on_due, m, &m->timer) : aeon_fail(-ENOMEM, "no memory for an HTTP client");
        if (r == 0 && !(m->curl = curl_multi_init()))
                r = aeon_fail(-ENOMEM, "no memory for an HTTP client");
        if (r < 0) {
                engine_close(m);
                return r;
        }
        m->client = c;
        curl_multi_setopt(m->curl, CURLMOPT_SOCKETFUNCTION, on_socket);
        curl_multi_setopt(m->curl, CURLMOPT_SOCKETDATA, m);
        curl_multi_setopt(m->curl, CURLMOPT_TIMERFUNCTION, on_timer);
        curl_multi_setopt(m->curl, CURLMOPT_TIMERDATA, m);
        curl_multi_setopt(m->curl, CURLMOPT_MAXCONNECTS, (long)c->opts.max_connections);
        curl_multi_setopt(m->curl, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)c->opts.max_connections);
        *ret_multi = m;
        return 0;
}

AEON_API extern const struct http_engine aeon__http_engine;

const struct http_engine aeon__http_engine = {
        .open = engine_open,
        .close = engine_close,
        .start = engine_start,
        .resume = engine_resume,
        .stop = engine_stop,
};
