/* examples/http/album.c - forms: fields as a record, uploads as they come, and a cookie.
 *
 *     $ aeon run album.c
 *     $ curl -s localhost:8000/login -d 'name=Ada&remember=on' -c jar
 *     welcome, Ada
 *     $ curl -s localhost:8000/me -b jar
 *     you are Ada
 *     $ printf 'not really a picture' > sea.png
 *     $ curl -s localhost:8000/photos -F caption=sea -F 'photo=@sea.png'
 *     caption: 3 bytes
 *     photo: sea.png, image/png, 20 bytes
 *     $ curl -s localhost:8000/login -d 'name=&remember=perhaps' | grep -o '"path":"[a-z]*"'
 *     "path":"name"
 *     "path":"remember"
 */
#include <aeon.h>
#include <stdio.h>

#define LOGIN(F)                                             \
        F(str, name, .min_len = 1, .pattern = "^[A-Za-z]*$") \
        F(boolean, remember, .def = "false")
AEON_RECORD(login, LOGIN);

static int log_in(aeon_request *req)
{
        const struct login *in;
        char text[128];
        int r = login_form(req, &in);
        if (r < 0)
                return r;
        r = aeon_reply_cookie(req, &(aeon_cookie){ .name = "name",
                                                   .value = in->name,
                                                   .max_age = in->remember ? AEON_SECONDS(30 * 86400) : 0,
                                                   .http_only = true,
                                                   .same_site = AEON_SAME_SITE_LAX });
        if (r < 0)
                return r;
        snprintf(text, sizeof text, "welcome, %s\n", in->name);
        return aeon_reply_text(req, 200, text);
}

static int who_am_i(aeon_request *req)
{
        const char *name = aeon_request_cookie(req, "name");
        char text[128];
        if (!name)
                return aeon_fail(-EACCES, "nobody is logged in");
        snprintf(text, sizeof text, "you are %s\n", name);
        return aeon_reply_text(req, 200, text);
}

/* A part is read in pieces, so a film of gigabytes needs no more memory than a caption. */
static ssize_t size_of_part(aeon_multipart *m)
{
        char piece[16384];
        ssize_t total = 0, n;
        while ((n = aeon_multipart_read(m, piece, sizeof piece)) > 0)
                total += n;
        return n < 0 ? n : total;
}

static int take_photos(aeon_request *req)
{
        aeon_multipart *m;
        const aeon_form_part *part;
        char text[1024];
        size_t used = 0;
        int r = aeon_multipart_open(req, &(aeon_multipart_opts){ .max_size = 100 << 20 }, &m);
        while (r >= 0 && (r = aeon_multipart_next(m, &part)) > 0) {
                ssize_t size = size_of_part(m);
                if (size < 0)
                        return (int)size;
                if (used < sizeof text)
                        used += (size_t)snprintf(text + used, sizeof text - used, "%s: %s%s%s%s%zd bytes\n", part->name,
                                                 part->file_name ? part->file_name : "", part->file_name ? ", " : "",
                                                 part->type ? part->type : "", part->type ? ", " : "", size);
        }
        return r < 0 ? r : aeon_reply_text(req, 200, text);
}

AEON_APP(app)
{
        aeon_http_listen(app, &(aeon_http_opts){ .address = aeon_app_arg(app, "listen", "localhost:8000") });
        aeon_route(app, "POST /login", log_in, NULL);
        aeon_route(app, "GET /me", who_am_i, NULL);
        aeon_route(app, "POST /photos", take_photos, NULL);
}
