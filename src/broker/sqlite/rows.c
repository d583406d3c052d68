/* The queue file's rows: publish, claim, settle, delay, take back. See store.h. */
#include "broker/sqlite/store.h"

#include <aeon/error.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t wall_clock_ms(void)
{
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t due_after(aeon_duration delay)
{
        return delay > 0 ? wall_clock_ms() + (delay + 999999) / 1000000 : 0;
}

/* Run a statement that returns no rows; returns how many rows it changed. */
static int run(struct store *s, enum statement which)
{
        sqlite3_stmt *statement = s->statements[which];
        int code = sqlite3_step(statement);
        int r = code == SQLITE_DONE ? sqlite3_changes(s->db) : aeon__store_failure(s, code, "cannot write");
        sqlite3_reset(statement);
        return r;
}

static void bind_text(sqlite3_stmt *statement, int place, const char *text)
{
        sqlite3_bind_text(statement, place, text, -1, SQLITE_STATIC);
}

/* An absent text is NULL in the row. */
static void bind_optional(sqlite3_stmt *statement, int place, const char *text)
{
        if (*text)
                bind_text(statement, place, text);
        else
                sqlite3_bind_null(statement, place);
}

/* ------------------------------------------------------------------ publishing */

static sqlite3_stmt *bind_envelope(struct store *s, enum statement which, const struct envelope *e)
{
        sqlite3_stmt *statement = s->statements[which];
        bind_text(statement, 1, e->destination);
        sqlite3_bind_int64(statement, 2, due_after(e->delay));
        sqlite3_bind_int(statement, 3, e->priority);
        bind_optional(statement, 4, e->content_type);
        bind_optional(statement, 5, e->reply_to);
        bind_optional(statement, 6, e->correlation_id);
        sqlite3_bind_blob64(statement, 7, e->headers, e->headers_size, SQLITE_STATIC);
        sqlite3_bind_blob64(statement, 8, e->body, e->size, SQLITE_STATIC);
        return statement;
}

int aeon__store_publish(struct store *s, const struct envelope *e)
{
        size_t limit = (size_t)sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, -1) / 2;
        if (e->size > limit || e->headers_size > limit / 2)
                return aeon_fail(-EMSGSIZE, "sqlite holds no more than %zu bytes in a message", limit);
        if (!strncmp(e->destination, "_reply.", strlen("_reply."))) {
                sqlite3_stmt *statement = bind_envelope(s, INSERT_ANSWER, e);
                sqlite3_bind_int64(statement, 9, strtoll(e->destination + strlen("_reply."), NULL, 10));
                return run(s, INSERT_ANSWER); /* none: the requester is gone */
        }
        bind_envelope(s, INSERT_FOR_GROUPS, e);
        int r = run(s, INSERT_FOR_GROUPS);
        if (r != 0)
                return r;
        bind_envelope(s, INSERT_FOR_NOBODY, e);
        return run(s, INSERT_FOR_NOBODY);
}

int aeon__store_subscribe(struct store *s, const char *destination, const char *group)
{
        bind_text(s->statements[ADD_GROUP], 1, destination);
        bind_text(s->statements[ADD_GROUP], 2, group);
        int r = run(s, ADD_GROUP);
        if (r < 0)
                return r;
        sqlite3_stmt *find = s->statements[FIND_GROUP];
        bind_text(find, 1, destination);
        bind_text(find, 2, group);
        int code = sqlite3_step(find);
        r = code == SQLITE_ROW ? sqlite3_column_int(find, 0) : aeon__store_failure(s, code, "cannot read");
        sqlite3_reset(find);
        return r;
}

/* ------------------------------------------------------------------ claiming */

int aeon__store_peek(struct store *s, const char *destination, int slot)
{
        sqlite3_stmt *peek = s->statements[PEEK_READY];
        bind_text(peek, 1, destination);
        sqlite3_bind_int(peek, 2, slot);
        int code = sqlite3_step(peek);
        int r = code == SQLITE_ROW ? 1 : code == SQLITE_DONE ? 0 : aeon__store_failure(s, code, "cannot read");
        sqlite3_reset(peek);
        return r;
}

int aeon__store_count(struct store *s, const char *destination, int slot, uint64_t *ret_count)
{
        sqlite3_stmt *count = s->statements[COUNT_READY];
        bind_text(count, 1, destination);
        sqlite3_bind_int(count, 2, slot);
        int code = sqlite3_step(count);
        if (code == SQLITE_ROW)
                *ret_count = (uint64_t)sqlite3_column_int64(count, 0);
        int r = code == SQLITE_ROW ? 0 : aeon__store_failure(s, code, "cannot read");
        sqlite3_reset(count);
        return r;
}

static const char *column_text(sqlite3_stmt *row, int column)
{
        const char *text = (const char *)sqlite3_column_text(row, column);
        return text ? text : "";
}

static struct aeon_message *message_of(sqlite3_stmt *row, const char *destination)
{
        char id[24];
        int64_t number = sqlite3_column_int64(row, 0);
        snprintf(id, sizeof id, "%" PRId64, number);
        struct envelope e = {
                .destination = destination,
                .id = id,
                .content_type = column_text(row, 2),
                .reply_to = column_text(row, 3),
                .correlation_id = column_text(row, 4),
                .headers = sqlite3_column_blob(row, 5),
                .headers_size = (size_t)sqlite3_column_bytes(row, 5),
                .body = sqlite3_column_blob(row, 6),
                .size = (size_t)sqlite3_column_bytes(row, 6),
                .priority = sqlite3_column_int(row, 7),
        };
        struct aeon_message *m = aeon__message_new(&e);
        if (m) {
                m->token = number;
                m->attempt = (unsigned)sqlite3_column_int(row, 1) + 1;
                m->losses = (unsigned)sqlite3_column_int(row, 8);
        }
        return m;
}

static void forget(struct list *messages)
{
        struct list *node;
        while ((node = list_pop(messages)))
                free(container_of(node, struct aeon_message, node));
}

static int select_messages(struct store *s, const char *destination, int slot, unsigned limit, struct list *messages)
{
        sqlite3_stmt *select = s->statements[SELECT_READY];
        bind_text(select, 1, destination);
        sqlite3_bind_int(select, 2, slot);
        sqlite3_bind_int64(select, 3, limit);
        int code, r = 0;
        while (r >= 0 && (code = sqlite3_step(select)) == SQLITE_ROW) {
                struct aeon_message *m = message_of(select, destination);
                if (m)
                        list_append(messages, &m->node);
                else
                        r = aeon_fail(-ENOMEM, "no memory for a message");
        }
        if (r >= 0 && code != SQLITE_DONE)
                r = aeon__store_failure(s, code, "cannot read");
        sqlite3_reset(select);
        return r;
}

/* An answer's row is free until it is deleted. */
static int take(struct store *s, int64_t id, bool answer)
{
        sqlite3_stmt *statement = s->statements[answer ? ACK : CLAIM];
        sqlite3_bind_int64(statement, 1, id);
        sqlite3_bind_int64(statement, 2, answer ? 0 : s->self);
        return run(s, answer ? ACK : CLAIM);
}

/* Two passes: a statement does not change what another is walking. */
int aeon__store_claim(struct store *s, const char *destination, int slot, bool answers, unsigned limit, struct list *messages)
{
        struct list found, *node;
        list_init(&found);
        int r = select_messages(s, destination, slot, limit, &found), count = 0;
        struct aeon_message *m;
        list_foreach (m, &found, node) {
                if (r < 0)
                        break;
                r = take(s, m->token, answers);
                count++;
        }
        if (r < 0) {
                forget(&found);
                return r;
        }
        while ((node = list_pop(&found)))
                list_append(messages, node);
        return count;
}

/* ------------------------------------------------------------------ settling */

static int settle_row(struct store *s, enum statement which, int64_t id)
{
        sqlite3_bind_int64(s->statements[which], 1, id);
        sqlite3_bind_int64(s->statements[which], 2, s->self);
        int r = run(s, which);
        return r == 0 ? aeon_fail(-ESTALE, "message %" PRId64 " in %s is not ours any more", id, s->path) : r;
}

int aeon__store_settle(struct store *s, int64_t id, const struct settlement *verdict)
{
        int r;
        switch (verdict->verdict) {
        case VERDICT_ACK:
                return settle_row(s, ACK, id);
        case VERDICT_RELEASE:
                return settle_row(s, RELEASE, id);
        case VERDICT_RETRY:
                sqlite3_bind_int64(s->statements[RETRY], 3, due_after(verdict->delay));
                return settle_row(s, RETRY, id);
        case VERDICT_REJECT:
                r = settle_row(s, ACK, id);
                return r < 0 ? r : aeon__store_publish(s, verdict->dead);
        }
        return aeon_fail(-EINVAL, "unknown verdict");
}

/* ------------------------------------------------------------------ time, and the dead */

int aeon__store_promote(struct store *s)
{
        sqlite3_bind_int64(s->statements[PROMOTE], 1, wall_clock_ms());
        return run(s, PROMOTE);
}

int64_t aeon__store_next_due(struct store *s)
{
        sqlite3_stmt *next = s->statements[NEXT_DUE];
        int64_t wait = -1;
        if (sqlite3_step(next) == SQLITE_ROW && sqlite3_column_type(next, 0) != SQLITE_NULL) {
                wait = sqlite3_column_int64(next, 0) - wall_clock_ms();
                if (wait < 0)
                        wait = 0;
        }
        sqlite3_reset(next);
        return wait;
}

int aeon__store_dead_owners(struct store *s, int64_t *ret_ids, unsigned limit)
{
        sqlite3_stmt *others = s->statements[OTHER_OWNERS];
        sqlite3_bind_int64(others, 1, s->self);
        int count = 0, r = 0;
        while ((unsigned)count < limit && r >= 0 && sqlite3_step(others) == SQLITE_ROW) {
                int64_t id = sqlite3_column_int64(others, 0);
                r = aeon__owners_is_dead(&s->owners, id);
                if (r > 0)
                        ret_ids[count++] = id;
        }
        sqlite3_reset(others);
        return r < 0 ? r : count;
}

static int execute_for(struct store *s, const char *sql, int64_t owner)
{
        sqlite3_stmt *statement;
        int code = sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL);
        if (code == SQLITE_OK) {
                sqlite3_bind_int64(statement, 1, owner);
                code = sqlite3_step(statement);
        }
        int r = code == SQLITE_DONE ? sqlite3_changes(s->db) : aeon__store_failure(s, code, "cannot write");
        sqlite3_finalize(statement);
        return r;
}

int aeon__store_bury(struct store *s, int64_t owner)
{
        /* '/' is the character after '.' */
        int r = execute_for(s,
                            "DELETE FROM messages WHERE owner = 0 AND ready_at = 0"
                            "  AND destination >= '_reply.' || ?1 || '.' AND destination < '_reply.' || ?1 || '/'",
                            owner);
        if (r >= 0)
                r = execute_for(s, "DELETE FROM owners WHERE id = ?1", owner);
        if (r >= 0 && owner == s->self)
                r = execute_for(s, "UPDATE messages SET owner = 0 WHERE owner = ?1", owner);
        else if (r >= 0)
                r = execute_for(s, "UPDATE messages SET owner = 0, losses = losses + 1 WHERE owner = ?1", owner);
        return r;
}
