/* Routes: which handler answers a method and a path.
 *
 * DESIGN
 *   A tree with one level per segment of the path. A node's children are its literals, then one for `{name}`; `{name...}` is a leaf
 *   that takes what is left.
 *
 *       ""  -- users -- {}          GET  /users/{id}
 *          \         \- me          GET  /users/me
 *           \ files -- {...}        GET  /files/{path...}
 *
 *   Matching tries the literal, then the name, then the rest, and comes back when a branch has no route for the method. The depth
 *   is the table's, not the path's, and the path is never copied: values are spans of it, still escaped.
 */
#pragma once

#include <aeon/http.h>
#include <aeon/http_file.h>
#include <stdbool.h>
#include <stddef.h>

enum { HTTP_PARAMS_LIMIT = 8 };

struct http_meter;

struct http_route {
        struct http_route *next; /* another method of the same path */
        aeon_request_fn *handler;
        aeon_route_opts opts;
        aeon_middleware_fn **middleware; /* ends in NULL; NULL: none. The lists of opts are here, and not there */
        const char **files;
        aeon_route_reply *replies;
        _Atomic unsigned *checked;  /* what was compared with its declaration, as bits: declared.c */
        struct file_folder *folder; /* whose files it answers with; NULL: none */
        char *pattern;              /* "GET /users/{id}" */
        size_t method_size;         /* of the pattern's first word */
        struct http_meter *meter;   /* NULL: no memory for one */
        size_t param_count;
        char *names[HTTP_PARAMS_LIMIT]; /* of the params, in the path's order */
};

struct http_router {
        struct http_node *root;
        aeon_middleware_fn **middleware; /* around all routes, outermost first */
        size_t middleware_count;
};

struct http_match {
        const struct http_route *route;  /* NULL: none */
        const struct http_route *others; /* without a route: those of the path, for other methods; NULL: the path is unknown */
        struct {
                const char *start;
                size_t size;
        } params[HTTP_PARAMS_LIMIT];
};

/* Errors: as aeon_route_files(). */
int aeon__router_add_files(struct http_router *router, const char *pattern, const char *folder, const aeon_file_opts *opts);

/* Errors: as aeon_route(). */
int aeon__router_add(struct http_router *router, const char *pattern, aeon_request_fn *handler, const aeon_route_opts *opts);

/* Errors: -ENOMEM. */
int aeon__router_use(struct http_router *router, aeon_middleware_fn *fn);

/* 0, also when nothing matches; -EINVAL when the path has a segment "..". */
int aeon__router_match(const struct http_router *router, const char *method, const char *path, struct http_match *ret_match);

/* The methods of @others as an Allow field wants them, "GET, HEAD, OPTIONS"; cut at @size. */
void aeon__router_methods(const struct http_route *others, char *text, size_t size);

/* Call @fn for every path that has routes, in the tree's order, with the first of them. @rest: those of {name...} in the same place as
 * the path's last {name}, which answer what is longer; NULL: none. They are told with it, not for themselves. */
typedef void http_path_fn(void *arg, const struct http_route *routes, const struct http_route *rest);
void aeon__router_each(const struct http_router *router, http_path_fn *fn, void *arg);

void aeon__router_done(struct http_router *router);

/* Decode %XX (and `+` when @plus) of @size bytes into @out, which has room for them and a NUL. Returns the new size. */
size_t aeon__url_decode(char *out, const char *text, size_t size, bool plus);
