/* Time zones from the files of tzdata; see zone.h. */
#include "app/zone.h"

#include "base/text.h"

#include <aeon/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEADER_SIZE = 44, COUNTS_AT = 20, TIME_SIZE = 8, TYPE_SIZE = 6, COUNT_LIMIT = 1 << 20 };

struct zone {
        uint32_t count;        /* changes in the table */
        int64_t *changes;      /* when, ascending */
        int32_t *offsets;      /* count + 1 of them: [0] before the first change, [i + 1] after changes[i] */
        bool has_rule;         /* after the last change */
        struct zone_rule rule; /* iff has_rule */
};

/* ------------------------------------------------------------------ a file's bytes */

static uint64_t read_big_endian(const unsigned char *at, unsigned size)
{
        uint64_t number = 0;
        while (size--)
                number = number << 8 | *at++;
        return number;
}

static int64_t read_time(const unsigned char *at)
{
        return (int64_t)read_big_endian(at, TIME_SIZE);
}

static int32_t read_offset(const unsigned char *at)
{
        return (int32_t)(uint32_t)read_big_endian(at, 4);
}

struct header {
        uint32_t ut_count, standard_count, leap_count, time_count, type_count, char_count;
};

/* How many bytes of data follow a header whose times have @time_size bytes. */
static uint64_t data_size(const struct header *h, unsigned time_size)
{
        return (uint64_t)h->time_count * (time_size + 1) + (uint64_t)h->type_count * TYPE_SIZE + h->char_count +
               (uint64_t)h->leap_count * (time_size + 4) + h->standard_count + h->ut_count;
}

/* Read the header at *at, and see that its data, with times of @time_size bytes, lies before @end. */
static bool read_header(const unsigned char **at, const unsigned char *end, unsigned time_size, struct header *ret_header)
{
        if (end - *at < HEADER_SIZE || memcmp(*at, "TZif", 4) != 0 || (*at)[4] < '2')
                return false;
        uint32_t counts[6];
        for (unsigned i = 0; i < 6; i++) {
                counts[i] = (uint32_t)read_big_endian(*at + COUNTS_AT + (size_t)4 * i, 4);
                if (counts[i] > COUNT_LIMIT)
                        return false;
        }
        *ret_header = (struct header){ counts[0], counts[1], counts[2], counts[3], counts[4], counts[5] };
        *at += HEADER_SIZE;
        return (uint64_t)(end - *at) >= data_size(ret_header, time_size);
}

/* The table of changes. */
static int read_changes(struct zone *zone, const unsigned char *at, const struct header *h)
{
        const unsigned char *types = at + (size_t)h->time_count * TIME_SIZE, *type_table = types + h->time_count;
        zone->count = h->time_count;
        zone->changes = malloc((zone->count + 1) * sizeof *zone->changes);
        zone->offsets = malloc((zone->count + 1) * sizeof *zone->offsets);
        if (!zone->changes || !zone->offsets)
                return -ENOMEM;
        zone->offsets[0] = read_offset(type_table);
        for (uint32_t i = 0; i < zone->count; i++) {
                zone->changes[i] = read_time(at + (size_t)i * TIME_SIZE);
                if (types[i] >= h->type_count || (i && zone->changes[i] <= zone->changes[i - 1]))
                        return -EINVAL;
                zone->offsets[i + 1] = read_offset(type_table + (size_t)types[i] * TYPE_SIZE);
        }
        return 0;
}

/* The last line: the rule between two line ends; an empty one means that nothing changes any more. */
static int read_rule(struct zone *zone, const unsigned char *at, const unsigned char *end)
{
        char line[128];
        const unsigned char *line_end = at < end && *at == '\n' ? memchr(at + 1, '\n', (size_t)(end - at - 1)) : NULL;
        size_t length = line_end ? (size_t)(line_end - at - 1) : sizeof line;
        if (length >= sizeof line)
                return -EINVAL;
        memcpy(line, at + 1, length);
        line[length] = '\0';
        zone->has_rule = length > 0;
        return !zone->has_rule || aeon__zone_rule_parse(line, &zone->rule) ? 0 : -EINVAL;
}

/* A file holds everything twice: first with times of 32 bits, which is skipped. */
static int read_file(struct zone *zone, const unsigned char *at, const unsigned char *end)
{
        struct header h;
        if (!read_header(&at, end, 4, &h))
                return -EINVAL;
        at += data_size(&h, 4);
        if (!read_header(&at, end, TIME_SIZE, &h) || !h.type_count || h.leap_count)
                return -EINVAL; /* the zones under right/ count leap seconds, which no clock here does */
        int r = read_changes(zone, at, &h);
        return r < 0 ? r : read_rule(zone, at + data_size(&h, TIME_SIZE), end);
}

/* ------------------------------------------------------------------ opening */

static int open_file(const char *path, const char *name, struct zone *zone)
{
        struct text file = { 0 };
        int r = aeon__text_add_file(&file, path);
        if (r < 0) {
                aeon__text_done(&file);
                return r == -ENOMEM ? aeon_fail(-ENOMEM, "no memory for time zone \"%s\"", name) : -ENOENT;
        }
        const unsigned char *bytes = (const unsigned char *)file.data;
        r = bytes ? read_file(zone, bytes, bytes + file.length) : -EINVAL;
        aeon__text_done(&file);
        if (r == -ENOMEM)
                return aeon_fail(-ENOMEM, "no memory for time zone \"%s\"", name);
        return r < 0 ? aeon_fail(-EINVAL, "time zone \"%s\": %s is not a TZif file of version 2 without leap seconds", name, path)
                     : 0;
}

static const char *zone_folder(void)
{
        const char *folder = getenv("TZDIR");
        return folder && *folder ? folder : "/usr/share/zoneinfo";
}

/* -ENOENT without words when there is no such file. A name stays inside the folder. */
static int open_named(const char *name, struct zone *zone)
{
        char path[512];
        if (*name == '/' || strstr(name, "..") || (size_t)snprintf(path, sizeof path, "%s/%s", zone_folder(), name) >= sizeof path)
                return -ENOENT;
        return open_file(path, name, zone);
}

static int open_any(const char *name, struct zone *zone)
{
        int r = open_named(name, zone);
        if (r != -ENOENT)
                return r;
        zone->has_rule = aeon__zone_rule_parse(name, &zone->rule);
        if (zone->has_rule)
                return 0;
        if (access(zone_folder(), F_OK) < 0)
                return aeon_fail(-ENOENT, "time zone \"%s\": there are no time zones in %s (the package tzdata holds them)", name,
                                 zone_folder());
        return aeon_fail(-ENOENT, "there is no time zone \"%s\" in %s", name, zone_folder());
}

static int open_own(struct zone *zone)
{
        const char *name = getenv("TZ");
        if (name && *name == ':')
                name++;
        if (name && *name == '/') {
                int r = open_file(name, name, zone);
                return r == -ENOENT ? aeon_fail(-ENOENT, "time zone: there is no file %s, which TZ names", name) : r;
        }
        if (name && *name)
                return open_any(name, zone);
        int r = name ? -ENOENT : open_file("/etc/localtime", "local", zone);
        if (r != -ENOENT)
                return r;
        zone->has_rule = aeon__zone_rule_parse("UTC0", &zone->rule);
        return 0;
}

int aeon__zone_open(const char *name, struct zone **ret_zone)
{
        struct zone *zone = calloc(1, sizeof *zone);
        if (!zone)
                return aeon_fail(-ENOMEM, "no memory for a time zone");
        int r = name && *name ? open_any(name, zone) : open_own(zone);
        if (r < 0) {
                aeon__zone_free(zone);
                return r;
        }
        *ret_zone = zone;
        return 0;
}

void aeon__zone_free(struct zone *zone)
{
        if (!zone)
                return;
        free(zone->changes);
        free(zone->offsets);
        free(zone);
}

/* ------------------------------------------------------------------ asking */

/* How many changes are at or before @utc. */
static uint32_t changes_before(const struct zone *zone, int64_t utc)
{
        uint32_t low = 0, high = zone->count;
        while (low < high) {
                uint32_t middle = low + (high - low) / 2;
                if (zone->changes[middle] <= utc)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

struct zone_span aeon__zone_span(const struct zone *zone, int64_t utc)
{
        uint32_t before = changes_before(zone, utc);
        int64_t begin = before ? zone->changes[before - 1] : INT64_MIN;
        if (before == zone->count && zone->has_rule) {
                struct zone_span span = aeon__zone_rule_span(&zone->rule, utc);
                if (span.begin < begin)
                        span.begin = begin;
                return span;
        }
        return (struct zone_span){ .begin = begin,
                                   .end = before < zone->count ? zone->changes[before] : INT64_MAX,
                                   .offset = zone->offsets[before] };
}
