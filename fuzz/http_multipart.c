/* Bodies of parts: the same whatever their pieces; data is what stands between a head and the next delimiter; heads are read or refused,
 * and strings of a head have no line ends. The boundary is "b". */
#include "pieces.h"

#include "http/multipart.h"

#include <errno.h>

/* What came, as a trace: "H<head>", "D<data>" with neighbours joined, "E" ends of parts, and the verdict. */
struct trace {
        char *text;
        size_t size;
        size_t data; /* where the present stretch of it begins */
        int verdict; /* MULTIPART_END, MULTIPART_MORE: it stops short, -EBADMSG */
};

static void add(struct trace *t, char kind, const char *piece, size_t size, bool *in_data)
{
        if (kind != 'D' || !*in_data) {
                t->text[t->size++] = kind;
                t->data = t->size;
        }
        *in_data = kind == 'D';
        memcpy(t->text + t->size, piece, size);
        t->size += size;
        if (kind == 'D') /* with what came before it */
                HOLDS(!memmem(t->text + t->data, t->size - t->data, "\r\n--b", 5));
}

static void read_head(const char *piece, size_t size)
{
        struct multipart_head head;
        const char *reason = NULL;
        char *text = exact_copy(piece, size);
        int r = aeon__multipart_head_read(text, size, &head, &reason);
        HOLDS(r == 0 ? head.name != NULL && !strpbrk(head.name, "\r\n") : r == -EBADMSG && reason != NULL);
        HOLDS(r < 0 || !head.file_name || !strpbrk(head.file_name, "\r\n/\\"));
        for (size_t i = 0; r == 0 && i < head.field_count; i++)
                HOLDS(!strpbrk(head.fields[i].name, "\r\n") && !strchr(head.fields[i].value, '\n'));
        free(text);
}

static struct trace parse(const char *bytes, size_t size, enum cut cut)
{
        struct multipart m;
        struct trace t = { .text = malloc(4 * size + 16) };
        unsigned state = (unsigned)size;
        bool in_data = false;
        HOLDS(aeon__multipart_init(&m, "b", 1) == 0);
        for (size_t at = 0, end = 0;;) {
                size_t taken, piece_size = 0;
                const char *piece = NULL;
                char *copy = exact_copy(bytes + at, end - at);
                int event = aeon__multipart_next(&m, copy, end - at, &taken, &piece, &piece_size);
                HOLDS(taken <= end - at);
                if (event == MULTIPART_HEAD || event == MULTIPART_DATA) {
                        HOLDS(piece >= copy && piece + piece_size <= copy + taken && piece_size > 0);
                        add(&t, event == MULTIPART_HEAD ? 'H' : 'D', piece, piece_size, &in_data);
                        if (event == MULTIPART_HEAD)
                                read_head(piece, piece_size);
                }
                if (event == MULTIPART_PART_END)
                        add(&t, 'E', "", 0, &in_data);
                free(copy);
                at += taken;
                t.verdict = event;
                if (event == MULTIPART_END || event < 0 || (event == MULTIPART_MORE && end == size))
                        return t;
                if (event == MULTIPART_MORE)
                        end = next_end(cut, bytes, end, size, &state);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *bytes = (const char *)data;
        if (size > 4000) /* heads may be as long as that, and then pieces decide what is too long first */
                return 0;
        struct trace whole = parse(bytes, size, AT_ONCE);
        for (enum cut cut = BY_BYTE; cut < CUTS; cut++) {
                struct trace t = parse(bytes, size, cut);
                HOLDS(t.verdict == whole.verdict && t.size == whole.size && !memcmp(t.text, whole.text, t.size));
                free(t.text);
        }
        free(whole.text);
        return 0;
}
