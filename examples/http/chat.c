/* examples/http/chat.c - a room: what one says, everybody in it hears.
 *
 * After `aeon run chat.c`: python3 -m websockets 'ws://localhost:8000/chat?name=Ada', in two terminals. Or in a browser, on a page of this
 * host: ws = new WebSocket("ws://localhost:8000/chat?name=Ada"); ws.onmessage = e => console.log(e.data); ws.send("hello")
 */
#include <aeon.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { NAME = 20, WORDS = 200, LINE = NAME + 2 + WORDS + 1, BEHIND = 16, MEMBERS = 100 };

struct line {
        char text[LINE];
};

/* Who is in the room of this loop: the ends of the channels of which each member sends on what comes. */
struct room {
        aeon_sender *members[MEMBERS];
        size_t count;
};
AEON_LOOP_VAR(room, struct room);

/* A member that is more than BEHIND lines behind misses this one, and holds nobody back. */
static void say(const char *name, const char *words)
{
        const struct room *r = room_get();
        struct line line;
        snprintf(line.text, sizeof line.text, "%s: %s", name, words);
        for (size_t i = 0; i < r->count; i++)
                aeon_try_send(r->members[i], &line);
}

struct member {
        aeon_websocket *ws;
        aeon_receiver *lines;
};

static int hear(void *arg)
{
        const struct member *m = arg;
        struct line line;
        int r = 0;
        while (r == 0 && (r = aeon_receive(m->lines, &line)) == 0)
                r = aeon_websocket_send(m->ws, AEON_WEBSOCKET_TEXT, line.text, strlen(line.text));
        return r == AEON_EOF ? 0 : r;
}

/* Two tasks for each member: this one receives what it says, hear() sends what it hears. */
static int be_in_the_room(struct member *m, const char *name)
{
        aeon_websocket_message said;
        aeon_group *g;
        int r = aeon_group_open(&g);
        if (r < 0)
                return r;
        aeon_spawn(g, "hear", hear, m);
        say(name, "(is here)");
        while ((r = aeon_websocket_receive(m->ws, &said)) > 0)
                if (said.kind == AEON_WEBSOCKET_TEXT)
                        say(name, said.data);
        say(name, "(has left)");
        aeon_group_cancel(g, "the member has left");
        int e = aeon_group_close(g);
        return r < 0 ? r : e;
}

/* Whatever comes from a client may be anything: this goes to all others. */
static bool is_name(const char *name)
{
        static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        return name && *name && strlen(name) <= NAME && !name[strspn(name, letters)];
}

static int chat(aeon_request *req)
{
        struct room *room = room_get();
        const char *name = aeon_request_query(req, "name");
        struct member m;
        aeon_sender *sender;
        if (!is_name(name) || room->count == MEMBERS)
                return aeon_fail(-EACCES, "%s", is_name(name) ? "the room is full" : "who is it?");
        int r = aeon_channel_open(sizeof(struct line), BEHIND, &sender, &m.lines);
        if (r < 0)
                return r;
        r = aeon_websocket_accept(req, &(aeon_websocket_opts){ .max_message = WORDS }, &m.ws);
        if (r == 0) {
                room->members[room->count++] = sender;
                r = be_in_the_room(&m, name);
                for (size_t i = 0; i < room->count; i++)
                        if (room->members[i] == sender)
                                room->members[i] = room->members[--room->count];
        }
        aeon_sender_close(sender);
        aeon_receiver_close(m.lines);
        return r;
}

static int open_room(aeon_lifespan *life)
{
        struct room room = { .count = 0 };
        room_set(&room);
        return aeon_lifespan_serve(life);
}

AEON_APP(app)
{
        aeon_use_lifespan(app, open_room);
        aeon_http_listen(app, &(aeon_http_opts){ .address = aeon_app_arg(app, "listen", "localhost:8000") });
        aeon_route(app, "GET /chat", chat, NULL);
}
