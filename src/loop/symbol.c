/* Names for addresses; see symbol.h.
 *
 * DESIGN
 *   dladdr() finds the file that an address belongs to, but of its functions only the exported ones, and most functions of a service are
 *   static. Their names are in the file's full table (.symtab), which is not loaded with the program; so the file is mapped and
 *   searched. That takes a millisecond or so per name, which a report can afford. A stripped file has no such table; then the exported
 *   names must do.
 */
#include "loop/symbol.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct image {
        const char *bytes;
        size_t size;
};

/* A file that is not whole, or not what it says, must not crash the report: every offset is checked against the size. */
static const void *part(const struct image *image, size_t offset, size_t size)
{
        return offset <= image->size && size <= image->size - offset ? image->bytes + offset : NULL;
}

static const ElfW(Shdr) * find_section(const struct image *image, uint32_t type, const ElfW(Shdr) * *ret_names)
{
        const ElfW(Ehdr) *header = part(image, 0, sizeof *header);
        if (!header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
                return NULL;
        const ElfW(Shdr) *sections = part(image, header->e_shoff, (size_t)header->e_shnum * sizeof *sections);
        for (unsigned i = 0; sections && i < header->e_shnum; i++) {
                if (sections[i].sh_type != type || sections[i].sh_link >= header->e_shnum)
                        continue;
                *ret_names = &sections[sections[i].sh_link];
                return &sections[i];
        }
        return NULL;
}

/* The function at @value (an address as the file counts) in the table of @type; returns true when there is one. */
static bool find_function(const struct image *image, uint32_t type, uintptr_t value, char *name, size_t size, size_t *ret_offset)
{
        const ElfW(Shdr) *names_section = NULL, *section = find_section(image, type, &names_section);
        if (!section)
                return false;
        const ElfW(Sym) *symbols = part(image, section->sh_offset, section->sh_size);
        const char *names = part(image, names_section->sh_offset, names_section->sh_size);
        for (size_t i = 0; symbols && names && i < section->sh_size / sizeof *symbols; i++) {
                const ElfW(Sym) *s = &symbols[i];
                if (ELF64_ST_TYPE(s->st_info) != STT_FUNC || value < s->st_value || value >= s->st_value + s->st_size ||
                    s->st_name >= names_section->sh_size)
                        continue;
                snprintf(name, size, "%.*s", (int)(names_section->sh_size - s->st_name), names + s->st_name);
                *ret_offset = value - s->st_value;
                return true;
        }
        return false;
}

static bool look_up(const char *path, uintptr_t value, char *name, size_t size, size_t *ret_offset)
{
        struct image image = { 0 };
        struct stat status;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        if (fstat(fd, &status) == 0 && status.st_size > 0)
                image = (struct image){ mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0), (size_t)status.st_size };
        close(fd);
        if (!image.bytes || image.bytes == MAP_FAILED)
                return false;
        bool found = find_function(&image, SHT_SYMTAB, value, name, size, ret_offset) ||
                     find_function(&image, SHT_DYNSYM, value, name, size, ret_offset);
        munmap((void *)(uintptr_t)image.bytes, image.size);
        return found;
}

void aeon__symbol_describe(const void *address, char *text, size_t size)
{
        Dl_info info;
        struct link_map *map = NULL;
        if (!dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP) || !info.dli_fname || !map) {
                snprintf(text, size, "%p", address);
                return;
        }
        uintptr_t value = (uintptr_t)address - map->l_addr;
        const char *path = map->l_name[0] ? map->l_name : "/proc/self/exe";
        const char *slash = strrchr(info.dli_fname, '/'), *file = slash ? slash + 1 : info.dli_fname;
        char name[128];
        size_t offset;
        if (look_up(path, value, name, sizeof name, &offset))
                snprintf(text, size, "%s+0x%zx (%s+0x%zx)", name, offset, file, (size_t)value);
        else
                snprintf(text, size, "%s+0x%zx", file, (size_t)value);
}
