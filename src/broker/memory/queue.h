/* The memory broker's queues: what is shared by all loops of the process.
 *
 * DESIGN
 *     memory
 *       queue "jobs"                    one per destination
 *         group "workers"               each gets every message; the first one takes what came before it
 *           ready    item item item     best first: higher priority, then first come
 *           delayed  item item          earliest first
 *           sources  s1 s2              subscriptions, taking turns
 *                      outstanding item
 *
 *   An item is in exactly one of ready, delayed, and a source's outstanding; it is freed by its ack. A delivery is a copy, so that
 *   giving an item back allocates nothing and cannot fail. Everything is under the one lock; a delivery to another loop is posted
 *   there while the lock is held, so that its order is the order of the queue.
 */
#pragma once

#include "broker/driver.h"

#include <pthread.h>

struct memory {
        struct list place; /* among those with a name; under their lock, as sharers is */
        unsigned sharers;
        char *name; /* "": its owner's alone */
        pthread_mutex_t lock;
        struct list queues;
        struct list links; /* of all loops: whose answers go where, whose timers must know of delays */
        uint64_t last_id;
        uint64_t last_address;
};

struct memory_source {
        struct list node; /* in its group */
        struct memory *memory;
        struct group *group;
        struct source *source;
        struct list outstanding;
        unsigned credit;
        bool draining;
};

/* The memory of this name, made when nobody has it yet; "" names nobody's but the caller's. It goes with the last to let go.
 * Errors: -ENOMEM */
int aeon__memory_share(const char *name, struct memory **ret_memory);
void aeon__memory_unshare(struct memory *m);

/* All with the lock held. */

/* Put a copy into every group of the destination. Errors: -ENOMEM, and then into none. */
int aeon__memory_publish(struct memory *m, const struct envelope *e, aeon_time now);

/* Attach a source to its group, making it. Errors: -ENOMEM. */
int aeon__memory_attach(struct memory *m, struct memory_source *s);

/* Give back what @s holds, and forget it. */
void aeon__memory_detach(struct memory_source *s);

/* Deliver what there is, as far as @s's group has credit. */
void aeon__memory_flow(struct memory_source *s);

/* How many messages @s's group has for whoever gives credit first. */
uint64_t aeon__memory_waiting(const struct memory_source *s);

/* The verdict on a delivered message. Errors: -ESTALE, never by a caller who keeps to the contract; those of publishing the dead
 * letter, and then nothing has happened. */
int aeon__memory_settle(struct memory_source *s, int64_t token, const struct settlement *verdict, aeon_time now);

/* Move what is due to its ready list and deliver it; returns when the next one is due. */
aeon_time aeon__memory_promote(struct memory *m, aeon_time now);
