/* The reader of arguments.h. */
#include "settings/arguments.h"

#include <aeon/error.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_option(const char *word)
{
        return word[0] == '-' && word[1] == '-';
}

static void add(struct arguments *arguments, const char *name, size_t name_length, const char *value)
{
        arguments->items[arguments->count++] = (struct argument){ .name = name, .name_length = name_length, .value = value };
}

/* Read the option at argv[0] and its values; returns how many words they are, 0 when it has no name. */
static int read_option(struct arguments *arguments, int argc, char *const argv[])
{
        static const char no[] = "no-";
        const char *name = argv[0] + 2;
        size_t length = strcspn(name, "=");
        if (length == 0 || name[0] == '-')
                return 0;
        if (name[length] == '=') {
                add(arguments, name, length, name + length + 1);
                return 1;
        }
        if (!strncmp(name, no, sizeof no - 1) && length > sizeof no - 1) {
                if (name[sizeof no - 1] == '-')
                        return 0;
                add(arguments, name + sizeof no - 1, length - (sizeof no - 1), "false");
                return 1;
        }
        int used = 1;
        for (; used < argc && !is_option(argv[used]); used++)
                add(arguments, name, length, argv[used]);
        if (used == 1)
                add(arguments, name, length, "true");
        return used;
}

int aeon__arguments_parse(int argc, char *const argv[], struct arguments *ret_arguments)
{
        struct arguments arguments = { 0 };
        arguments.items = calloc(argc > 0 ? (size_t)argc : 1, sizeof *arguments.items); /* each word gives at most one */
        if (!arguments.items)
                return aeon_fail(-ENOMEM, "arguments");
        bool options = true;
        for (int i = 0; i < argc;) {
                if (options && !strcmp(argv[i], "--")) {
                        options = false;
                        i++;
                } else if (options && is_option(argv[i])) {
                        int used = read_option(&arguments, argc - i, argv + i);
                        if (!used) {
                                free(arguments.items);
                                return aeon_fail(-EINVAL, "\"%s\" is no option", argv[i]);
                        }
                        i += used;
                } else {
                        add(&arguments, NULL, 0, argv[i++]);
                }
        }
        *ret_arguments = arguments;
        return 0;
}

static char plain(char c)
{
        return c == '-' ? '_' : c;
}

bool aeon__argument_is(const struct argument *argument, const char *name)
{
        if (!argument->name || !name)
                return !argument->name && !name;
        if (strlen(name) != argument->name_length)
                return false;
        for (size_t i = 0; i < argument->name_length; i++)
                if (plain(argument->name[i]) != plain(name[i]))
                        return false;
        return true;
}

const char *aeon__arguments_get(const struct arguments *arguments, const char *name)
{
        for (size_t i = arguments->count; i-- > 0;)
                if (aeon__argument_is(&arguments->items[i], name))
                        return arguments->items[i].value;
        return NULL;
}

const char *aeon__arguments_next(const struct arguments *arguments, const char *name, size_t *cursor)
{
        while (*cursor < arguments->count) {
                const struct argument *argument = &arguments->items[(*cursor)++];
                if (aeon__argument_is(argument, name))
                        return argument->value;
        }
        return NULL;
}

size_t aeon__arguments_all(const struct arguments *arguments, const char *name, const char **values)
{
        size_t cursor = 0, count = 0;
        for (const char *value; (value = aeon__arguments_next(arguments, name, &cursor));)
                values[count++] = value;
        return count;
}

void aeon__arguments_free(struct arguments *arguments)
{
        free(arguments->items);
        *arguments = (struct arguments){ 0 };
}
