/* `--help` of a command, made from its table. */
#include "base/log.h"
#include "cli/flags.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int left_side(const struct flag *f, char *text, size_t size)
{
        char letter[8] = "";
        if (f->letter)
                snprintf(letter, sizeof letter, "-%c, ", f->letter);
        return snprintf(text, size, "%s--%s%s%s", letter, f->name, f->value ? " " : "", f->value ? f->value : "");
}

static void print_flags(const struct flag *flags)
{
        char text[128];
        int width = (int)strlen("-h, --help");
        for (const struct flag *f = flags; f->name; f++) {
                int n = left_side(f, text, sizeof text);
                width = n > width ? n : width;
        }
        for (const struct flag *f = flags; f->name; f++) {
                left_side(f, text, sizeof text);
                printf("  %-*s  %s\n", width, text, f->doc);
        }
        printf("  %-*s  %s\n", width, "-h, --help", "print this");
}

void aeon__flags_help(const struct command *c)
{
        bool colours = aeon__colours_on(STDOUT_FILENO);
        const char *bold = colours ? "\x1b[1m" : "", *plain = colours ? "\x1b[0m" : "";
        printf("%s\n\n%sUsage:%s %s %s%s[flags]%s\n\n%sFlags:%s\n", c->summary, bold, plain, c->program, c->arguments,
               *c->arguments ? " " : "", c->open ? " [app arguments]" : "", bold, plain);
        print_flags(c->flags);
        if (c->open)
                puts("\nWhat is not among these, and all that follows `--`, is handed to the app.");
        printf("\n%sExample:%s %s\n", bold, plain, c->example);
}
