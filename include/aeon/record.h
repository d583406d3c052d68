/* aeon/record.h - a struct that can be read from text, and written as text.
 *
 *         #define JOB(F)                                                          \
 *                 F(i64, id, .min = 1, .doc = "number of the order")              \
 *                 F(duration, takes, .def = "30s")
 *         AEON_RECORD(job, JOB);
 *
 * makes `struct job { int64_t id; int64_t takes; }`, its descriptor `job_record()` and these typed functions:
 *
 *         job_decode(json, size, &job)            JSON to struct: one block of memory, strings included
 *         job_free(job)                           the block; NULL is fine
 *         job_encode(&job, &text)                 struct to compact JSON, to free(); returns its length
 *         job_load(app, &job, opts)               from arguments, environment, .env and secrets: see aeon/settings.h
 *         job_publish(broker, topic, &job, opts)  see aeon/broker.h
 *         job_receive(req, &job)                  a request's body, and
 *         job_reply(req, status, &job)            its reply: see aeon/http.h
 *
 * One descriptor serves messages, settings and arguments alike. AEON_RECORD may stand in a header that many files include. Like the
 * struct itself, its functions belong to the file: two files may each have a record `job` of their own.
 *
 * KINDS of a field, and what each is in the struct, in JSON and in text (settings, arguments, .def):
 *
 *         str       const char *  string                     as it stands; never NULL after decoding
 *         i64       int64_t       whole number, also 5.0     -5
 *         f64       double        number                     2.5, 1e9; never NaN or infinite
 *         boolean   bool          true, false                true false, yes no, on off, 1 0 (any case)
 *         duration  int64_t (ns)  "1m30s"; 90, 1.5: seconds  30s, 1m30s, 250ms, 1.5h, PT1M30S; a bare number is seconds
 *         secret    const char *  string                     as it stands; NULL when not given
 *
 * A secret is never shown: not in an error, and encoded it is "***".
 *
 * ATTRIBUTES, all optional, in this order where C++ is to compile them too:
 *
 *         .def = "8080"     the value of an absent field, as text
 *         .doc = "..."      one line for people: help, schema
 *         .min, .max        bounds of a number, both allowed values; of a duration in nanoseconds: .max = AEON_SECONDS(60)
 *         .min_len, .max_len  bounds of a string's length in characters; 0 is no bound
 *         .name = "class"   the name outside C: JSON key, argument, base of the variable's name
 *         .env = "DB_URL"   the environment variable, whole, whatever the prefix
 *         .required = true  a secret that must be given
 *
 * A field without .def must be given. A secret may be absent, for a default in the source would not be secret.
 * Source: docs/decisions/absent-fields.md. */
#ifndef AEON_RECORD_H
#define AEON_RECORD_H

#include <aeon/attributes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A field has no bounds until .min and .max say so, and 0 is a bound like any other. So C puts infinities in front of the attributes,
 * which may then replace them; C++ has no such replacement, but default values of members. */
#ifdef __cplusplus
#define AEON__BOUND(sign) = sign __builtin_infl()
#define AEON__UNBOUND
#define AEON__TABLE_BEGIN _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wmissing-field-initializers\"")
#else
#define AEON__BOUND(sign)
#define AEON__UNBOUND .min = -__builtin_infl(), .max = __builtin_infl(),
#define AEON__TABLE_BEGIN _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Woverride-init\"")
#endif
#define AEON__TABLE_END _Pragma("GCC diagnostic pop")

#ifdef __cplusplus
extern "C" {
#endif

typedef enum aeon_kind {
        AEON_KIND_STR = 1,
        AEON_KIND_I64,
        AEON_KIND_F64,
        AEON_KIND_BOOLEAN,
        AEON_KIND_DURATION,
        AEON_KIND_SECRET,
} aeon_kind;

typedef struct aeon_field {
        const char *member; /* its name in the struct */
        aeon_kind kind;
        size_t offset;
        const char *def;
        const char *doc;
        long double min AEON__BOUND(-); /* long double: holds every int64_t exactly */
        long double max AEON__BOUND(+);
        size_t min_len;
        size_t max_len;
        const char *name; /* NULL: as the member */
        const char *env;  /* NULL: from the name */
        bool required;
} aeon_field;

/* A descriptor. Immutable; any thread. */
typedef struct aeon_record {
        const char *name;
        size_t size; /* of the struct */
        const aeon_field *fields;
        size_t field_count;
} aeon_record;

/* Read one JSON object of @size bytes into a new struct.
 *
 * Strict: "1" is no number, a number is whole or it is no i64, a key comes once, text is UTF-8 without NUL, at most 64 levels and
 * 16 MiB. Unknown keys are ignored. All that is wrong is found and told in one error text, joined by "; ":
 *
 *         job: id: the string "x" is not a whole number; takes: missing
 *         job: line 1, column 8: invalid token near '}'
 *
 * The value is yours, to aeon_record_free(); its strings live as long. Never suspends; any thread.
 *
 * Errors: -EBADMSG  not such an object
 *         -ENOMEM */
AEON_API int aeon_record_decode(const aeon_record *record, const char *json, size_t size, void **ret_value);

/* Write @value as compact JSON and return its length. Every double is written with as few digits as give it back exactly (84.0),
 * every duration as a string in one unit ("1500ms"). A value that decoding would refuse is refused here.
 *
 * The text ends in a NUL and is yours, to free(). Never suspends; any thread.
 *
 * Errors: -EINVAL  a str is NULL, text is not UTF-8, a number is out of its bounds, NaN or infinite; all told, joined by "; "
 *         -EFBIG   more than 16 MiB
 *         -ENOMEM */
AEON_API int aeon_record_encode(const aeon_record *record, const void *value, char **ret_text);

/* Free what decoding or loading gave. NULL is fine. */
AEON_API void aeon_record_free(void *value);

/* Behind NAME_load and NAME_publish; their manuals are aeon/settings.h and aeon/broker.h. */
struct aeon_app;
struct aeon_broker;
struct aeon_settings_opts;
struct aeon_publish_opts;
AEON_API int aeon_settings_load(struct aeon_app *app, const aeon_record *record, void **ret_value, const struct aeon_settings_opts *opts);
AEON_API int aeon_record_publish(struct aeon_broker *broker, const char *topic, const aeon_record *record, const void *value,
                                 const struct aeon_publish_opts *opts);

/* Behind NAME_receive and NAME_reply; their manual is aeon/http.h. */
struct aeon_request;
AEON_API AEON_MUST_CHECK int aeon_record_receive(struct aeon_request *req, const aeon_record *record, void **ret_value);
AEON_API int aeon_record_reply(struct aeon_request *req, int status, const aeon_record *record, const void *value);

#ifdef __cplusplus
}
#endif

/* ------------------------------------------------------------------ the macro
 *
 * FIELDS is run twice: once for the struct's members, once for the table. A new kind adds one AEON__TYPE_ and one AEON__KIND_ line;
 * list(i64) and the like work too, as macros with an argument. */
#define AEON_RECORD(record_name, FIELDS)                                                                                               \
        struct record_name {                                                                                                           \
                FIELDS(AEON__MEMBER)                                                                                                   \
        };                                                                                                                             \
        AEON__TABLE_BEGIN                                                                                                              \
        AEON_INLINE const aeon_record *record_name##_record(void)                                                                      \
        {                                                                                                                              \
                typedef struct record_name aeon__struct;                                                                               \
                static const aeon_field fields[] = { FIELDS(AEON__FIELD) };                                                            \
                static const aeon_record record = { #record_name, sizeof(aeon__struct), fields, sizeof fields / sizeof fields[0] };    \
                return &record;                                                                                                        \
        }                                                                                                                              \
        AEON__TABLE_END                                                                                                                \
        AEON_INLINE int record_name##_decode(const char *json, size_t size, struct record_name **ret_value)                            \
        {                                                                                                                              \
                void *value;                                                                                                           \
                int r = aeon_record_decode(record_name##_record(), json, size, &value);                                                \
                if (r >= 0)                                                                                                            \
                        *ret_value = (struct record_name *)value;                                                                      \
                return r;                                                                                                              \
        }                                                                                                                              \
        AEON_INLINE int record_name##_encode(const struct record_name *value, char **ret_text)                                         \
        {                                                                                                                              \
                return aeon_record_encode(record_name##_record(), value, ret_text);                                                    \
        }                                                                                                                              \
        AEON_INLINE void record_name##_free(struct record_name *value)                                                                 \
        {                                                                                                                              \
                aeon_record_free(value);                                                                                               \
        }                                                                                                                              \
        AEON_INLINE int record_name##_load(struct aeon_app *app, struct record_name **ret_value,                                       \
                                           const struct aeon_settings_opts *opts)                                                      \
        {                                                                                                                              \
                void *value;                                                                                                           \
                int r = aeon_settings_load(app, record_name##_record(), &value, opts);                                                 \
                if (r >= 0)                                                                                                            \
                        *ret_value = (struct record_name *)value;                                                                      \
                return r;                                                                                                              \
        }                                                                                                                              \
        AEON_INLINE int record_name##_publish(struct aeon_broker *broker, const char *topic, const struct record_name *value,          \
                                              const struct aeon_publish_opts *opts)                                                    \
        {                                                                                                                              \
                return aeon_record_publish(broker, topic, record_name##_record(), value, opts);                                        \
        }                                                                                                                              \
        AEON_INLINE int record_name##_receive(struct aeon_request *req, const struct record_name **ret_value)                          \
        {                                                                                                                              \
                void *value;                                                                                                           \
                int r = aeon_record_receive(req, record_name##_record(), &value);                                                      \
                if (r >= 0)                                                                                                            \
                        *ret_value = (const struct record_name *)value;                                                                \
                return r;                                                                                                              \
        }                                                                                                                              \
        AEON_INLINE int record_name##_reply(struct aeon_request *req, int status, const struct record_name *value)                     \
        {                                                                                                                              \
                return aeon_record_reply(req, status, record_name##_record(), value);                                                  \
        }                                                                                                                              \
        struct aeon__needs_a_semicolon

/* The comma at the end gives "..." an argument also when F has no attributes, as ISO C wants. */
#define AEON__MEMBER(...) AEON__MEMBER_OF(__VA_ARGS__, )
#define AEON__MEMBER_OF(field_kind, field_member, ...) AEON__TYPE_##field_kind field_member;

#define AEON__FIELD(...) AEON__FIELD_OF(__VA_ARGS__, )
#define AEON__FIELD_OF(field_kind, field_member, ...)                                                                                  \
        { .member = #field_member, .kind = AEON__KIND_##field_kind, .offset = offsetof(aeon__struct, field_member), AEON__UNBOUND __VA_ARGS__ },

#define AEON__TYPE_str const char *
#define AEON__TYPE_i64 int64_t
#define AEON__TYPE_f64 double
#define AEON__TYPE_boolean bool
#define AEON__TYPE_duration int64_t
#define AEON__TYPE_secret const char *

#define AEON__KIND_str AEON_KIND_STR
#define AEON__KIND_i64 AEON_KIND_I64
#define AEON__KIND_f64 AEON_KIND_F64
#define AEON__KIND_boolean AEON_KIND_BOOLEAN
#define AEON__KIND_duration AEON_KIND_DURATION
#define AEON__KIND_secret AEON_KIND_SECRET

#endif
