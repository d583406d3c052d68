/* What the compiler has to refuse: compiled with each WRONG from 1 to WRONGS. With 0 all is right. */
#include <aeon.h>

/* The first of them are in a handler's type, which in C has words of its own. */
#define HANDLERS 6
#define WRONGS 9

#define QUESTION(F) F(f64, x)
AEON_RECORD(question, QUESTION);
#define ANSWER(F) F(f64, result)
AEON_RECORD(answer, ANSWER);

#if WRONG == 1 /* the question is another record */
static int predict(const struct answer *in, struct answer *out)
#elif WRONG == 2 /* so is the answer */
static int predict(const struct question *in, struct question *out)
#elif WRONG == 3 /* the answer cannot be written */
static int predict(const struct question *in, const struct answer *out)
#elif WRONG == 4 /* there is none */
static int predict(const struct question *in)
#else
static int predict(const struct question *in, struct answer *out)
#endif
{
        (void)in;
#if WRONG != 4
        (void)out;
#endif
        return 0;
}
AEON_HANDLER(predict, question, answer);

#if WRONG == 5
static int note(const struct answer *in)
#else
static int note(const struct question *in)
#endif
{
        (void)in;
        return 0;
}
AEON_SINK_HANDLER(note, question);

#if WRONG == 6
static int look(const struct question *in)
{
        (void)in;
        return 0;
}
#else
static int look(aeon_message *m)
{
        (void)m;
        return 0;
}
#endif
AEON_RAW_HANDLER(look);

int use(const char *json, aeon_broker *broker);

int use(const char *json, aeon_broker *broker)
{
#if WRONG == 7
        struct answer *question;
#else
        struct question *question;
#endif
        int r = question_decode(json, 1, &question);
        if (r < 0)
                return r;
#if WRONG == 8
        const struct answer *sent = 0;
#else
        const struct question *sent = question;
#endif
        r = question_publish(broker, "topic", sent, 0);
#if WRONG == 9
        aeon_subscribe(0, "topic", &predict, 0);
#else
        aeon_subscribe(0, "topic", &predict_handler, 0);
#endif
        question_free(question);
        return r;
}
