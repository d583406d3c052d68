/* Our side of the interop tests: aeon run service.c --url URL --name 'NAME?OPTIONS' */
#include <aeon.h>
#include <stdio.h>
#include <string.h>

#define QUESTION(F) F(f64, x)
AEON_RECORD(question, QUESTION);
#define ANSWER(F) F(f64, result)
AEON_RECORD(answer, ANSWER);

static int predict(const struct question *in, struct answer *out)
{
        out->result = in->x * 42;
        return 0;
}
AEON_HANDLER(predict, question, answer);

/* What came, for the test to read. */
static int note(aeon_message *m)
{
        const char *tenant = aeon_message_header(m, "tenant");
        printf("{\"body\": %s, \"tenant\": \"%s\"}\n", (const char *)aeon_message_body(m), tenant ? tenant : "");
        fflush(stdout);
        return 0;
}
AEON_RAW_HANDLER(note);

AEON_APP(app)
{
        const char *name = aeon_app_arg(app, "name", "peer");
        const char *options = strchr(name, '?');
        char notes[200];
        snprintf(notes, sizeof notes, "%.*s-notes%s", (int)strcspn(name, "?"), name, options ? options : "");
        aeon_use_broker(app, aeon_app_arg(app, "url", NULL));
        aeon_subscribe(app, name, &predict_handler, NULL);
        aeon_subscribe(app, notes, &note_handler, NULL);
}
