/* aeon/record.h - a struct that can be read from text, and written as text.
 *
 *         #define JOB(F)                                                          \
 *                 F(i64, id, .min = 1, .doc = "number of the order")              \
 *                 F(duration, takes, .def = "30s")                                \
 *                 F(list(str), tags, .def = "[]")
 *         AEON_RECORD(job, JOB);
 *
 * makes this struct, its descriptor `job_record()` and the typed functions below:
 *
 *         struct job {
 *                 int64_t id;
 *                 int64_t takes;
 *                 struct { const char *const *items; size_t count; } tags;
 *         };
 *
 *         job_decode(json, size, &job)            JSON to struct: one block of memory, all that it points to included
 *         job_free(job)                           the block; NULL is fine
 *         job_encode(&job, &text)                 struct to compact JSON, to free(); returns its length
 *         job_load(app, &job, opts)               from arguments, environment, .env and secrets: see aeon/settings.h
 *         job_publish(broker, topic, &job, opts)  see aeon/broker.h
 *         job_receive(req, &job)                  a request's body as JSON, its query, its form, the parameters of its path:
 *         job_query(req, &job)                    see aeon/http.h
 *         job_form(req, &job)
 *         job_params(req, &job)
 *         job_reply(req, status, &job)            its reply
 *         job_from_response(res, &job)            what a server answered: see aeon/http_client.h
 *         job_rows(db, &jobs, sql, args)          rows of a database, an array of structs, and
 *         job_row(db, &job, sql, args)            the one row that there must be: see aeon/db.h
 *
 * One descriptor serves messages, settings, arguments and JSON Schema alike. AEON_RECORD may stand in a header that many files
 * include. Like the struct itself, its functions belong to the file: two files may each have a record `job` of their own.
 *
 * KINDS of a field, and what each is in the struct, in JSON and in text (settings, arguments, .def):
 *
 *         str        const char *  string                      as it stands; never NULL after decoding
 *         bytes      aeon_bytes    base64: "aGVsbG8="          base64
 *         i64        int64_t       whole number, also 5.0      -5
 *         u64        uint64_t      the same, not negative      5
 *         f64        double        number                      2.5, 1e9; never NaN or infinite
 *         boolean    bool          true, false                 true false, yes no, on off, 1 0 (any case)
 *         duration   int64_t (ns)  "1m30s"; 90, 1.5: seconds   30s, 1m30s, 250ms, 1.5h, PT1M30S; a bare number is seconds
 *         size       uint64_t      65536; "64KiB", "10MB"      64KiB, 10MB, 65536: bytes
 *         timestamp  int64_t (ns)  "2026-11-21T10:04:28.5Z"    RFC 3339; since 1970 in UTC
 *         secret     const char *  string                      as it stands; NULL when not given
 *         json       const char *  anything                    kept as it stands, checked
 *         enumeration(state)       enum state: one of the names that AEON_ENUMERATION gave it
 *         record(item)             struct item: an object; in text JSON
 *
 * and made of any of these, at most four deep:
 *
 *         optional(KIND)  const KIND *; NULL when absent or null. Of a str, a secret, a json: const char *
 *         list(KIND)      struct { const KIND *items; size_t count; }; in text JSON
 *         map(KIND)       struct { const char *const *keys; const KIND *values; size_t count; }: an object; in text JSON
 *
 * so list(record(item)) is `struct { const struct item *items; size_t count; }`, and a record may hold lists of itself: trees.
 *
 * A secret is never shown: not in an error, and encoded it is "***". What must travel in a message is declared str.
 *
 * ATTRIBUTES, all optional, in this order where C++ is to compile them too:
 *
 *         .def = "8080"     the value of an absent field, as text
 *         .doc = "..."      one line for people: help, schema
 *         .min, .max        bounds of a number, both allowed values; of durations and timestamps in nanoseconds:
 *                           .max = AEON_SECONDS(60); of each item of a list, each value of a map
 *         .min_len, .max_len  bounds of a length: a string's in characters, of bytes, a list's in items, a map's in entries;
 *                           0 is no bound
 *         .pattern = "^[a-z]+$"  a POSIX extended regular expression that a string, or each string of a list or map, has to match
 *         .name = "class"   the name outside C: JSON key, argument, base of the variable's name
 *         .env = "DB_URL"   the environment variable, whole, whatever the prefix
 *         .required = true  a secret that must be given
 *         .unknown = AEON_UNKNOWN_KEEP  this map takes the fields that nobody declared
 *
 * A field without .def must be given, unless it is optional. A secret may be absent, for a default in the source would not be
 * secret. Source: docs/decisions/absent-fields.md.
 *
 * Fields that nobody declared are ignored, or refused by AEON_RECORD(job, JOB, .unknown = AEON_UNKNOWN_REJECT), or kept in a map:
 * F(map(json), rest, .unknown = AEON_UNKNOWN_KEEP), which writes them back when it is encoded. */
#ifndef AEON_RECORD_H
#define AEON_RECORD_H

#include <aeon/attributes.h>
#include <aeon/bytes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A field has no bounds until .min and .max say so, and 0 is a bound like any other. So C puts infinities in front of the
 * attributes, which may then replace them; C++ has no such replacement, but default values of members. */
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

enum { AEON__NESTING = 5 };

#ifdef __cplusplus
extern "C" {
#endif

typedef enum aeon_kind {
        AEON_KIND_NONE,
        AEON_KIND_STR,
        AEON_KIND_BYTES,
        AEON_KIND_I64,
        AEON_KIND_U64,
        AEON_KIND_F64,
        AEON_KIND_BOOLEAN,
        AEON_KIND_DURATION,
        AEON_KIND_SIZE,
        AEON_KIND_TIMESTAMP,
        AEON_KIND_SECRET,
        AEON_KIND_JSON,
        AEON_KIND_ENUMERATION,
        AEON_KIND_RECORD,
        AEON_KIND_OPTIONAL,
        AEON_KIND_LIST,
        AEON_KIND_MAP,
} aeon_kind;

/* What becomes of fields that nobody declared. */
typedef enum aeon_unknown {
        AEON_UNKNOWN_IGNORE,
        AEON_UNKNOWN_REJECT,
        AEON_UNKNOWN_KEEP,
} aeon_unknown;

/* One value of an enum, and what it is called outside C. */
typedef struct aeon_enumerator {
        int value;
        const char *name;
} aeon_enumerator;

/* All of them. */
typedef struct aeon_enumeration {
        const char *name;
        const aeon_enumerator *values;
        size_t count;
} aeon_enumeration;

struct aeon_record;

typedef struct aeon_field {
        const char *member; /* its name in the struct */
        aeon_kind kind;
        aeon_kind of[AEON__NESTING];               /* what an optional, list or map holds, and what that holds; ends in NONE */
        const struct aeon_record *(*record)(void); /* of the kind record, at whatever depth */
        const aeon_enumeration *(*enumeration)(void);
        size_t offset;
        const char *def;
        const char *doc;
        long double min AEON__BOUND(-); /* long double: holds every int64_t and uint64_t exactly */
        long double max AEON__BOUND(+);
        size_t min_len;
        size_t max_len;
        const char *pattern;
        const char *name; /* NULL: as the member */
        const char *env;  /* NULL: from the name */
        bool required;
        aeon_unknown unknown;
} aeon_field;

/* A descriptor. Immutable; any thread. */
typedef struct aeon_record {
        const char *name;
        size_t size; /* of the struct */
        const aeon_field *fields;
        size_t field_count;
        const char *doc;
        aeon_unknown unknown; /* IGNORE or REJECT; KEEP is a field's */
} aeon_record;

/* Read one JSON object of @size bytes into a new struct.
 *
 * Strict (RFC 8259): "1" is no number, 1.5 no i64, 64-bit numbers are exact, an object has no key twice, text is UTF-8, no str
 * holds a NUL, at most 64 levels and 16 MiB. Reading goes on behind what is wrong, so all of it is told in one error text (the
 * first 100), joined by "; ", each with its path and where it stands; columns count characters from 1. Only behind broken syntax
 * nothing can be told:
 *
 *         order: items[3].price: the string "x" is not a number (line 7, column 18); id: missing (line 1, column 1)
 *         order: items[3]: expected "," or "]" (line 8, column 1)
 *
 * The value is yours, to aeon_record_free(); all it points to lives as long. Never suspends; any thread.
 *
 * Errors: -EBADMSG  not such an object
 *         -ENOMEM
 * Source: RFC 8259; docs/decisions/own-json.md. */
AEON_API int aeon_record_decode(const aeon_record *record, const char *json, size_t size, void **ret_value);

/* Write @value as compact JSON and return its length. Decoding gives the same value again, but for secrets. Every double is written
 * with as few digits as give it back exactly (84.0), a duration as a string in one unit ("1500ms"), a size as its bytes, a
 * timestamp in UTC. A value that decoding would refuse is refused here; an absent optional is left out, in a list or map it is
 * null.
 *
 * The text ends in a NUL and is yours, to free(). Never suspends; any thread.
 *
 * Errors: -EINVAL  a str is NULL, text is not UTF-8, a number is out of its bounds, NaN or infinite ...; all told, joined by "; "
 *         -EFBIG   more than 16 MiB
 *         -ENOMEM */
AEON_API int aeon_record_encode(const aeon_record *record, const void *value, char **ret_text);

/* Free what decoding or loading gave. NULL is fine. */
AEON_API void aeon_record_free(void *value);

/* The JSON Schema (draft 2020-12) of what aeon_record_decode() takes for @record, as compact JSON; returns its length. Records that
 * it holds are in "$defs". A .pattern that only POSIX knows ("[[:alpha:]]") is left out.
 *
 * The text ends in a NUL and is yours, to free(). Never suspends; any thread.
 *
 * Errors: -EINVAL  a .def cannot be read; all told
 *         -ENOMEM */
AEON_API int aeon_record_schema(const aeon_record *record, char **ret_text);

/* What @value is called outside C; NULL when it has no name. STATE_name(value) is the typed form. */
AEON_API const char *aeon_enumeration_name(const aeon_enumeration *enumeration, int value);

/* Behind NAME_load and NAME_publish; their manuals are aeon/settings.h and aeon/broker.h. */
struct aeon_app;
struct aeon_broker;
struct aeon_settings_opts;
struct aeon_publish_opts;
AEON_API int aeon_settings_load(struct aeon_app *app, const aeon_record *record, void **ret_value,
                                const struct aeon_settings_opts *opts);
AEON_API int aeon_record_publish(struct aeon_broker *broker, const char *topic, const aeon_record *record, const void *value,
                                 const struct aeon_publish_opts *opts);

/* Behind NAME_receive, NAME_query, NAME_form, NAME_params and NAME_reply; their manual is aeon/http.h. */
struct aeon_request;
AEON_API AEON_MUST_CHECK int aeon_record_receive(struct aeon_request *req, const aeon_record *record, void **ret_value);
AEON_API AEON_MUST_CHECK int aeon_record_query(struct aeon_request *req, const aeon_record *record, void **ret_value);
AEON_API AEON_MUST_CHECK int aeon_record_form(struct aeon_request *req, const aeon_record *record, void **ret_value);
AEON_API AEON_MUST_CHECK int aeon_record_params(struct aeon_request *req, const aeon_record *record, void **ret_value);
AEON_API int aeon_record_reply(struct aeon_request *req, int status, const aeon_record *record, const void *value);

/* Behind NAME_from_response; its manual is aeon/http_client.h. */
struct aeon_http_response;
AEON_API AEON_MUST_CHECK int aeon_record_from_response(const struct aeon_http_response *res, const aeon_record *record,
                                                       void **ret_value);

/* Behind NAME_rows and NAME_row; their manual is aeon/db.h. */
struct aeon_db;
struct aeon_db_args;
AEON_API AEON_MUST_CHECK int aeon_db_query(struct aeon_db *db, const aeon_record *record, const char *sql,
                                           const struct aeon_db_args *args, void **ret_rows);
AEON_API AEON_MUST_CHECK int aeon_db_query_one(struct aeon_db *db, const aeon_record *record, const char *sql,
                                               const struct aeon_db_args *args, void **ret_row);

#ifdef __cplusplus
}
#endif

/* ------------------------------------------------------------------ the macros */

/* An enum whose values have names outside C:
 *
 *         #define STATE(V) V(STATE_IDLE, "idle") V(STATE_BUSY, "busy")
 *         AEON_ENUMERATION(state, STATE);
 *
 * makes `enum state { STATE_IDLE, STATE_BUSY }` and `state_name(value)`, for fields of the kind enumeration(state). */
#define AEON_ENUMERATION(enum_name, VALUES)                                                                           \
        enum enum_name { VALUES(AEON__CONSTANT) };                                                                    \
        AEON_INLINE const aeon_enumeration *enum_name##_enumeration(void)                                             \
        {                                                                                                             \
                static const aeon_enumerator values[] = { VALUES(AEON__ENUMERATOR) };                                 \
                static const aeon_enumeration enumeration = { #enum_name, values, sizeof values / sizeof values[0] }; \
                return &enumeration;                                                                                  \
        }                                                                                                             \
        AEON_INLINE const char *enum_name##_name(enum enum_name value)                                                \
        {                                                                                                             \
                return aeon_enumeration_name(enum_name##_enumeration(), (int)value);                                  \
        }                                                                                                             \
        struct aeon__needs_a_semicolon

#define AEON__CONSTANT(constant, name) constant,
#define AEON__ENUMERATOR(constant, name) { (int)constant, name },

/* AEON_RECORD(NAME, FIELDS) or AEON_RECORD(NAME, FIELDS, .doc = "...", .unknown = AEON_UNKNOWN_REJECT).
 *
 * FIELDS is run twice: once for the struct's members, once for the table. */
#define AEON_RECORD(...) AEON__RECORD(__VA_ARGS__, )
#define AEON__RECORD(record_name, FIELDS, ...)                                                                                \
        struct record_name {                                                                                                  \
                FIELDS(AEON__MEMBER)                                                                                          \
        };                                                                                                                    \
        AEON__TABLE_BEGIN                                                                                                     \
        AEON_INLINE const aeon_record *record_name##_record(void)                                                             \
        {                                                                                                                     \
                typedef struct record_name aeon__struct;                                                                      \
                static const aeon_field fields[] = { FIELDS(AEON__FIELD) };                                                   \
                static const aeon_record record = { .name = #record_name,                                                     \
                                                    .size = sizeof(aeon__struct),                                             \
                                                    .fields = fields,                                                         \
                                                    .field_count = sizeof fields / sizeof fields[0],                          \
                                                    __VA_ARGS__ };                                                            \
                return &record;                                                                                               \
        }                                                                                                                     \
        AEON__TABLE_END                                                                                                       \
        AEON_INLINE int record_name##_decode(const char *json, size_t size, struct record_name **ret_value)                   \
        {                                                                                                                     \
                void *value;                                                                                                  \
                int r = aeon_record_decode(record_name##_record(), json, size, &value);                                       \
                if (r >= 0)                                                                                                   \
                        *ret_value = (struct record_name *)value;                                                             \
                return r;                                                                                                     \
        }                                                                                                                     \
        AEON_INLINE int record_name##_encode(const struct record_name *value, char **ret_text)                                \
        {                                                                                                                     \
                return aeon_record_encode(record_name##_record(), value, ret_text);                                           \
        }                                                                                                                     \
        AEON_INLINE void record_name##_free(struct record_name *value)                                                        \
        {                                                                                                                     \
                aeon_record_free(value);                                                                                      \
        }                                                                                                                     \
        AEON_INLINE int record_name##_load(struct aeon_app *app, struct record_name **ret_value,                              \
                                           const struct aeon_settings_opts *opts)                                             \
        {                                                                                                                     \
                void *value;                                                                                                  \
                int r = aeon_settings_load(app, record_name##_record(), &value, opts);                                        \
                if (r >= 0)                                                                                                   \
                        *ret_value = (struct record_name *)value;                                                             \
                return r;                                                                                                     \
        }                                                                                                                     \
        AEON_INLINE int record_name##_publish(struct aeon_broker *broker, const char *topic, const struct record_name *value, \
                                              const struct aeon_publish_opts *opts)                                           \
        {                                                                                                                     \
                return aeon_record_publish(broker, topic, record_name##_record(), value, opts);                               \
        }                                                                                                                     \
        AEON_INLINE int record_name##_rows(struct aeon_db *db, struct record_name **ret_rows, const char *sql,                \
                                           const struct aeon_db_args *args)                                                   \
        {                                                                                                                     \
                void *rows;                                                                                                   \
                int r = aeon_db_query(db, record_name##_record(), sql, args, &rows);                                          \
                if (r >= 0)                                                                                                   \
                        *ret_rows = (struct record_name *)rows;                                                               \
                return r;                                                                                                     \
        }                                                                                                                     \
        AEON_INLINE int record_name##_row(struct aeon_db *db, struct record_name **ret_row, const char *sql,                  \
                                          const struct aeon_db_args *args)                                                    \
        {                                                                                                                     \
                void *row;                                                                                                    \
                int r = aeon_db_query_one(db, record_name##_record(), sql, args, &row);                                       \
                if (r >= 0)                                                                                                   \
                        *ret_row = (struct record_name *)row;                                                                 \
                return r;                                                                                                     \
        }                                                                                                                     \
        AEON__FROM_REQUEST(record_name, receive)                                                                              \
        AEON__FROM_REQUEST(record_name, query)                                                                                \
        AEON__FROM_REQUEST(record_name, form)                                                                                 \
        AEON__FROM_REQUEST(record_name, params)                                                                               \
        AEON_INLINE int record_name##_reply(struct aeon_request *req, int status, const struct record_name *value)            \
        {                                                                                                                     \
                return aeon_record_reply(req, status, record_name##_record(), value);                                         \
        }                                                                                                                     \
        AEON_INLINE int record_name##_from_response(const struct aeon_http_response *res, struct record_name **ret_value)     \
        {                                                                                                                     \
                void *value;                                                                                                  \
                int r = aeon_record_from_response(res, record_name##_record(), &value);                                       \
                if (r >= 0)                                                                                                   \
                        *ret_value = (struct record_name *)value;                                                             \
                return r;                                                                                                     \
        }                                                                                                                     \
        struct aeon__needs_a_semicolon

#define AEON__FROM_REQUEST(record_name, part)                                                                \
        AEON_INLINE int record_name##_##part(struct aeon_request *req, const struct record_name **ret_value) \
        {                                                                                                    \
                void *value;                                                                                 \
                int r = aeon_record_##part(req, record_name##_record(), &value);                             \
                if (r >= 0)                                                                                  \
                        *ret_value = (const struct record_name *)value;                                      \
                return r;                                                                                    \
        }

/* The comma at the end gives "..." an argument also when F has no attributes, as ISO C wants. */
#define AEON__MEMBER(...) AEON__MEMBER_OF(__VA_ARGS__, )
#define AEON__MEMBER_OF(field_kind, field_member, ...) AEON__SCAN(AEON__TYPE(field_kind)) field_member;

#define AEON__FIELD(...) AEON__FIELD_OF(__VA_ARGS__, )
#define AEON__FIELD_OF(field_kind, field_member, ...)                                                  \
        { .member = #field_member,                                                                     \
          AEON__CHAIN(AEON__SCAN(AEON__KINDS(field_kind))) AEON__SCAN(AEON__LEAF(field_kind)).offset = \
                  offsetof(aeon__struct, field_member),                                                \
          AEON__UNBOUND __VA_ARGS__ },
#define AEON__CHAIN(...) AEON__CHAIN_OF(__VA_ARGS__)
#define AEON__CHAIN_OF(first, ...) .kind = first, .of = { __VA_ARGS__ },

/* A kind is looked up by name in four tables: its type in the struct, the type when it is optional, its enumerators, and what its
 * innermost kind refers to. list(optional(i64)) is AEON__TYPE_list(optional(i64)), which looks optional(i64) up in its turn, but in
 * the NEXT scan, since no macro expands inside itself. There are as many scans as kinds may be deep. */
#define AEON__TYPE(kind) AEON__TYPE_##kind
#define AEON__KINDS(kind) AEON__KINDS_##kind
#define AEON__LEAF(kind) AEON__LEAF_##kind
#define AEON__TYPE_LATER() AEON__TYPE
#define AEON__KINDS_LATER() AEON__KINDS
#define AEON__LEAF_LATER() AEON__LEAF
#define AEON__NEXT_SCAN
#define AEON__SCAN(...) AEON__SCAN_1(AEON__SCAN_1(AEON__SCAN_1(AEON__SCAN_1(__VA_ARGS__))))
#define AEON__SCAN_1(...) __VA_ARGS__

#define AEON__TYPE_str const char *
#define AEON__TYPE_bytes aeon_bytes
#define AEON__TYPE_i64 int64_t
#define AEON__TYPE_u64 uint64_t
#define AEON__TYPE_f64 double
#define AEON__TYPE_boolean bool
#define AEON__TYPE_duration int64_t
#define AEON__TYPE_size uint64_t
#define AEON__TYPE_timestamp int64_t
#define AEON__TYPE_secret const char *
#define AEON__TYPE_json const char *
#define AEON__TYPE_enumeration(name) enum name
#define AEON__TYPE_record(name) struct name
#define AEON__TYPE_optional(kind) AEON__OPTIONAL_##kind
#define AEON__TYPE_list(kind)                                          \
        struct {                                                       \
                AEON__TYPE_LATER AEON__NEXT_SCAN()(kind) const *items; \
                size_t count;                                          \
        }
#define AEON__TYPE_map(kind)                                            \
        struct {                                                        \
                const char *const *keys;                                \
                AEON__TYPE_LATER AEON__NEXT_SCAN()(kind) const *values; \
                size_t count;                                           \
        }

#define AEON__OPTIONAL_str const char *
#define AEON__OPTIONAL_bytes aeon_bytes const *
#define AEON__OPTIONAL_i64 int64_t const *
#define AEON__OPTIONAL_u64 uint64_t const *
#define AEON__OPTIONAL_f64 double const *
#define AEON__OPTIONAL_boolean bool const *
#define AEON__OPTIONAL_duration int64_t const *
#define AEON__OPTIONAL_size uint64_t const *
#define AEON__OPTIONAL_timestamp int64_t const *
#define AEON__OPTIONAL_secret const char *
#define AEON__OPTIONAL_json const char *
#define AEON__OPTIONAL_enumeration(name) enum name const *
#define AEON__OPTIONAL_record(name) struct name const *
#define AEON__OPTIONAL_list(kind) AEON__TYPE_list(kind) const *
#define AEON__OPTIONAL_map(kind) AEON__TYPE_map(kind) const *

#define AEON__KINDS_str AEON_KIND_STR, AEON_KIND_NONE
#define AEON__KINDS_bytes AEON_KIND_BYTES, AEON_KIND_NONE
#define AEON__KINDS_i64 AEON_KIND_I64, AEON_KIND_NONE
#define AEON__KINDS_u64 AEON_KIND_U64, AEON_KIND_NONE
#define AEON__KINDS_f64 AEON_KIND_F64, AEON_KIND_NONE
#define AEON__KINDS_boolean AEON_KIND_BOOLEAN, AEON_KIND_NONE
#define AEON__KINDS_duration AEON_KIND_DURATION, AEON_KIND_NONE
#define AEON__KINDS_size AEON_KIND_SIZE, AEON_KIND_NONE
#define AEON__KINDS_timestamp AEON_KIND_TIMESTAMP, AEON_KIND_NONE
#define AEON__KINDS_secret AEON_KIND_SECRET, AEON_KIND_NONE
#define AEON__KINDS_json AEON_KIND_JSON, AEON_KIND_NONE
#define AEON__KINDS_enumeration(name) AEON_KIND_ENUMERATION, AEON_KIND_NONE
#define AEON__KINDS_record(name) AEON_KIND_RECORD, AEON_KIND_NONE
#define AEON__KINDS_optional(kind) AEON_KIND_OPTIONAL, AEON__KINDS_LATER AEON__NEXT_SCAN()(kind)
#define AEON__KINDS_list(kind) AEON_KIND_LIST, AEON__KINDS_LATER AEON__NEXT_SCAN()(kind)
#define AEON__KINDS_map(kind) AEON_KIND_MAP, AEON__KINDS_LATER AEON__NEXT_SCAN()(kind)

#define AEON__LEAF_str
#define AEON__LEAF_bytes
#define AEON__LEAF_i64
#define AEON__LEAF_u64
#define AEON__LEAF_f64
#define AEON__LEAF_boolean
#define AEON__LEAF_duration
#define AEON__LEAF_size
#define AEON__LEAF_timestamp
#define AEON__LEAF_secret
#define AEON__LEAF_json
#define AEON__LEAF_enumeration(name) .enumeration = name##_enumeration,
#define AEON__LEAF_record(name) .record = name##_record,
#define AEON__LEAF_optional(kind) AEON__LEAF_LATER AEON__NEXT_SCAN()(kind)
#define AEON__LEAF_list(kind) AEON__LEAF_LATER AEON__NEXT_SCAN()(kind)
#define AEON__LEAF_map(kind) AEON__LEAF_LATER AEON__NEXT_SCAN()(kind)

#endif
