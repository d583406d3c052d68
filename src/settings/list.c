/* The list of settings of a record, and what each is called.
 *
 * DESIGN
 *   A record inside the record is a setting, in JSON, and so is each of its fields: who gives both changes the one field. So the list
 * is flat, each record in front of its fields:
 *
 *       db          APP_DB='{"port": 1}'     --db '{"port": 1}'
 *       db.host     APP_DB__HOST=h           --db.host h
 *       db.port     APP_DB__PORT=1           --db.port 1
 */
#include "record/value.h"
#include "settings/settings.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* The variable of @field: its .env, or prefix + name in upper case with _ for what no variable may have; inside a record that of
 * the record, __, and the name. NULL when there is no memory. */
static const char *variable_of(struct sources *s, const aeon_field *field, const struct setting *above)
{
        if (field->env)
                return field->env;
        const char *prefix = above ? above->variable : s->prefix, *name = aeon__field_name(field);
        char *variable = aeon__arena_alloc(&s->names, strlen(prefix) + 2 + strlen(name) + 1);
        if (!variable)
                return NULL;
        char *end = stpcpy(stpcpy(variable, prefix), above ? "__" : "");
        for (; *name; name++)
                *end++ = isalnum((unsigned char)*name) ? (char)toupper((unsigned char)*name) : '_';
        return variable;
}

static const char *name_of(struct sources *s, const aeon_field *field, const struct setting *above)
{
        const char *name = aeon__field_name(field);
        if (!above)
                return name;
        size_t size = strlen(above->name) + 1 + strlen(name) + 1;
        char *path = aeon__arena_alloc(&s->names, size);
        if (path)
                snprintf(path, size, "%s.%s", above->name, name);
        return path;
}

static size_t count_settings(const aeon_record *record)
{
        size_t count = record->field_count;
        for (size_t i = 0; i < record->field_count; i++)
                if (record->fields[i].kind == AEON_KIND_RECORD)
                        count += count_settings(record->fields[i].record());
        return count;
}

static bool add_settings(struct sources *s, const aeon_record *record, const struct setting *above)
{
        for (size_t i = 0; i < record->field_count; i++) {
                const aeon_field *field = &record->fields[i];
                struct setting *setting = &s->settings[s->count++];
                *setting =
                        (struct setting){ .field = field, .above = above, .offset = field->offset + (above ? above->offset : 0) };
                setting->name = name_of(s, field, above);
                setting->variable = variable_of(s, field, above);
                if (!setting->name || !setting->variable)
                        return false;
                if (field->kind == AEON_KIND_RECORD && !add_settings(s, field->record(), setting))
                        return false;
        }
        return true;
}

bool aeon__settings_list(struct sources *s)
{
        s->settings = aeon__arena_alloc(&s->names, count_settings(s->record) * sizeof *s->settings);
        return s->settings && add_settings(s, s->record, NULL);
}

bool aeon__setting_is_covered(const struct setting *setting)
{
        for (const struct setting *above = setting->above; above; above = above->above)
                if (above->filled)
                        return true;
        return false;
}
