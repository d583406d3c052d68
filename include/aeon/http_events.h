/* aeon/http_events.h - server-sent events: a reply that goes on for as long as the client listens.
 *
 *         static int prices(aeon_request *req)
 *         {
 *                 struct price p;
 *                 char text[64];
 *                 int r = aeon_events_begin(req, NULL);
 *                 while (r >= 0 && (r = aeon_events_receive(req, new_prices, &p)) > 0) {
 *                         snprintf(text, sizeof text, "%s %.2f", p.name, p.value);
 *                         r = aeon_events_send(req, &(aeon_server_event){ .name = "price", .data = text });
 *                 }
 *                 return r;
 *         }
 *
 * In a browser: new EventSource("/prices").addEventListener("price", e => show(e.data)).
 *
 * It is a streamed reply (aeon_reply_begin() in aeon/http.h): a slow client holds the handler back, one that goes away cancels it. What is
 * new are the two calls that wait, aeon_events_receive() and aeon_events_sleep(): while they do, the client gets a comment now and then, so that
 * nothing between it and the server takes the connection for dead; and they end when the app drains. The handler then returns, the
 * stream ends well, and the client connects again to whoever serves by then, with the Last-Event-ID that it has.
 *
 * Source: HTML Standard, 9.2 Server-sent events. */
#ifndef AEON_HTTP_EVENTS_H
#define AEON_HTTP_EVENTS_H

#include <aeon/attributes.h>
#include <aeon/channel.h>
#include <aeon/http.h>
#include <aeon/time.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aeon_events_opts {
        aeon_duration ping; /* a comment when nothing was sent for so long, while the handler waits: 15 s. AEON_NEVER: none */
} aeon_events_opts;

/* What leaves in one piece: an event, or without one a new id, retry time or comment. Everything may be NULL; text is UTF-8. */
typedef struct aeon_server_event {
        const char *name;    /* what the client listens for; NULL: "message". One line */
        const char *data;    /* lines end in CR LF, CR or LF, and arrive with LF. NULL: "" if there is a name, else no event */
        const char *id;      /* the client's Last-Event-ID from now on; "": it has none any more. One line */
        aeon_duration retry; /* how long it waits before it connects again; 0: as before */
        const char *comment; /* what clients skip; lines as in data */
} aeon_server_event;

/* Begin the reply: status 200, text/event-stream, Cache-Control: no-store, and X-Accel-Buffering: no, so that nginx passes events on at once.
 * The head leaves now. A client that is to stop asking for more gets a reply of status 204 in place of this. NULL @opts: the defaults.
 *
 * Suspends. Cancellable. Errors: -EINVAL the ping is negative; others as aeon_reply_begin(), aeon_reply_write() */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_events_begin(aeon_request *req, const aeon_events_opts *opts);

/* The id of the last event that this client has seen, for events that can be sent again; NULL: it is here for the first time. Borrowed
 * until the handler ends. */
AEON_API const char *aeon_events_last_id(const aeon_request *req);

/* Send @event. All of it is with the kernel when this returns.
 *
 * Suspends while the client is slow. Cancelled before the first byte: nothing was sent.
 *
 * Errors: -EINVAL  the name or the id has a line's end, or retry is negative; nothing was sent
 *         -EBADF   aeon_events_begin() was not called; others as aeon_reply_write() */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_events_send(aeon_request *req, const aeon_server_event *event);

/* Receive the next value from @from, as aeon_receive() does. Returns 1; 0 when the handler is to end: the app drains, no sender is
 * left, or the request was HEAD.
 *
 * Suspends. Cancellable, and then nothing was taken. Errors: as aeon_receive() and aeon_events_send() */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_events_receive(aeon_request *req, aeon_receiver *from, void *ret_item);

/* Sleep, for events that come by the clock. Returns 1 when @duration is over; 0 when the handler is to end.
 *
 * Suspends. Cancellable. Errors: as aeon_sleep() and aeon_events_send() */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_events_sleep(aeon_request *req, aeon_duration duration);

#ifdef __cplusplus
}
#endif
#endif
