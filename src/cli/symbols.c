/* Listing a module's apps by its dynamic symbol table.
 *
 * DESIGN
 *   dlsym() finds a name that is known; which names there are stands only in the table itself. The loader's link map leads to it:
 *
 *       link_map.l_ld -> DT_SYMTAB    the symbols, without their number
 *                        DT_STRTAB    their names
 *                        DT_GNU_HASH  (or DT_HASH) whose chains end at the last symbol: hence the number
 *
 *   A symbol is the module's own when its section is not "undefined".
 */
#include "cli/symbols.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <string.h>

struct tables {
        const ElfW(Sym) * symbols;
        const char *names;
        const uint32_t *gnu_hash;
        const uint32_t *hash;
};

static struct tables find_tables(const struct link_map *map)
{
        struct tables t = { 0 };
        for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++) {
                uintptr_t at = d->d_un.d_ptr < map->l_addr ? d->d_un.d_ptr + map->l_addr : d->d_un.d_ptr;
                if (d->d_tag == DT_SYMTAB)
                        t.symbols = (const ElfW(Sym) *)at;
                else if (d->d_tag == DT_STRTAB)
                        t.names = (const char *)at;
                else if (d->d_tag == DT_GNU_HASH)
                        t.gnu_hash = (const uint32_t *)at;
                else if (d->d_tag == DT_HASH)
                        t.hash = (const uint32_t *)at;
        }
        return t;
}

/* Layout: bucket count, first hashed symbol, filter words, shift | filter | buckets | one chain word per hashed symbol, whose
 * lowest bit ends a chain. */
static uint32_t count_by_gnu_hash(const uint32_t *table)
{
        uint32_t bucket_count = table[0], first = table[1], last = 0;
        const uint32_t *buckets = table + 4 + table[2] * (sizeof(ElfW(Addr)) / sizeof *table), *chains = buckets + bucket_count;
        for (uint32_t i = 0; i < bucket_count; i++)
                last = buckets[i] > last ? buckets[i] : last;
        if (last < first)
                return first;
        while (!(chains[last - first] & 1))
                last++;
        return last + 1;
}

void symbols_each_app(void *handle, bool (*each)(void *arg, const char *name), void *arg)
{
        struct link_map *map;
        if (dlinfo(handle, RTLD_DI_LINKMAP, &map) < 0)
                return;
        struct tables t = find_tables(map);
        if (!t.symbols || !t.names || (!t.gnu_hash && !t.hash))
                return;
        uint32_t count = t.gnu_hash ? count_by_gnu_hash(t.gnu_hash) : t.hash[1];
        size_t prefix = strlen(APP_SYMBOL_PREFIX);
        for (uint32_t i = 1; i < count; i++) {
                const char *name = t.names + t.symbols[i].st_name;
                if (t.symbols[i].st_shndx != SHN_UNDEF && !strncmp(name, APP_SYMBOL_PREFIX, prefix) && !each(arg, name + prefix))
                        return;
        }
}
