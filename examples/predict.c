/* A model that is loaded at start answers questions from a queue.
 *
 *     $ aeon run predict.c                                       # or --broker URL; Ctrl-C stops it
 *     $ aeon publish sqlite:./q.db test '{"x": 2}' --rpc         # in another terminal
 *     {"result":84.0}
 *
 *     $ aeon publish sqlite:./q.db test '{"x": "two"}' --rpc     # refused, with the field named; the service lives on
 */
#include <aeon.h>

#define QUESTION(F) F(f64, x)
AEON_RECORD(question, QUESTION);
#define ANSWER(F) F(f64, result)
AEON_RECORD(answer, ANSWER);

struct model {
        double factor;
};
AEON_APP_VAR(model, struct model);

static int load_model(aeon_app *app)
{
        struct model *m = aeon_app_alloc(app, sizeof *m); /* freed when the app ends */
        if (!m)
                return -ENOMEM;
        m->factor = 42;
        model_set(m);
        return aeon_broker_set_url(aeon_app_broker(app), aeon_app_arg(app, "broker", "sqlite:./q.db"));
}

static int release_model(aeon_app *app)
{
        (void)app;
        model_get()->factor = 0;
        aeon_log_info("model released");
        return 0;
}

static int predict(const struct question *in, struct answer *out)
{
        out->result = in->x * model_get()->factor;
        return 0;
}
AEON_HANDLER(predict, question, answer); /* the compiler checks that the types fit */

AEON_APP(app)
{
        aeon_use_broker(app, NULL); /* load_model gives the URL */
        aeon_on_startup(app, load_model);
        aeon_on_shutdown(app, release_model);
        aeon_subscribe(app, "test", &predict_handler, NULL);
}
