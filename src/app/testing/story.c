/* Moments in words; see story.h. */
#include "app/testing/story.h"

#include <aeon/error.h>
#include <aeon/testing.h>
#include <string.h>

const char *const aeon__call_words[CALL_KINDS] = {
        [CALL_BIND] = "bind",
        [CALL_ON_STARTUP] = "on_startup",
        [CALL_ENTER] = "enter",
        [CALL_OPEN] = "open",
        [CALL_AFTER_STARTUP] = "after_startup",
        [CALL_SERVE] = "serve",
        [CALL_ON_READY] = "on_ready",
        [CALL_ON_RELOAD] = "on_reload",
        [CALL_TASK] = "task",
        [CALL_HANDLER] = "handler",
        [CALL_QUIESCE] = "quiesce",
        [CALL_ON_SHUTDOWN] = "on_shutdown",
        [CALL_CLOSE] = "close",
        [CALL_LEAVE] = "leave",
        [CALL_AFTER_SHUTDOWN] = "after_shutdown",
        [CALL_UNBIND] = "unbind",
        [CALL_DEFERRED] = "deferred",
};

static const char *const fault_words[] = {
        [AEON_FAULT_FAIL] = "made to fail",         [AEON_FAULT_DELAY] = "held up",         [AEON_FAULT_HANG] = "made to hang",
        [AEON_FAULT_STUCK] = "made to stick",       [AEON_FAULT_SIGNAL] = "meets a signal", [AEON_FAULT_STOP] = "meets a stop",
        [AEON_FAULT_DIE] = "sees its lifespan die",
};

const char *aeon__call_describe(const struct call *call, char *text, size_t size)
{
        snprintf(text, size, "%s%s%s on loop %u", aeon__call_words[call->kind], *call->name ? " " : "", call->name, call->loop);
        return text;
}

/* FNV-1a, by words. */
static uint64_t fold(uint64_t digest, int64_t fact)
{
        return (digest ^ (uint64_t)fact) * 0x100000001b3;
}

static uint64_t fold_moment(uint64_t digest, const struct moment *m)
{
        digest = fold(fold(digest, m->kind), m->call.kind);
        digest = fold(fold(digest, m->call.index), m->call.loop);
        digest = fold(fold(digest, m->result), m->ready);
        digest = fold(digest, m->time);
        for (const char *c = m->name; *c; c++)
                digest = fold(digest, *c);
        return digest;
}

/* Undisturbed handlers and tasks come by the thousand and tell nothing. */
static bool is_worth_telling(const struct moment *m)
{
        bool call = m->kind == MOMENT_BEGAN || m->kind == MOMENT_ENDED;
        return !call || (m->call.kind != CALL_HANDLER && m->call.kind != CALL_TASK);
}

void aeon__story_add(struct story *story, const struct moment *m)
{
        if (is_worth_telling(m)) {
                struct moment *kept = &story->moments[story->count++ % STORY_LIMIT];
                *kept = *m;
                kept->call.name = kept->name;
        }
        story->digest = fold_moment(story->digest, m);
}

static void print_moment(const struct moment *m, aeon_time begin, FILE *out)
{
        char call[80];
        aeon__call_describe(&m->call, call, sizeof call);
        fprintf(out, "%10.3f s %s ", (double)(m->time - begin) / 1e9, m->ready ? "ready" : "     ");
        switch (m->kind) {
        case MOMENT_BEGAN:
                fprintf(out, "  %s\n", call);
                break;
        case MOMENT_ENDED:
                fprintf(out, "  %s: %s\n", call, m->result < 0 ? aeon_strerror(m->result) : "done");
                break;
        case MOMENT_FAULT:
                fprintf(out, "! %s %s", call, fault_words[m->result]);
                if (m->result == AEON_FAULT_DELAY)
                        fprintf(out, " for %.3f s", (double)m->delay / 1e9);
                fputc('\n', out);
                break;
        case MOMENT_STOP:
                fprintf(out, "! told to stop with code %d\n", m->result);
                break;
        case MOMENT_SIGNAL:
                fprintf(out, "! SIG%s\n", sigabbrev_np(m->result));
                break;
        case MOMENT_EXIT:
                fprintf(out, "! the process ends with code %d\n", m->result);
                break;
        }
}

void aeon__story_print(const struct story *story, aeon_time begin, FILE *out)
{
        unsigned first = story->count > STORY_LIMIT ? story->count - STORY_LIMIT : 0;
        if (first)
                fprintf(out, "(%u earlier moments are left out)\n", first);
        for (unsigned i = first; i < story->count; i++)
                print_moment(&story->moments[i % STORY_LIMIT], begin, out);
}
