/* The fields that a task gives to all of its log lines.
 *
 * DESIGN
 *   They are one block, name NUL value NUL ..., kept as a task variable that its tables count. So children and offloaded functions have it
 *   without a copy; setting a field makes a new block for whoever set it. A task without fields has nothing.
 */
#include "base/log.h"
#include "task/runner.h"

#include <aeon/var.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS_LIMIT = 2048 };

struct log_fields {
        struct counted counted; /* first: it is what is freed */
        size_t size;
        char packed[];
};

static aeon_var fields_var = { .name = "log fields" };

static const char *fields_now(size_t *ret_size)
{
        const struct log_fields *fields = aeon_task_var_get(&fields_var);
        if (!fields)
                return NULL;
        *ret_size = fields->size;
        return fields->packed;
}

__attribute__((constructor)) static void connect_log(void)
{
        aeon__log_task_fields = fields_now;
}

/* Append to @to those of @from but @name. */
static void copy_others(struct log_fields *to, const struct log_fields *from, const char *name)
{
        const char *at = from->packed, *end = at + from->size;
        while (at < end) {
                size_t size = strlen(at) + 1;
                size += strlen(at + size) + 1;
                if (strcmp(at, name) != 0) {
                        memcpy(to->packed + to->size, at, size);
                        to->size += size;
                }
                at += size;
        }
}

int aeon_log_with(const char *name, const char *value)
{
        bool valid = aeon__log_name_is_valid(name);
        return valid ? aeon__log_with(name, value) : aeon_fail(-EINVAL, "\"%s\" cannot be the name of a log field", name);
}

int aeon__log_with(const char *name, const char *value)
{
        const struct log_fields *before = aeon_task_var_get(&fields_var);
        size_t more = value ? strlen(name) + strlen(value) + 2 : 0, limit = (before ? before->size : 0) + more;
        struct log_fields *fields = malloc(sizeof *fields + limit);
        if (!fields)
                return aeon_fail(-ENOMEM, "no memory for the log field \"%s\"", name);
        atomic_init(&fields->counted.holders, 1);
        fields->size = 0;
        if (before)
                copy_others(fields, before, name);
        if (fields->size + more > FIELDS_LIMIT) {
                free(fields);
                return aeon_fail(-E2BIG, "log field \"%s\": the fields of a task have at most %d bytes", name, FIELDS_LIMIT);
        }
        if (value) {
                stpcpy(stpcpy(fields->packed + fields->size, name) + 1, value);
                fields->size += more;
        }
        return aeon__task_var_set_counted(&fields_var, &fields->counted);
}
