/* The queue file: tables, and what can be done to them. One thread uses a store; every function may block on the disk.
 *
 * DESIGN
 *     messages   one row per message and slot; a row is in exactly one of these states:
 *                   ready      owner = 0 and ready_at = 0
 *                   delayed    owner = 0 and ready_at > 0     (milliseconds of the wall clock: delays survive a restart)
 *                   claimed    owner > 0                      (and ready_at = 0)
 *                an acknowledged row is deleted
 *     groups     which groups want a destination's messages, each by its slot. Publishing inserts one row per group. Slots count from
 *                0, and with no group yet a row is for slot 0: so the first group to subscribe finds what came before it
 *     owners     who has claimed rows: one row per open store, see owners.h
 *     dead_letters  a view, for people with the sqlite3 program
 *
 *   Dead letters are messages like all others, under the destination "<origin>.dead". Answers to requests are rows under
 *   "_reply.<owner>.<link>", which end with their owner.
 *
 *   Functions between store_begin() and store_commit() change nothing for others until the commit. After any failure the whole
 *   transaction must be rolled back.
 */
#pragma once

#include "broker/driver.h"
#include "broker/sqlite/owners.h"

#include <sqlite3.h>

enum statement {
        INSERT_FOR_GROUPS,
        INSERT_FOR_NOBODY,
        INSERT_ANSWER,
        SELECT_READY,
        PEEK_READY,
        COUNT_READY,
        CLAIM,
        ACK,
        RETRY,
        RELEASE,
        PROMOTE,
        NEXT_DUE,
        ADD_GROUP,
        FIND_GROUP,
        ADD_OWNER,
        OTHER_OWNERS,
        PAGE_COUNT,
        STATEMENTS
};

struct store {
        sqlite3 *db;
        sqlite3_stmt *statements[STATEMENTS];
        struct owners owners;
        int64_t self; /* our own id among the owners */
        char path[512];
        bool durable; /* the present setting of synchronous: FULL, else NORMAL */
};

/* Open, create when missing, take an owner id, and take back what dead owners have left.
 * Errors: -EACCES, -ENOENT, -ENOTDIR ...; -EBADMSG not a database, or somebody else's; -EPROTONOSUPPORT of a newer schema */
int aeon__store_open(struct store *s, const char *path);

/* Give back all claims and the owner id. */
void aeon__store_close(struct store *s);

/* @durable: the commit returns when the disk has it. Without that a power failure (not a crash of the process) may undo it. */
int aeon__store_begin(struct store *s, bool durable);
int aeon__store_commit(struct store *s);
void aeon__store_rollback(struct store *s);

/* Errors: -ENOSPC when @bytes more would leave no room for acknowledgements. */
int aeon__store_has_room(struct store *s, size_t bytes);

/* On a disk that is nearly full empty the log, so that its room is used again before more is needed. */
void aeon__store_keep_room(struct store *s);

/* Move the log into the file as far as possible, so that its room can be used again. */
void aeon__store_checkpoint(struct store *s);

/* Errors: -EMSGSIZE above what sqlite can hold. */
int aeon__store_publish(struct store *s, const struct envelope *e);

/* Enter a group; returns its slot. */
int aeon__store_subscribe(struct store *s, const char *destination, const char *group);

/* Is there anything to claim? 1: yes. */
int aeon__store_peek(struct store *s, const char *destination, int slot);

/* How much is there to claim? */
int aeon__store_count(struct store *s, const char *destination, int slot, uint64_t *ret_count);

/* Claim up to @limit messages, best first, onto the end of @messages; answers are taken for good. Returns how many. */
int aeon__store_claim(struct store *s, const char *destination, int slot, bool answers, unsigned limit, struct list *messages);

/* Errors: -ESTALE the row is not ours. */
int aeon__store_settle(struct store *s, int64_t id, const struct settlement *verdict);

/* Make delayed messages ready that are due; returns how many. */
int aeon__store_promote(struct store *s);

/* Milliseconds until the next delayed message is due, -1 when there is none. */
int64_t aeon__store_next_due(struct store *s);

/* Up to @limit owners that are dead. Returns how many. */
int aeon__store_dead_owners(struct store *s, int64_t *ret_ids, unsigned limit);

/* Take back what an owner had claimed, and drop the answers to it. What one that is dead had is counted as lost. Returns how many came back. */
int aeon__store_bury(struct store *s, int64_t owner);

/* ------------------------------------------------------------------ between store.c and rows.c */

/* The negative errno for @code of the last call on @s, with words that name the file and what was being done. */
int aeon__store_failure(struct store *s, int code, const char *doing);
