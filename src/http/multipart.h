/* multipart/form-data as functions on bytes: RFC 2046, 5.1, and RFC 7578.
 *
 * DESIGN
 *   No I/O, no allocation: the caller collects bytes, takes what an event used, and asks again. A delimiter is the line's end in front
 *   of it, "--" and the boundary; data that might be the beginning of one is held back until more has come.
 *
 *       --b\r\n                                       DELIMITED
 *       Content-Disposition: form-data; name="a"\r\n  HEAD: event with all lines
 *       \r\n                                          DATA: events with pieces, then PART_END
 *       what it is\r\n--b--                           DELIMITED, END
 *
 *   Strict: lines end in CRLF, behind a boundary stands CRLF or "--" and nothing else, no folded lines, each part has a name. What stands
 *   in front of the first delimiter and behind the last is not looked at, as the RFC wants it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        MULTIPART_BOUNDARY_LIMIT = 70,               /* RFC 2046 */
        MULTIPART_HEAD_LIMIT = 4096,                 /* bytes of a part's head */
        MULTIPART_FIELDS_LIMIT = 16,                 /* of a part's head */
        MULTIPART_ROOM = MULTIPART_HEAD_LIMIT + 128, /* what the caller must be able to collect */
};

enum multipart_event {
        MULTIPART_MORE,     /* more bytes are needed */
        MULTIPART_HEAD,     /* the piece is the head of a part, all its lines with their ends */
        MULTIPART_DATA,     /* the piece is data of the part, never empty */
        MULTIPART_PART_END, /* the part is over */
        MULTIPART_END,      /* all parts are */
};

struct multipart {
        char delimiter[4 + MULTIPART_BOUNDARY_LIMIT];
        size_t delimiter_size;
        uint8_t state;
        const char *reason; /* why it was refused */
};

/* @boundary is copied. -EINVAL when it can be none. */
int aeon__multipart_init(struct multipart *m, const char *boundary, size_t size);

/* The next event of @size bytes; *@ret_taken of them are used up, also without an event; the piece stands within these. -EBADMSG when
 * it is refused (m->reason). */
int aeon__multipart_next(struct multipart *m, const char *bytes, size_t size, size_t *ret_taken, const char **ret_piece,
                         size_t *ret_size);

struct multipart_field {
        const char *name, *value;
};

struct multipart_head {
        const char *name;      /* of the form's field */
        const char *file_name; /* its last segment; NULL: it is no file */
        const char *type;      /* NULL: not told, which is text/plain */
        struct multipart_field fields[MULTIPART_FIELDS_LIMIT];
        size_t field_count;
};

/* Read a part's head in place: @text becomes its strings; @text[@size] may be overwritten. -EBADMSG with @ret_reason. */
int aeon__multipart_head_read(char *text, size_t size, struct multipart_head *head, const char **ret_reason);

/* Find the parameter @name in what follows a media type or disposition, "; a=b; name=\"c\"", and write its value, unescaped, to @out,
 * which has room for as many bytes as @text. 1: found, 0: not, -EBADMSG: the parameters cannot be read, or it is there twice. */
int aeon__media_parameter(const char *text, const char *name, char *out);
