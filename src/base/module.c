/* Loading modules; see module.h. */
#include "base/module.h"

#include "aeon_config.h"

#include <aeon/error.h>
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The folder that this library lies in. */
static void own_folder(char *text, size_t size)
{
        Dl_info info;
        text[0] = '\0';
        if (dladdr((void *)(uintptr_t)own_folder, &info) && info.dli_fname && strrchr(info.dli_fname, '/'))
                snprintf(text, size, "%.*s", (int)(strrchr(info.dli_fname, '/') - info.dli_fname), info.dli_fname);
}

/* A version of the library and its modules belong together, so each place is tried in order and the first file found is taken. */
static void *load(const char *name)
{
        char beside[1024], path[1280];
        own_folder(beside, sizeof beside);
        const char *set = getenv("AEON_MODULES");
        const char *const folders[] = { set ? set : "", beside, beside, AEON_MODULE_DIR };
        static const char *const below[] = { "", "/aeon", "", "" }; /* beside it they lie in a folder of builds */
        for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
                snprintf(path, sizeof path, "%s%s/%s.so", folders[i], below[i], name);
                if (*folders[i] && access(path, F_OK) == 0)
                        return dlopen(path, RTLD_NOW | RTLD_LOCAL);
        }
        return dlopen(path, RTLD_NOW | RTLD_LOCAL); /* for its words */
}

/* ------------------------------------------------------------------ what was found before */

struct found {
        struct found *next;
        const char *name, *symbol;
        const void *address;
};

static _Atomic(struct found *) found_before;

static const void *recall(const char *name, const char *symbol)
{
        for (const struct found *f = atomic_load(&found_before); f; f = f->next)
                if (!strcmp(f->name, name) && !strcmp(f->symbol, symbol))
                        return f->address;
        return NULL;
}

/* Without memory it is looked for again; two threads may both remember the same. */
static void remember(const char *name, const char *symbol, const void *address)
{
        struct found *f = malloc(sizeof *f);
        if (!f)
                return;
        *f = (struct found){ atomic_load(&found_before), name, symbol, address };
        while (!atomic_compare_exchange_weak(&found_before, &f->next, f))
                ;
}

int aeon__module_find(const char *name, const char *symbol, const void **ret_symbol)
{
        const void *found = recall(name, symbol);
        if (!found) {
                void *module = load(name);
                if (!module)
                        return aeon_fail(-ENOPKG, "the module \"%s\" is missing: install the package aeon-%s (%s)", name, name,
                                         dlerror());
                found = dlsym(module, symbol);
                if (!found)
                        return aeon_fail(-EINVAL, "the module \"%s\" is of another version: it has no %s", name, symbol);
                remember(name, symbol, found);
        }
        *ret_symbol = found;
        return 0;
}
