/* The parser of multipart.h. */
#include "http/multipart.h"

#include "http/parser.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

enum state { START, PREAMBLE, DELIMITED, HEAD, DATA_FIRST, DATA, END, BROKEN };

static int refuse(struct multipart *m, const char *reason)
{
        m->state = BROKEN;
        m->reason = reason;
        return -EBADMSG;
}

/* Source: RFC 2046, 5.1.1, bchars. */
int aeon__multipart_init(struct multipart *m, const char *boundary, size_t size)
{
        static const char marks[] = "'()+_,-./:=? ";
        if (!size || size > MULTIPART_BOUNDARY_LIMIT || boundary[size - 1] == ' ')
                return -EINVAL;
        for (size_t i = 0; i < size; i++) {
                char c = boundary[i];
                bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
                if (!letter && (!c || !strchr(marks, c)))
                        return -EINVAL;
        }
        *m = (struct multipart){ .delimiter = "\r\n--", .delimiter_size = size + 4, .state = START };
        memcpy(m->delimiter + 4, boundary, size);
        return 0;
}

/* How many bytes at the end might be the beginning of a delimiter. */
static size_t held_back(const struct multipart *m, const char *bytes, size_t size)
{
        size_t longest = size < m->delimiter_size ? size : m->delimiter_size - 1;
        for (size_t n = longest; n; n--)
                if (!memcmp(bytes + size - n, m->delimiter, n))
                        return n;
        return 0;
}

/* At the beginning of a line: is it a delimiter, whose own line end has been read? 1, 0; -1: more is needed to tell. */
static int begins_with_delimiter(const struct multipart *m, const char *bytes, size_t size)
{
        size_t wanted = m->delimiter_size - 2;
        if (memcmp(bytes, m->delimiter + 2, size < wanted ? size : wanted) != 0)
                return 0;
        return size < wanted ? -1 : 1;
}

static int next_of_head(struct multipart *m, const char *bytes, size_t size, size_t *ret_taken, const char **ret_piece,
                        size_t *ret_size)
{
        const char *end = memmem(bytes, size, "\r\n\r\n", 4);
        size_t length = end ? (size_t)(end - bytes) + 2 : size;
        if (length > MULTIPART_HEAD_LIMIT)
                return refuse(m, "the head of a part is too long");
        if (!end)
                return MULTIPART_MORE;
        *ret_piece = bytes;
        *ret_size = length;
        *ret_taken += length + 2;
        m->state = DATA_FIRST;
        return MULTIPART_HEAD;
}

/* Data, or the preamble, up to a delimiter. */
static int next_of_data(struct multipart *m, const char *bytes, size_t size, size_t *ret_taken, const char **ret_piece,
                        size_t *ret_size)
{
        bool data = m->state == DATA;
        const char *delimiter = memmem(bytes, size, m->delimiter, m->delimiter_size);
        size_t length = delimiter ? (size_t)(delimiter - bytes) : size - held_back(m, bytes, size);
        *ret_taken += length;
        if (length && data) {
                *ret_piece = bytes;
                *ret_size = length;
                return MULTIPART_DATA;
        }
        if (!delimiter)
                return MULTIPART_MORE;
        *ret_taken += m->delimiter_size;
        m->state = DELIMITED;
        return data ? MULTIPART_PART_END : -EAGAIN;
}

static bool may_begin(const char *bytes, size_t size, const char *word)
{
        return memcmp(bytes, word, size < strlen(word) ? size : strlen(word)) == 0;
}

/* One step; -EAGAIN when it brought no event. */
static int step(struct multipart *m, const char *bytes, size_t size, size_t *ret_taken, const char **ret_piece, size_t *ret_size)
{
        int begins;
        if (m->state == END)
                return MULTIPART_END;
        if (m->state == BROKEN)
                return -EBADMSG;
        if (!size)
                return MULTIPART_MORE;
        switch ((enum state)m->state) {
        case START:
        case DATA_FIRST:
                begins = begins_with_delimiter(m, bytes, size);
                if (begins < 0)
                        return MULTIPART_MORE;
                *ret_taken += begins ? m->delimiter_size - 2 : 0;
                bool empty_part = begins && m->state == DATA_FIRST;
                m->state = begins ? DELIMITED : m->state == START ? PREAMBLE : DATA;
                return empty_part ? MULTIPART_PART_END : -EAGAIN;
        case DELIMITED:
                if (!may_begin(bytes, size, "\r\n") && !may_begin(bytes, size, "--"))
                        return refuse(m, "something stands behind a boundary");
                if (size < 2)
                        return MULTIPART_MORE;
                *ret_taken += 2;
                m->state = *bytes == '-' ? END : HEAD;
                return -EAGAIN;
        case HEAD:
                return next_of_head(m, bytes, size, ret_taken, ret_piece, ret_size);
        case PREAMBLE:
        case DATA:
                return next_of_data(m, bytes, size, ret_taken, ret_piece, ret_size);
        case END:
        case BROKEN:
                break;
        }
        return -EBADMSG;
}

int aeon__multipart_next(struct multipart *m, const char *bytes, size_t size, size_t *ret_taken, const char **ret_piece,
                         size_t *ret_size)
{
        int r;
        *ret_taken = 0;
        do
                r = step(m, bytes + *ret_taken, size - *ret_taken, ret_taken, ret_piece, ret_size);
        while (r == -EAGAIN);
        return r;
}
