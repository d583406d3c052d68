/* The statements of kept.h. A hundred hashes in a row are compared faster than a table would be kept. */
#include "db/kept.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash_of(const char *text)
{
        uint64_t hash = 14695981039346656037u; /* FNV-1a */
        for (; *text; text++)
                hash = (hash ^ (unsigned char)*text) * 1099511628211u;
        return hash;
}

void aeon__kept_init(struct kept_list *k)
{
        list_init(&k->list);
        k->count = 0;
}

struct kept *aeon__kept_find(struct kept_list *k, const char *sql)
{
        uint64_t hash = hash_of(sql);
        struct kept *one;
        list_foreach (one, &k->list, node)
                if (one->hash == hash && !strcmp(one->sql, sql)) {
                        list_remove(&one->node);
                        list_prepend(&k->list, &one->node);
                        return one;
                }
        return NULL;
}

struct kept *aeon__kept_add(struct kept_list *k, const char *sql)
{
        struct kept *one = calloc(1, sizeof *one + strlen(sql) + 1);
        if (!one)
                return NULL;
        one->hash = hash_of(sql);
        strcpy(one->sql, sql);
        list_prepend(&k->list, &one->node);
        k->count++;
        return one;
}

struct kept *aeon__kept_oldest(struct kept_list *k)
{
        return list_empty(&k->list) ? NULL : container_of(k->list.prev, struct kept, node);
}

void aeon__kept_forget(struct kept_list *k, struct kept *one)
{
        list_remove(&one->node);
        k->count--;
        free(one);
}
