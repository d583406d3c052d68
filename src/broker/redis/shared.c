/* What all loops of the process share: numbers.
 *
 * DESIGN
 *   Two things must be agreed on between the loops, which all subscribe to the same: which of them hears a channel (a message is handled
 *   once per process), and who is which consumer when the service gives their name. Both are the question "who is the n-th?".
 */
#include "broker/redis/link.h"

#include <aeon/error.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct shared {
        pthread_mutex_t lock;
        struct list numbers;
};

int aeon__shared_new(const char *url, const char *rest, void **ret_shared)
{
        (void)url, (void)rest;
        struct shared *shared = calloc(1, sizeof *shared);
        if (!shared)
                return aeon_fail(-ENOMEM, "no memory for a broker");
        pthread_mutex_init(&shared->lock, NULL);
        list_init(&shared->numbers);
        *ret_shared = shared;
        return 0;
}

void aeon__shared_free(void *arg)
{
        struct shared *shared = arg;
        pthread_mutex_destroy(&shared->lock);
        free(shared);
}

/* With the lock held. */
static bool is_taken(const struct shared *shared, const char *key, unsigned value)
{
        struct number *n;
        list_foreach (n, &shared->numbers, node)
                if (n->value == value && !strcmp(n->key, key))
                        return true;
        return false;
}

int aeon__number_take(struct shared *shared, const char *key, struct number *n)
{
        char *copy = strdup(key);
        if (!copy)
                return aeon_fail(-ENOMEM, "no memory for a name");
        *n = (struct number){ .key = copy };
        pthread_mutex_lock(&shared->lock);
        while (is_taken(shared, key, n->value))
                n->value++;
        list_append(&shared->numbers, &n->node);
        pthread_mutex_unlock(&shared->lock);
        return 0;
}

void aeon__number_give_back(struct shared *shared, struct number *n)
{
        if (!n->key)
                return;
        pthread_mutex_lock(&shared->lock);
        list_remove(&n->node);
        pthread_mutex_unlock(&shared->lock);
        free(n->key);
        n->key = NULL;
}
