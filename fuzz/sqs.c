/* The answer of a ReceiveMessage: each message in it is read, and copied to be sent once more. */
#include "must.h"

#include "broker/sqs/message.h"

static void read_message(struct sqs_received *received)
{
        size_t bytes;
        struct aeon_message *m = aeon__sqs_decode(received, "queue");
        must(m != NULL, "not read", NULL);
        must_be_headers(m->envelope.headers, m->envelope.headers_size);
        must(m->attempt > 0, "attempt 0", NULL);
        free(m);
        free(aeon__sqs_copy(received, 2, &bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct text text = { 0 };
        struct sqs_received received;
        aeon__text_add(&text, (const char *)data, size);
        must(!text.failed, "no memory", NULL);
        struct sqs_answer *answer = aeon__sqs_answer_new(&text);
        struct scan s = aeon__sqs_messages(answer);
        while (aeon__sqs_next(answer, &s, &received))
                read_message(&received);
        aeon__sqs_answer_leave(answer);
        aeon_error_clear();
        return 0;
}
