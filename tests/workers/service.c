/* What is replaced under load: answers requests, and notes the number of each message once it is handled. */
#include <aeon.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define NUMBERED(F) F(i64, number)
AEON_RECORD(numbered, NUMBERED);

static int notes = -1;

static int open_notes(aeon_app *app)
{
        notes = open(aeon_app_arg(app, "notes", "notes"), O_WRONLY | O_CREAT | O_APPEND, 0666);
        return notes < 0 ? aeon_fail(-EIO, "the notes cannot be opened")
                         : aeon_broker_set_url(aeon_app_broker(app), aeon_app_arg(app, "broker", NULL));
}

static int note(const struct numbered *in)
{
        char line[32];
        int r = aeon_sleep(AEON_MILLISECONDS(2));
        int n = snprintf(line, sizeof line, "%" PRId64 "\n", in->number);
        return r < 0 ? r : write(notes, line, (size_t)n) == n ? 0 : aeon_fail(-EIO, "a note is lost");
}
AEON_SINK_HANDLER(note, numbered);

static int hello(aeon_request *req)
{
        int r = aeon_sleep(AEON_MILLISECONDS(1));
        return r < 0 ? r : aeon_reply_text(req, 200, "hello");
}

AEON_APP(app)
{
        aeon_use_broker(app, NULL);
        aeon_on_startup(app, open_notes);
        aeon_http_listen(app, &(aeon_http_opts){ .address = "127.0.0.1:0", .access_log = AEON_ACCESS_LOG_OFF });
        aeon_route(app, "GET /", hello, NULL);
        aeon_subscribe(app, "numbers", &note_handler, &(aeon_subscribe_opts){ .group = "notes", .concurrency = 8 });
}
