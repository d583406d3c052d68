/* Reading cron expressions; see cron.h. */
#include "app/cron.h"

#include <aeon/error.h>
#include <string.h>
#include <strings.h>

enum { FIELDS = 6, NAME_LENGTH = 3 };

struct field {
        const char *name;
        int low, high;
        const char *const *names; /* of low, low + 1, ..., up to a NULL; NULL: it has none */
};

static const char *const month_names[] = {
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC", NULL
};
static const char *const weekday_names[] = { "SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", NULL };

static const struct field fields[FIELDS] = {
        { "second", 0, 59, NULL },           { "minute", 0, 59, NULL },       { "hour", 0, 23, NULL },
        { "day of the month", 1, 31, NULL }, { "month", 1, 12, month_names }, { "day of the week", 0, 7, weekday_names },
};

static const struct {
        const char *name, *means;
} shorthands[] = {
        { "@yearly", "0 0 1 1 *" }, { "@annually", "0 0 1 1 *" }, { "@monthly", "0 0 1 * *" }, { "@weekly", "0 0 * * 0" },
        { "@daily", "0 0 * * *" },  { "@midnight", "0 0 * * *" }, { "@hourly", "0 * * * *" },
};

/* What is being read. After a failure it stands at what was wrong. */
struct reader {
        const char *at;
        const struct field *field;
};

static bool is_blank(char c)
{
        return c == ' ' || c == '\t';
}

/* The length of what cannot be told apart any more: for messages. */
static int word_length(const char *at)
{
        return (int)strcspn(at, " \t,-/");
}

/* ------------------------------------------------------------------ values, items, fields */

/* The number of a name such as MON; -1 when it is none. */
static int number_of_name(const struct field *field, const char *at, int length)
{
        for (int i = 0; field->names && length == NAME_LENGTH && field->names[i]; i++)
                if (!strncasecmp(field->names[i], at, NAME_LENGTH))
                        return field->low + i;
        return -1;
}

/* A number or a name of the field. */
static int read_value(struct reader *in, int *ret_value)
{
        int length = word_length(in->at), digits = (int)strspn(in->at, "0123456789"), value = 0;
        if (!length)
                return aeon_fail(-EINVAL, "a value is missing");
        if (digits < length) {
                value = number_of_name(in->field, in->at, length);
                if (value < 0)
                        return aeon_fail(-EINVAL, "\"%.*s\" is not a number%s", length, in->at,
                                         in->field->names ? " or a name" : "");
        }
        for (int i = 0; i < digits && value <= in->field->high; i++)
                value = value * 10 + in->at[i] - '0';
        if (value < in->field->low || value > in->field->high)
                return aeon_fail(-EINVAL, "%.*s is not within %d and %d", length, in->at, in->field->low, in->field->high);
        in->at += length;
        *ret_value = value;
        return 0;
}

/* "*" or "5" or "10-20". *ret_single: it is one value, which a step turns into "from here on". */
static int read_range(struct reader *in, int *ret_first, int *ret_last, bool *ret_single)
{
        const char *begin = in->at;
        *ret_single = false;
        if (*in->at == '*') {
                in->at++;
                *ret_first = in->field->low;
                *ret_last = in->field->high;
                return 0;
        }
        int r = read_value(in, ret_first);
        if (r < 0)
                return r;
        *ret_single = *in->at != '-';
        *ret_last = *ret_first;
        if (*ret_single)
                return 0;
        in->at++;
        r = read_value(in, ret_last);
        if (r < 0)
                return r;
        if (*ret_last == 0 && *ret_first > 0 && in->field->high == 7)
                *ret_last = 7; /* FRI-SUN */
        if (*ret_last < *ret_first) {
                int length = (int)(in->at - begin);
                in->at = begin;
                return aeon_fail(-EINVAL, "the range %.*s runs backwards: write it as two", length, begin);
        }
        return 0;
}

static int read_step(struct reader *in, int *ret_step)
{
        int length = word_length(in->at), digits = (int)strspn(in->at, "0123456789"), step = 0;
        for (int i = 0; i < digits && step <= in->field->high; i++)
                step = step * 10 + in->at[i] - '0';
        if (!length || digits < length || step < 1 || step > in->field->high)
                return aeon_fail(-EINVAL, "a step must be a number from 1 to %d", in->field->high);
        in->at += length;
        *ret_step = step;
        return 0;
}

static int read_item(struct reader *in, uint64_t *set)
{
        int first, last, step = 1;
        bool single;
        int r = read_range(in, &first, &last, &single);
        if (r == 0 && *in->at == '/') {
                in->at++;
                last = single ? in->field->high : last;
                r = read_step(in, &step);
        }
        for (int value = first; r == 0 && value <= last; value += step)
                *set |= 1ULL << value;
        return r;
}

static int read_field(struct reader *in, uint64_t *ret_set)
{
        uint64_t set = 0;
        for (;;) {
                int r = read_item(in, &set);
                if (r < 0)
                        return r;
                if (*in->at && !is_blank(*in->at) && *in->at != ',')
                        return aeon_fail(-EINVAL, "\"%c\" does not belong here", *in->at);
                if (*in->at != ',')
                        break;
                in->at++;
        }
        *ret_set = set;
        return 0;
}

/* ------------------------------------------------------------------ the whole */

static int count_fields(const char *text)
{
        int count = 0;
        for (const char *at = text; *at; at++)
                count += !is_blank(*at) && (at == text || is_blank(at[-1]));
        return count;
}

/* False for "0 0 30 2 *": the last day of each month is known, and in February of some years it is the 29th. */
static bool can_happen(const struct cron *cron)
{
        static const int days_of[] = { 0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
        if (cron->either_day)
                return true;
        for (int month = 1; month <= 12; month++)
                if (cron->months >> month & 1 && cron->days & ((2ULL << days_of[month]) - 1))
                        return true;
        return false;
}

static int parse_fields(const char *text, struct cron *ret_cron)
{
        int count = count_fields(text);
        if (count != FIELDS && count != FIELDS - 1)
                return aeon_fail(-EINVAL, "cron \"%s\": it has %d fields, not five (or six, with seconds first)", text, count);
        struct reader in = { .at = text };
        uint64_t sets[FIELDS] = { 1 };
        bool starred[FIELDS] = { false };
        for (int i = FIELDS - count; i < FIELDS; i++) {
                in.at += strspn(in.at, " \t");
                in.field = &fields[i];
                starred[i] = *in.at == '*';
                int r = read_field(&in, &sets[i]);
                if (r < 0)
                        return aeon_fail(r, "cron \"%s\": %s, at position %d", text, in.field->name, (int)(in.at - text) + 1);
        }
        struct cron cron = { sets[0], sets[1], sets[2], sets[3], sets[4], .weekdays = (sets[5] | sets[5] >> 7) & 0x7f };
        cron.either_day = !starred[3] && !starred[5];
        cron.follows_clock = starred[1] || starred[2];
        if (!can_happen(&cron))
                return aeon_fail(-EINVAL, "cron \"%s\": no month that it names has such a day", text);
        *ret_cron = cron;
        return 0;
}

int aeon__cron_parse(const char *text, struct cron *ret_cron)
{
        if (*text != '@')
                return parse_fields(text, ret_cron);
        for (size_t i = 0; i < sizeof shorthands / sizeof *shorthands; i++)
                if (!strcasecmp(text, shorthands[i].name))
                        return parse_fields(shorthands[i].means, ret_cron);
        return aeon_fail(-EINVAL, "cron \"%s\": known are @yearly, @monthly, @weekly, @daily and @hourly", text);
}
