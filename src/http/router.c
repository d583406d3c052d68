/* The tree of routes; see router.h. */
#include "http/router.h"

#include "base/digits.h"
#include "http/files.h"
#include "http/meter.h"
#include "http/parser.h"

#include <aeon/error.h>
#include <stdlib.h>
#include <string.h>

struct http_node {
        struct http_node *next;     /* sibling among the literals */
        struct http_node *literals; /* children */
        struct http_node *named;    /* child for {name} */
        struct http_node *rest;     /* child for {name...} */
        struct http_route *routes;  /* for a path that ends here */
        size_t size;
        char text[]; /* the literal */
};

/* ------------------------------------------------------------------ escapes */

/* The byte at @text, decoded; the parser has seen to it that escapes are whole. */
static char byte_at(const char *text, size_t *ret_length)
{
        *ret_length = *text == '%' ? 3 : 1;
        return *text == '%' ? (char)(aeon__hex_digit(text[1]) * 16 + aeon__hex_digit(text[2])) : *text;
}

size_t aeon__url_decode(char *out, const char *text, size_t size, bool plus)
{
        size_t used = 0, length;
        for (size_t i = 0; i < size; i += length) {
                out[used] = byte_at(text + i, &length);
                if (plus && text[i] == '+')
                        out[used] = ' ';
                used++;
        }
        out[used] = '\0';
        return used;
}

/* No segment is ".." once escapes are decoded, slashes and backslashes among them. */
static bool climbs(const char *path)
{
        size_t dots = 0, length;
        bool only_dots = true;
        for (; *path; path += length) {
                char c = byte_at(path, &length);
                if (c == '/' || c == '\\') {
                        if (only_dots && dots == 2)
                                return true;
                        dots = 0;
                        only_dots = true;
                } else if (c == '.') {
                        dots++;
                } else {
                        only_dots = false;
                }
        }
        return only_dots && dots == 2;
}

/* ------------------------------------------------------------------ adding */

static void route_free(struct http_route *route)
{
        for (size_t i = 0; i < route->param_count; i++)
                free(route->names[i]);
        free(route->middleware);
        free(route->files);
        free(route->replies);
        free(route->checked);
        aeon__file_folder_close(route->folder);
        aeon__http_meter_free(route->meter);
        free(route->pattern);
        free(route);
}

static void node_free(struct http_node *node)
{
        if (!node)
                return;
        for (struct http_node *child = node->literals, *next; child; child = next) {
                next = child->next;
                node_free(child);
        }
        node_free(node->named);
        node_free(node->rest);
        for (struct http_route *route = node->routes, *next; route; route = next) {
                next = route->next;
                route_free(route);
        }
        free(node);
}

void aeon__router_done(struct http_router *router)
{
        node_free(router->root);
        free(router->middleware);
        *router = (struct http_router){ 0 };
}

static struct http_node *node_new(const char *text, size_t size)
{
        struct http_node *node = calloc(1, sizeof *node + size + 1);
        if (node) {
                memcpy(node->text, text, size);
                node->size = size;
        }
        return node;
}

static struct http_node *literal_child(struct http_node *node, const char *text, size_t size)
{
        struct http_node **place = &node->literals;
        for (; *place; place = &(*place)->next)
                if ((*place)->size == size && !memcmp((*place)->text, text, size))
                        return *place;
        return *place = node_new(text, size);
}

/* Note the name of "{name}" or "{name...}" and give its child; a name is shared by no two params of a route. */
static int param_child(struct http_node **node, struct http_route *route, const char *text, size_t size, bool last)
{
        bool rest = size >= 5 && !memcmp(text + size - 4, "...}", 4);
        size_t name_size = size - (rest ? 5 : 2);
        if ((rest && !last) || route->param_count == HTTP_PARAMS_LIMIT || text[size - 1] != '}' || !name_size ||
            memchr(text + 1, '{', name_size) || memchr(text + 1, '}', name_size))
                return -EINVAL;
        char *name = strndup(text + 1, name_size);
        if (!name)
                return -ENOMEM;
        for (size_t i = 0; i < route->param_count; i++) {
                if (!strcmp(route->names[i], name)) {
                        free(name);
                        return -EINVAL;
                }
        }
        route->names[route->param_count++] = name;
        struct http_node **child = rest ? &(*node)->rest : &(*node)->named;
        if (!*child)
                *child = node_new("", 0);
        *node = *child;
        return 0;
}

/* Walk from the root along @path, growing the tree; the end in @ret_node. */
static int grow(struct http_router *router, struct http_route *route, const char *path, struct http_node **ret_node)
{
        if (!router->root)
                router->root = node_new("", 0);
        struct http_node *node = router->root;
        while (node && *path == '/') {
                size_t size = strcspn(++path, "/");
                bool param = *path == '{';
                if (!param && memchr(path, '{', size))
                        return -EINVAL;
                int r = param ? param_child(&node, route, path, size, !path[size]) : 0;
                if (r < 0)
                        return r;
                if (!param)
                        node = literal_child(node, path, size);
                path += size;
        }
        if (!node)
                return -ENOMEM;
        *ret_node = node;
        return 0;
}

static bool method_is(const struct http_route *route, const char *method, size_t size)
{
        return route->method_size == size && !memcmp(route->pattern, method, size);
}

static int attach(struct http_node *node, struct http_route *route)
{
        struct http_route **place = &node->routes;
        for (; *place; place = &(*place)->next)
                if (method_is(*place, route->pattern, route->method_size))
                        return aeon_fail(-EEXIST, "route \"%s\" is there already as \"%s\"", route->pattern, (*place)->pattern);
        *place = route;
        return 0;
}

/* @count items and the end; NULL: there are none, or no memory. */
static void *copy_list(const void *list, size_t count, size_t size)
{
        void *copy = count ? calloc(count + 1, size) : NULL;
        if (copy)
                memcpy(copy, list, count * size);
        return copy;
}

/* They need not outlive the call that declares the route. */
static int copy_lists(struct http_route *route, const aeon_route_opts *opts)
{
        size_t functions = 0, files = 0, replies = 0;
        while (opts->middleware && opts->middleware[functions])
                functions++;
        while (opts->files && opts->files[files])
                files++;
        while (opts->replies && opts->replies[replies].status)
                replies++;
        route->opts.middleware = NULL;
        route->opts.files = NULL;
        route->opts.replies = NULL;
        route->middleware = copy_list(opts->middleware, functions, sizeof *opts->middleware);
        route->files = copy_list(opts->files, files, sizeof *opts->files);
        route->replies = copy_list(opts->replies, replies, sizeof *opts->replies);
        return (functions && !route->middleware) || (files && !route->files) || (replies && !route->replies) ? -ENOMEM : 0;
}

static struct http_route *route_new(const char *pattern, aeon_request_fn *handler, const aeon_route_opts *opts)
{
        struct http_route *route = calloc(1, sizeof *route);
        if (!route || !(route->pattern = strdup(pattern)) || !(route->checked = calloc(1, sizeof *route->checked))) {
                if (route)
                        route_free(route);
                return NULL;
        }
        route->handler = handler;
        route->method_size = strcspn(pattern, " ");
        route->meter = aeon__http_meter_new(route->pattern);
        if (opts) {
                route->opts = *opts;
                if (copy_lists(route, opts) < 0) {
                        route_free(route);
                        return NULL;
                }
        }
        return route;
}

static int make_route(const char *pattern, aeon_request_fn *handler, const aeon_route_opts *opts, struct http_route **ret_route)
{
        size_t method = strcspn(pattern, " ");
        if (!aeon__http_is_token(pattern, method) || pattern[method] != ' ' || pattern[method + 1] != '/')
                return aeon_fail(-EINVAL, "route \"%s\": expected a method, a space and a path, as in \"GET /users/{id}\"",
                                 pattern);
        for (const aeon_route_reply *reply = opts ? opts->replies : NULL; reply && reply->status; reply++)
                if (reply->status < 100 || reply->status > 599)
                        return aeon_fail(-EINVAL, "route \"%s\": there is no status %d", pattern, reply->status);
        *ret_route = route_new(pattern, handler, opts);
        return *ret_route ? 0 : aeon_fail(-ENOMEM, "route \"%s\"", pattern);
}

/* Put the route into the tree; on failure it is freed. */
static int place_route(struct http_router *router, struct http_route *route)
{
        struct http_node *node;
        int r = grow(router, route, route->pattern + route->method_size + 1, &node);
        if (r == -EINVAL)
                aeon_fail(-EINVAL,
                          "route \"%s\": a name is a whole segment, {name} or at the end {name...}; at most %d, all different",
                          route->pattern, HTTP_PARAMS_LIMIT);
        if (r == 0)
                r = attach(node, route);
        if (r < 0)
                route_free(route);
        return r;
}

int aeon__router_add(struct http_router *router, const char *pattern, aeon_request_fn *handler, const aeon_route_opts *opts)
{
        struct http_route *route;
        int r = make_route(pattern, handler, opts, &route);
        return r < 0 ? r : place_route(router, route);
}

int aeon__router_add_files(struct http_router *router, const char *pattern, const char *folder, const aeon_file_opts *opts)
{
        struct http_route *route;
        size_t size = strlen(pattern);
        if (size < 4 || strcmp(pattern + size - 4, "...}") != 0)
                return aeon_fail(-EINVAL, "route \"%s\": for the files of a folder it ends in a name like {path...}", pattern);
        int r = make_route(pattern, aeon__file_folder_answer, NULL, &route);
        if (r < 0)
                return r;
        r = aeon__file_folder_open(folder, opts, &route->folder);
        if (r < 0) {
                route_free(route);
                return aeon_fail(r, "route \"%s\"", pattern);
        }
        return place_route(router, route);
}

/* ------------------------------------------------------------------ looking */

/* @rest: the routes of {name...} beside it. */
static void each_path(const struct http_node *node, const struct http_route *rest, http_path_fn *fn, void *arg)
{
        if (!node)
                return;
        if (node->routes)
                fn(arg, node->routes, rest);
        for (const struct http_node *child = node->literals; child; child = child->next)
                each_path(child, NULL, fn, arg);
        each_path(node->named, node->rest ? node->rest->routes : NULL, fn, arg);
        if (node->rest && !(node->named && node->named->routes))
                fn(arg, node->rest->routes, NULL);
}

void aeon__router_each(const struct http_router *router, http_path_fn *fn, void *arg)
{
        each_path(router->root, NULL, fn, arg);
}

/* ------------------------------------------------------------------ matching */

static bool segment_is(const struct http_node *node, const char *text, size_t size)
{
        size_t used = 0, length;
        for (size_t i = 0; i < size; i += length)
                if (used == node->size || byte_at(text + i, &length) != node->text[used++])
                        return false;
        return used == node->size;
}

static const struct http_route *route_for(const struct http_node *node, const char *method, size_t size)
{
        const struct http_route *get = NULL;
        for (const struct http_route *route = node->routes; route; route = route->next) {
                if (method_is(route, method, size))
                        return route;
                if (method_is(route, "GET", 3))
                        get = route;
        }
        return size == 4 && !memcmp(method, "HEAD", 4) ? get : NULL;
}

struct search {
        struct http_match *match;
        const char *method;
        size_t method_size;
};

/* True when a route was found at @node. */
static bool arrive(struct search *s, const struct http_node *node)
{
        s->match->route = route_for(node, s->method, s->method_size);
        if (!s->match->others)
                s->match->others = node->routes;
        return s->match->route != NULL;
}

static bool arrive_at_rest(struct search *s, const struct http_node *node, const char *path, size_t count)
{
        s->match->params[count].start = path;
        s->match->params[count].size = strlen(path);
        return arrive(s, node->rest);
}

/* @path is what is left after @node: "" or "/...". @count params were met so far. */
static bool descend(struct search *s, const struct http_node *node, const char *path, size_t count)
{
        if (!*path)
                return (node->routes && arrive(s, node)) || (node->rest && arrive_at_rest(s, node, path, count));
        const char *segment = path + 1;
        size_t size = strcspn(segment, "/");
        for (const struct http_node *child = node->literals; child; child = child->next)
                if (segment_is(child, segment, size) && descend(s, child, segment + size, count))
                        return true;
        if (node->named && size) {
                s->match->params[count].start = segment;
                s->match->params[count].size = size;
                if (descend(s, node->named, segment + size, count + 1))
                        return true;
        }
        return node->rest && arrive_at_rest(s, node, segment, count);
}

int aeon__router_match(const struct http_router *router, const char *method, const char *path, struct http_match *ret_match)
{
        *ret_match = (struct http_match){ 0 };
        struct search s = { ret_match, method, strlen(method) };
        if (climbs(path))
                return aeon_fail(-EINVAL, "the path climbs with \"..\"");
        if (router->root && *path == '/')
                descend(&s, router->root, path, 0);
        return 0;
}

void aeon__router_methods(const struct http_route *others, char *text, size_t size)
{
        size_t used = 0;
        bool options = false;
        text[0] = '\0';
        for (const struct http_route *route = others; route; route = route->next) {
                bool get = method_is(route, "GET", 3);
                options |= method_is(route, "OPTIONS", 7);
                if (used + route->method_size + 20 > size)
                        break;
                memcpy(text + used, route->pattern, route->method_size);
                used += route->method_size;
                strcpy(text + used, get ? ", HEAD, " : ", ");
                used += strlen(text + used);
        }
        strcpy(text + used - (options && used ? 2 : 0), options ? "" : "OPTIONS");
}
