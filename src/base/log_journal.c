/* Lines to systemd's journal, with fields of their own instead of a text that has to be read again.
 *
 * DESIGN
 *   A service's stderr is the journal's when $JOURNAL_STREAM names its device and inode; somebody may have led stderr elsewhere since, so
 *   that is looked at for each line. A record is one datagram, NAME=value lines, or for a value with newlines NAME, its length as 8 bytes
 *   in little-endian order, the value. $AEON_JOURNAL_SOCKET names another socket than the journal's, for tests.
 *
 *   Source: systemd, "Native Journal Protocol", sd-journal(3), systemd.exec(5) on $JOURNAL_STREAM.
 */
#include "base/log.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static unsigned long long stream_device, stream_inode; /* 0: stderr was not the journal's */
static int journal = -1;

static void find_journal(void)
{
        const char *stream = getenv("JOURNAL_STREAM"), *path = getenv("AEON_JOURNAL_SOCKET");
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        if (!stream || sscanf(stream, "%llu:%llu", &stream_device, &stream_inode) != 2)
                return;
        snprintf(address.sun_path, sizeof address.sun_path, "%s", path ? path : "/run/systemd/journal/socket");
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
                close(fd);
                fd = -1;
        }
        journal = fd;
}

struct datagram {
        char bytes[2 * LOG_LINE_SIZE];
        size_t used;
};

/* Whole or not at all. */
static void put(struct datagram *d, const char *name, const char *value, size_t length)
{
        size_t name_length = strlen(name);
        if (d->used + name_length + length + 10 > sizeof d->bytes)
                return;
        char *at = d->bytes + d->used;
        at = mempcpy(at, name, name_length);
        if (memchr(value, '\n', length)) {
                *at++ = '\n';
                for (int i = 0; i < 8; i++)
                        *at++ = (char)((uint64_t)length >> (8 * i));
        } else {
                *at++ = '=';
        }
        memcpy(at, value, length);
        at[length] = '\n';
        d->used = (size_t)(at + length + 1 - d->bytes);
}

static void put_text(struct datagram *d, const char *name, const char *value)
{
        put(d, name, value, strlen(value));
}

/* The journal's own names are in capitals, and one that begins with _ would be its own. */
static void put_field(void *arg, const char *name, const char *text, double number)
{
        char upper[64], value[32];
        size_t n = 0;
        while (*name == '_')
                name++;
        for (; name[n] && n < sizeof upper - 1; n++)
                upper[n] = (char)toupper((unsigned char)name[n]);
        upper[n] = '\0';
        if (!text)
                snprintf(value, sizeof value, "%.15g", number);
        if (n && !isdigit((unsigned char)*upper))
                put_text(arg, upper, text ? text : value);
}

static void put_site(struct datagram *d, const char *site)
{
        const char *colon = strrchr(site, ':');
        if (!colon)
                return;
        put(d, "CODE_FILE", site, (size_t)(colon - site));
        put_text(d, "CODE_LINE", colon + 1);
}

bool aeon__log_to_journal(const struct log_record *record)
{
        static const char *const priorities[] = { "7", "6", "4", "3" }; /* as of syslog(3) */
        struct stat status;
        pthread_once(&once, find_journal);
        if (journal < 0 || fstat(STDERR_FILENO, &status) < 0 || status.st_dev != stream_device || status.st_ino != stream_inode)
                return false;
        struct datagram d = { .used = 0 };
        put_text(&d, "MESSAGE", record->message);
        put_text(&d, "PRIORITY", priorities[record->level]);
        put_text(&d, "SYSLOG_IDENTIFIER", program_invocation_short_name);
        put_site(&d, record->site);
        if (record->task) {
                char id[24];
                snprintf(id, sizeof id, "%llu", (unsigned long long)record->task_id);
                put_text(&d, "AEON_TASK", record->task);
                put_text(&d, "AEON_TASK_ID", id);
        }
        aeon__log_each_field(record, put_field, &d);
        if (send(journal, d.bytes, d.used, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
                return true;
        if (errno != EAGAIN)
                return false; /* it is gone: stderr is still there */
        aeon__log_count_drop();
        return true;
}
