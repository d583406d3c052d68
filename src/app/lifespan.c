/* One loop's lifespan.
 *
 * DESIGN
 *   The user's function runs in a task of its own. Inside aeon_lifespan_serve() it opens three groups and carries out commands:
 *
 *       parts       tasks of brokers and listeners          joined last
 *         beside    background, periodic, health
 *           handlers                                        joined first
 *
 *   Since the commands run in the lifespan's own task, everything that parts start inherits its scopes and variables; and since
 *   the groups are opened where serve() was called, a cancel inside the user's lifespan reaches all of it.
 *
 *   When serving is cancelled from inside (a scope or a group of the user's), the lifespan has DIED: it says so and goes on taking
 *   commands under a shield, for what was opened must be closed in order.
 */
#include "app/app.h"

#include "loop/dump.h"
#include "loop/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ notes and commands */

static void note_arrives(void *arg)
{
        struct note *note = arg;
        if (aeon_try_send(note->life->app->notes, note) < 0) /* fails without memory only */
                aeon__post_surely(atomic_load(&note->life->app->main_loop), note_arrives, note);
}

static void send_note(struct note *note, struct aeon_lifespan *life, enum note_kind kind, int result)
{
        note->kind = kind;
        note->life = life;
        note->result = result;
        note->words = result < 0 ? strdup(aeon_error_describe(result)) : NULL;
        aeon__post_surely(atomic_load(&life->app->main_loop), note_arrives, note);
}

static void note_send(struct aeon_lifespan *life, enum note_kind kind, int result)
{
        send_note(&life->notes[kind], life, kind, result);
}

static void answer(struct aeon_lifespan *life, enum command command, int result)
{
        life->done[command].command = command;
        send_note(&life->done[command], life, NOTE_DONE, result);
}

static void command_arrives(void *arg)
{
        uintptr_t packed = (uintptr_t)arg;
        struct aeon_lifespan *life = (struct aeon_lifespan *)(packed & ~(uintptr_t)7);
        enum command command = (enum command)(packed & 7);
        aeon_try_send(life->commands, &command); /* there is room: commands are answered one by one */
}

void aeon__lifespan_command(struct aeon_lifespan *life, enum command command)
{
        _Static_assert(COMMAND_LEAVE < 8 && _Alignof(struct aeon_lifespan) >= 8, "a command fits into a pointer's low bits");
        life->commanded = command;
        life->answered = false;
        aeon__post_surely(atomic_load(&life->loop), command_arrives, (void *)((uintptr_t)life | (uintptr_t)command));
}

static void stop_starting(void *arg)
{
        struct aeon_lifespan *life = arg;
        if (life->state == LIFE_STARTING && life->whole)
                aeon_scope_cancel(life->whole, "the app is told to stop");
        else if (life->step)
                aeon_scope_cancel(life->step, "the app is told to stop");
}

/* It may be too early for the post to cancel anything: whoever begins to start something looks at the flag. */
void aeon__lifespan_stop_starting(struct aeon_lifespan *life)
{
        atomic_store(&life->stop_starting, true);
        aeon_loop *loop = atomic_load(&life->loop);
        if (loop)
                aeon__post_surely(loop, stop_starting, life);
}

static void say_draining(void *arg)
{
        struct aeon_lifespan *life = arg;
        aeon_event_set(life->draining);
}

void aeon__lifespan_say_draining(struct aeon_lifespan *life)
{
        aeon_loop *loop = atomic_load(&life->loop);
        if (loop)
                aeon__post_surely(loop, say_draining, life);
}

static void give_up(void *arg)
{
        struct aeon_lifespan *life = arg;
        if (life->step)
                aeon_scope_cancel(life->step, "its time is over");
        if (life->whole)
                aeon_scope_cancel(life->whole, "its time is over");
        if (!life->given_up) {
                aeon__report_stragglers(life->app, life->handlers, "abandoned");
                aeon__report_stragglers(life->app, life->beside, "abandoned");
                aeon__report_stragglers(life->app, life->parts, "abandoned");
                aeon__beside_give_up(life);
        }
        life->given_up = true;
}

void aeon__lifespan_give_up(struct aeon_lifespan *life)
{
        aeon_loop *loop = atomic_load(&life->loop);
        if (loop)
                aeon__post_surely(loop, give_up, life);
}

/* ------------------------------------------------------------------ carrying out */

static int call_part(struct aeon_lifespan *life, const struct part_entry *e, enum call_kind kind,
                     int (*fn)(void *self, aeon_lifespan *life))
{
        struct call call = { .kind = kind, .name = e->part->name, .index = e->index, .loop = life->index };
        int r = aeon__call_begin(life->app, &call);
        if (r == 0 && fn)
                r = fn(e->self, life);
        return aeon__call_end(life->app, &call, r);
}

/* One that cannot fail. */
static void tell_part(struct aeon_lifespan *life, const struct part_entry *e, enum call_kind kind,
                      void (*fn)(void *self, aeon_lifespan *life))
{
        struct call call = { .kind = kind, .name = e->part->name, .index = e->index, .loop = life->index };
        aeon__call_begin(life->app, &call);
        if (fn)
                fn(e->self, life);
        aeon__call_end(life->app, &call, 0);
}

static int open_parts(struct aeon_lifespan *life)
{
        for (struct part_entry *e = life->app->parts; e; e = e->next) {
                int r = aeon_cancelled() ? -ECANCELED : call_part(life, e, CALL_OPEN, e->part->open);
                if (r < 0)
                        return r;
                life->part_open[e->index] = true;
        }
        return aeon__health_start(life);
}

static int serve_parts(struct aeon_lifespan *life)
{
        for (struct part_entry *e = life->app->parts; e; e = e->next) {
                int r = aeon_cancelled() ? -ECANCELED : call_part(life, e, CALL_SERVE, e->part->serve);
                if (r < 0)
                        return r;
        }
        return aeon__beside_start(life);
}

static void quiesce_parts(struct aeon_lifespan *life)
{
        for (struct part_entry *e = life->app->last_part; e; e = e->previous)
                if (life->part_open[e->index])
                        tell_part(life, e, CALL_QUIESCE, e->part->quiesce);
}

static void close_parts(struct aeon_lifespan *life)
{
        for (struct part_entry *e = life->app->last_part; e; e = e->previous)
                if (life->part_open[e->index]) {
                        life->part_open[e->index] = false;
                        tell_part(life, e, CALL_CLOSE, e->part->close);
                }
}

void aeon__parts_leave(aeon_app *app)
{
        for (struct part_entry *e = app->last_part; e; e = e->previous)
                if (e->part->leave)
                        e->part->leave(e->self, app);
        for (struct part_entry *e = app->aside; e; e = e->next) /* a hook may have used one */
                if (e->part->leave)
                        e->part->leave(e->self, app);
}

static bool in_flight(const struct aeon_lifespan *life, int command)
{
        return aeon_group_size(life->handlers) || (command == COMMAND_CANCEL && aeon_group_size(life->beside));
}

/* DRAIN and CANCEL are answered when the last task has ended; until then the lifespan stays open for the next command. */
static void answer_when_empty(struct aeon_lifespan *life)
{
        if (life->waiting_for < 0 || in_flight(life, life->waiting_for))
                return;
        enum command command = (enum command)life->waiting_for;
        life->waiting_for = -1;
        answer(life, command, 0);
}

static void task_ended(void *arg, struct aeon_task *task, int r)
{
        (void)task, (void)r;
        struct aeon_lifespan *life = arg;
        if (life->waiting_for >= 0)
                atomic_fetch_add(&life->app->moves, 1);
        answer_when_empty(life);
}

static void carry_out(struct aeon_lifespan *life, enum command command)
{
        aeon_scope step;
        int r = 0;
        aeon_scope_open(&step, &(aeon_scope_opts){ .name = "step", .shield = command >= COMMAND_QUIESCE });
        life->step = &step;
        if (command <= COMMAND_SERVE && atomic_load(&life->stop_starting))
                aeon_scope_cancel(&step, "the app is told to stop");
        switch (command) {
        case COMMAND_OPEN:
                r = open_parts(life);
                break;
        case COMMAND_SERVE:
                r = serve_parts(life);
                break;
        case COMMAND_QUIESCE:
                quiesce_parts(life);
                break;
        case COMMAND_CANCEL:
                life->cancelled = true;
                aeon__report_stragglers(life->app, life->handlers, "cancelled");
                aeon__beside_close(life);
                aeon_group_cancel(life->handlers, "the app shuts down");
                aeon_group_cancel(life->beside, "the app shuts down");
                break;
        case COMMAND_CLOSE:
                close_parts(life);
                break;
        case COMMAND_DRAIN:
        case COMMAND_LEAVE:
        case COMMANDS:
                break;
        }
        life->step = NULL;
        r = aeon_scope_close(&step, r);
        if (r == 0 && aeon_scope_cancelled(&step))
                r = -ECANCELED;
        if (command == COMMAND_DRAIN || command == COMMAND_CANCEL) {
                life->waiting_for = command;
                answer_when_empty(life);
        } else if (command != COMMAND_LEAVE) {
                answer(life, command, r);
        }
}

/* Carry out what comes until told to leave, or until a cancel ends the wait. */
static int take_commands(struct aeon_lifespan *life)
{
        enum command command;
        do {
                int r = aeon_receive(life->inbox, &command);
                if (r < 0)
                        return r;
                carry_out(life, command);
        } while (command != COMMAND_LEAVE);
        return 0;
}

static void serve_commands(struct aeon_lifespan *life)
{
        int r = take_commands(life);
        if (r == 0)
                return;
        /* COMMAND_CANCEL cancels the groups that this task stands in, and is meant to, and so does who gives the lifespan up; anything
         * else that does is a death. */
        if (!life->cancelled && !life->given_up) {
                aeon_fail(r, "%s", aeon_cancel_reason());
                note_send(life, NOTE_DIED, r);
        }
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true, .name = "leaving" });
        r = take_commands(life);
        aeon_scope_close(&shield, r);
}

/* ------------------------------------------------------------------ what users call */

static int open_groups(struct aeon_lifespan *life)
{
        int r = aeon_group_open(&life->parts);
        if (r < 0)
                return r;
        r = aeon_group_open(&life->beside);
        if (r < 0) {
                aeon_group_close(life->parts);
                return r;
        }
        r = aeon_group_open(&life->handlers);
        if (r < 0) {
                aeon_group_close(life->beside);
                aeon_group_close(life->parts);
                return r;
        }
        aeon__group_supervise(life->beside, task_ended, life);
        aeon__group_supervise(life->handlers, task_ended, life);
        return 0;
}

int aeon_lifespan_serve(aeon_lifespan *life)
{
        if (life->state != LIFE_STARTING)
                return aeon_fail(-EALREADY, "a lifespan serves once");
        int r = aeon_checkpoint();
        if (r < 0)
                return r;
        r = open_groups(life);
        if (r < 0)
                return r;
        life->state = LIFE_SERVING;
        aeon__call_end(life->app, &(struct call){ .kind = CALL_ENTER, .name = "", .loop = life->index }, 0);
        note_send(life, NOTE_UP, 0);
        serve_commands(life);

        life->waiting_for = -1;
        aeon__beside_close(life);
        aeon_group_close(life->handlers);
        life->handlers = NULL;
        aeon_group_close(life->beside);
        life->beside = NULL;
        aeon_group_cancel(life->parts, "the lifespan ends");
        r = aeon_group_close(life->parts);
        life->parts = NULL;
        life->state = LIFE_LEFT;
        life->left_with = aeon__call_begin(life->app, &(struct call){ .kind = CALL_LEAVE, .name = "", .loop = life->index });
        return r;
}

aeon_app *aeon_lifespan_app(aeon_lifespan *life)
{
        return life->app;
}

unsigned aeon_lifespan_index(const aeon_lifespan *life)
{
        return life->index;
}

aeon_group *aeon_lifespan_group(aeon_lifespan *life)
{
        return life->parts;
}

/* A handler that a simulation watches. */
struct watched_handler {
        aeon_app *app;
        struct call call;
        aeon_task_fn *fn;
        void *arg;
};

static int run_watched(void *arg)
{
        struct watched_handler watched = *(struct watched_handler *)arg;
        free(arg);
        watched.call.name = aeon_task_name(aeon_task_current());
        aeon__call_begin(watched.app, &watched.call); /* may hold it up; that it is made is its caller's due */
        return aeon__call_end(watched.app, &watched.call, watched.fn(watched.arg));
}

static int handle_watched(struct aeon_lifespan *life, const char *name, aeon_task_fn *fn, void *arg, const char *site)
{
        struct watched_handler *watched = malloc(sizeof *watched);
        if (!watched)
                return aeon_fail(-ENOMEM, "no memory to watch \"%s\"", name);
        *watched = (struct watched_handler){ life->app, { .kind = CALL_HANDLER, .loop = life->index }, fn, arg };
        int r = aeon_spawn_at(life->handlers, name, run_watched, watched, NULL, site);
        if (r < 0)
                free(watched);
        return r;
}

int aeon_lifespan_handle_at(aeon_lifespan *life, const char *name, aeon_task_fn *fn, void *arg, const char *site)
{
        if (!life->handlers)
                return aeon_fail(-ESHUTDOWN, "\"%s\" comes too late: the loop has stopped serving", name);
        if (life->app->watcher)
                return handle_watched(life, name, fn, arg, site);
        return aeon_spawn_at(life->handlers, name, fn, arg, NULL, site);
}

/* ------------------------------------------------------------------ the task */

static int run_lifespan(struct aeon_lifespan *life)
{
        aeon_app *app = life->app;
        struct call call = { .kind = CALL_ENTER, .name = "", .loop = life->index };
        int r = aeon__call_begin(app, &call);
        if (r == 0 && app->lifespan)
                r = app->lifespan(life);
        if (r >= 0 && life->state == LIFE_STARTING)
                r = aeon_lifespan_serve(life); /* there is none, or it declined */
        if (life->state == LIFE_LEFT)
                call.kind = CALL_LEAVE;
        return aeon__call_end(app, &call, r >= 0 && life->left_with < 0 ? life->left_with : r);
}

int aeon__lifespan_task(void *arg)
{
        struct aeon_lifespan *life = arg;
        aeon__runner_now()->owner = life;
        int r = aeon_event_new(&life->draining);
        if (r == 0)
                r = aeon_channel_open(sizeof(enum command), 8, &life->commands, &life->inbox);
        if (r == 0) {
                aeon_scope whole;
                aeon_scope_open(&whole, &(aeon_scope_opts){ .name = "lifespan" });
                life->whole = &whole;
                atomic_store(&life->loop, aeon_loop_hold(aeon_loop_current()));
                aeon__loop_set_title(life->loop, "loop %u", life->index);
                if (atomic_load(&life->stop_starting))
                        aeon_scope_cancel(&whole, "the app is told to stop");
                r = run_lifespan(life);
                life->whole = NULL;
                aeon_scope_close(&whole, r); /* its own result is told: the coordinator knows whether it asked for it */
        }
        if (life->index > 0) /* the main loop has hooks to come */
                aeon__parts_leave(life->app);
        note_send(life, NOTE_ENDED, r);
        aeon_sender_close(life->commands);
        aeon_receiver_close(life->inbox);
        return 0;
}
