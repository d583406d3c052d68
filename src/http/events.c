/* Server-sent events: see aeon/http_events.h.
 *
 * DESIGN
 *   An event is made in the request's reply buffer, which a streamed reply does not need, and leaves in one write. Nobody but the handler
 *   writes: keep-alive comments leave from within its own waits, which are cut into stretches that end when the next one is due. So no
 *   task and no lock stands beside it, and every version of HTTP that can stream a reply can do this.
 */
#include "http/request.h"

#include <aeon/app.h>
#include <aeon/error.h>
#include <aeon/http_events.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ an event as bytes */

static int add_line(struct http_buffer *out, const char *field, const char *value, size_t size)
{
        int r = aeon__http_buffer_add_text(out, field);
        r = r < 0 ? r : aeon__http_buffer_add(out, ": ", 2); /* the client takes one space away */
        r = r < 0 ? r : aeon__http_buffer_add(out, value, size);
        return r < 0 ? r : aeon__http_buffer_add(out, "\n", 1);
}

/* A line of @field for each line of @text. */
static int add_lines(struct http_buffer *out, const char *field, const char *text)
{
        for (;;) {
                size_t size = strcspn(text, "\r\n");
                int r = add_line(out, field, text, size);
                if (r < 0 || !text[size])
                        return r;
                text += size + (text[size] == '\r' && text[size + 1] == '\n' ? 2 : 1);
        }
}

static int add_retry(struct http_buffer *out, aeon_duration retry)
{
        char text[24];
        aeon_duration rounded_up = (retry - 1) / AEON_MILLISECONDS(1) + 1;
        return add_line(out, "retry", text, (size_t)snprintf(text, sizeof text, "%" PRId64, rounded_up));
}

static int add_event(struct http_buffer *out, const aeon_server_event *event)
{
        const char *data = event->data || !event->name ? event->data : "";
        int r = event->comment ? add_lines(out, "", event->comment) : 0;
        if (r == 0 && event->retry)
                r = add_retry(out, event->retry);
        if (r == 0 && event->id)
                r = add_line(out, "id", event->id, strlen(event->id));
        if (r == 0 && event->name)
                r = add_line(out, "event", event->name, strlen(event->name));
        if (r == 0 && data)
                r = add_lines(out, "data", data);
        return r < 0 ? r : aeon__http_buffer_add(out, "\n", 1);
}

static int check_line(const char *what, const char *text)
{
        return text && strpbrk(text, "\r\n") ? aeon_fail(-EINVAL, "the %s of an event has a line's end", what) : 0;
}

static aeon_time time_after(aeon_duration duration)
{
        aeon_time now = aeon_now();
        return duration < AEON_NEVER - now ? now + duration : AEON_NEVER;
}

int aeon_events_send(aeon_request *req, const aeon_server_event *event)
{
        if (!req->events_ping)
                return aeon_fail(-EBADF, "the events of %s %s have not begun", req->method, req->path);
        int r = check_line("name", event->name);
        r = r < 0 ? r : check_line("id", event->id);
        if (r == 0 && event->retry < 0)
                r = aeon_fail(-EINVAL, "an event asks to retry after a negative time");
        if (r < 0)
                return r;
        aeon__http_buffer_clear(&req->reply);
        r = add_event(&req->reply, event);
        if (r < 0)
                return aeon_fail(r, "an event");
        r = aeon_reply_write(req, buffer_bytes(&req->reply), buffer_size(&req->reply));
        if (r == 0)
                req->events_due = time_after(req->events_ping);
        return r;
}

/* ------------------------------------------------------------------ waiting for the next one */

/* Until one of these happens: 1 a value was taken, 0 the handler is to end, -ETIMEDOUT it is @until. */
static int wait_until(aeon_time until, aeon_receiver *from, void *ret_item)
{
        enum { VALUE, DRAINING };
        aeon_select_case cases[] = {
                [VALUE] = { .receive = from, .ret_item = ret_item },
                [DRAINING] = { .event = aeon_draining() },
        };
        bool any = from || cases[DRAINING].event;
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .deadline = until, .name = "events" });
        int r = aeon_scope_close(&s, any ? aeon_select(cases, 2) : aeon_sleep_until(AEON_NEVER));
        if (r != VALUE)
                return r == DRAINING ? 0 : r;
        return cases[VALUE].result == AEON_EOF ? 0 : cases[VALUE].result < 0 ? cases[VALUE].result : 1;
}

/* The same with the comments that are due meanwhile; 1 at @until, too. */
static int wait(aeon_request *req, aeon_time until, aeon_receiver *from, void *ret_item)
{
        if (!req->events_ping)
                return aeon_fail(-EBADF, "the events of %s %s have not begun", req->method, req->path);
        const aeon_event *draining = aeon_draining();
        if (aeon__reply_is_bare(req) || (draining && aeon_event_is_set(draining)))
                return 0;
        for (;;) {
                int r = wait_until(until < req->events_due ? until : req->events_due, from, ret_item);
                if (r != -ETIMEDOUT)
                        return r;
                if (aeon_now() >= until)
                        return 1;
                r = aeon_events_send(req, &(aeon_server_event){ .comment = "" });
                if (r < 0)
                        return r;
        }
}

int aeon_events_receive(aeon_request *req, aeon_receiver *from, void *ret_item)
{
        return wait(req, AEON_NEVER, from, ret_item);
}

int aeon_events_sleep(aeon_request *req, aeon_duration duration)
{
        if (duration < 0)
                return aeon_fail(-EINVAL, "cannot sleep for a negative time");
        return wait(req, time_after(duration), NULL, NULL);
}

/* ------------------------------------------------------------------ the beginning */

const char *aeon_events_last_id(const aeon_request *req)
{
        const char *id = aeon_request_header(req, "Last-Event-ID");
        return id && *id ? id : NULL;
}

int aeon_events_begin(aeon_request *req, const aeon_events_opts *opts)
{
        aeon_duration ping = opts && opts->ping ? opts->ping : AEON_SECONDS(15);
        if (ping < 0)
                return aeon_fail(-EINVAL, "the ping of events is negative");
        int r = aeon_reply_set_header(req, "Cache-Control", "no-store");
        r = r < 0 ? r : aeon_reply_set_header(req, "X-Accel-Buffering", "no");
        r = r < 0 ? r : aeon_reply_begin(req, 200, "text/event-stream");
        r = r < 0 ? r : aeon_reply_write(req, NULL, 0);
        if (r < 0)
                return r;
        req->events_ping = ping;
        req->events_due = time_after(ping);
        return 0;
}
