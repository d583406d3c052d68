/* examples/http/users.c - asks a web server for records; so that it runs by itself, the server is its own. */
#include <aeon.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define USER(F) F(i64, id) F(str, name)
AEON_RECORD(user, USER);

static int get_user(aeon_request *req)
{
        int id = atoi(aeon_request_param(req, "id"));
        return id == 7 ? user_reply(req, 200, &(struct user){ .id = 7, .name = "Ada" }) : aeon_fail(-ENOENT, "user %d", id);
}

static int add_user(aeon_request *req)
{
        const struct user *user;
        int r = user_receive(req, &user);
        return r < 0 ? r : user_reply(req, 201, user);
}

static int slow(aeon_request *req)
{
        int r = aeon_sleep(AEON_SECONDS(60));
        return r < 0 ? r : aeon_reply_text(req, 200, "at last");
}

/* ------------------------------------------------------------------ the client */

static int show(aeon_http_response *res)
{
        struct user *user;
        int r = user_from_response(res, &user);
        if (r >= 0) {
                printf("%d: %" PRId64 " is %s\n", aeon_http_response_status(res), user->id, user->name);
                user_free(user);
        }
        aeon_http_response_free(res);
        return r;
}

static int find(aeon_http_client *c, const char *url)
{
        aeon_http_response *res;
        int r = aeon_http_get(c, url, &res);
        return r < 0 ? r : show(res);
}

static int add(aeon_http_client *c, const char *json)
{
        aeon_http_response *res;
        int r = aeon_http_post(c, "/users", AEON_JSON(json), &res);
        return r < 0 ? r : show(res);
}

static int find_within(aeon_http_client *c, const char *url, aeon_duration limit)
{
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = limit, .name = "the lookup" });
        return aeon_scope_close(&s, find(c, url));
}

static int ask(aeon_app *app)
{
        char base[80];
        snprintf(base, sizeof base, "http://%s", aeon_http_address(app, 0));
        aeon_http_client *c;
        int r = aeon_http_client_open(&(aeon_http_client_opts){ .base_url = base }, &c);
        if (r < 0)
                return r;
        r = find(c, "/users/7");
        if (r >= 0)
                r = add(c, "{\"id\": 8, \"name\": \"Grace\"}");
        if (r >= 0 && find(c, "/users/9") == -ENOENT)
                puts("nobody is number 9");
        if (r >= 0 && find_within(c, "/slow", AEON_MILLISECONDS(50)) == -ETIMEDOUT)
                printf("%s\n", aeon_error_text());
        aeon_http_client_close(c);
        return r < 0 ? r : aeon_app_stop(app, 0);
}

AEON_APP(app)
{
        aeon_http_listen(app, &(aeon_http_opts){ .address = "127.0.0.1:0" });
        aeon_route(app, "GET /users/{id}", get_user, NULL);
        aeon_route(app, "POST /users", add_user, NULL);
        aeon_route(app, "GET /slow", slow, NULL);
        aeon_on_ready(app, ask);
}
AEON_MAIN(app);
