/* The head of a part of multipart/form-data, and the parameters of media types and dispositions. See multipart.h. */
#include "http/multipart.h"
#include "http/parser.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static const char *skip_blanks(const char *text)
{
        return text + strspn(text, " \t");
}

/* The value at *@text, a token or a quoted string, to @out; moves *@text behind it. In quotes only \" and \\ are escapes, since
 * browsers put paths of Windows there. */
static bool read_value(const char **text, char *out)
{
        const char *at = *text;
        if (*at != '"') {
                size_t size = strcspn(at, "; \t");
                if (!aeon__http_is_token(at, size))
                        return false;
                memcpy(out, at, size);
                out[size] = '\0';
                *text = at + size;
                return true;
        }
        for (at++; *at && *at != '"'; at++) {
                if (*at == '\\' && (at[1] == '"' || at[1] == '\\'))
                        at++;
                *out++ = *at;
        }
        *out = '\0';
        *text = at + 1;
        return *at == '"';
}

int aeon__media_parameter(const char *text, const char *name, char *out)
{
        char dropped[MULTIPART_HEAD_LIMIT + 1];
        bool found = false;
        if (strlen(text) > MULTIPART_HEAD_LIMIT)
                return -EBADMSG;
        while (*(text = skip_blanks(text)) == ';') {
                text = skip_blanks(text + 1);
                size_t size = strcspn(text, "=; \t");
                if (!*text)
                        break; /* one ";" too many does no harm, and is sent */
                if (!aeon__http_is_token(text, size) || text[size] != '=')
                        return -EBADMSG;
                bool wanted = strlen(name) == size && !strncasecmp(text, name, size);
                if (wanted && found)
                        return -EBADMSG;
                text += size + 1;
                if (!read_value(&text, wanted ? out : dropped))
                        return -EBADMSG;
                found |= wanted;
        }
        return *text ? -EBADMSG : found;
}

/* Cut @text into its lines; names and values end in NUL then. */
static bool read_fields(char *text, size_t size, struct multipart_head *head)
{
        for (char *line = text, *end; line < text + size; line = end + 2) {
                end = memmem(line, (size_t)(text + size - line), "\r\n", 2);
                char *colon = end ? memchr(line, ':', (size_t)(end - line)) : NULL;
                if (!colon || head->field_count == MULTIPART_FIELDS_LIMIT || !aeon__http_is_token(line, (size_t)(colon - line)))
                        return false;
                char *value = colon + 1, *last = end;
                while (value < last && (*value == ' ' || *value == '\t'))
                        value++;
                while (last > value && (last[-1] == ' ' || last[-1] == '\t'))
                        last--;
                if (!aeon__http_is_field_value(value, (size_t)(last - value)))
                        return false;
                *colon = *last = '\0';
                head->fields[head->field_count++] = (struct multipart_field){ line, value };
        }
        return true;
}

/* The one field of this name; NULL when there is none; false when there are several. */
static bool only_field(const struct multipart_head *head, const char *name, const char **ret_value)
{
        *ret_value = NULL;
        for (size_t i = 0; i < head->field_count; i++) {
                if (strcasecmp(head->fields[i].name, name) != 0)
                        continue;
                if (*ret_value)
                        return false;
                *ret_value = head->fields[i].value;
        }
        return true;
}

/* Old browsers send whole paths, others what they like: only the last segment is a name. */
static const char *last_segment(const char *path)
{
        for (const char *at = path; *at; at++)
                if (*at == '/' || *at == '\\')
                        path = at + 1;
        return path;
}

/* Read the disposition, whose values are written over it: @text is NUL-terminated and what it holds is not needed again. */
static bool read_disposition(char *text, struct multipart_head *head, char *name, char *file_name)
{
        static const char form_data[] = "form-data";
        if (strncasecmp(text, form_data, sizeof form_data - 1) != 0)
                return false;
        const char *parameters = text + sizeof form_data - 1;
        int named = aeon__media_parameter(parameters, "name", name),
            filed = aeon__media_parameter(parameters, "filename", file_name);
        if (named <= 0 || filed < 0)
                return false;
        size_t name_size = strlen(name), file_size = filed ? strlen(file_name) : 0;
        memcpy(text, name, name_size + 1); /* both are shorter than what they were read from */
        head->name = text;
        if (filed) {
                memcpy(text + name_size + 1, file_name, file_size + 1);
                head->file_name = last_segment(text + name_size + 1);
        }
        return true;
}

int aeon__multipart_head_read(char *text, size_t size, struct multipart_head *head, const char **ret_reason)
{
        const char *disposition;
        char name[MULTIPART_HEAD_LIMIT + 1], file_name[MULTIPART_HEAD_LIMIT + 1];
        *head = (struct multipart_head){ 0 };
        if (!read_fields(text, size, head)) {
                *ret_reason = "a header of a part cannot be read";
                return -EBADMSG;
        }
        if (!only_field(head, "Content-Disposition", &disposition) || !disposition ||
            !read_disposition((char *)(uintptr_t)disposition, head, name, file_name)) {
                *ret_reason = "a part has no Content-Disposition: form-data with a name";
                return -EBADMSG;
        }
        if (!only_field(head, "Content-Type", &head->type)) {
                *ret_reason = "a part has two types";
                return -EBADMSG;
        }
        return 0;
}
