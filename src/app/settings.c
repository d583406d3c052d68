/* Where settings meet the app: its arguments go in, ownership and the exit code come out. */
#include "app/app.h"
#include "app/worker.h"

#include "settings/settings.h"

#include <aeon/settings.h>
#include <stdio.h>

/* What `--explain-settings` asks for: print where each value came from, and go no further. */
static int load_and_explain(aeon_app *app, const aeon_record *record, const aeon_settings_opts *opts, void **ret_value)
{
        struct text table = { 0 };
        int r = aeon__settings_explain(record, &app->arguments, opts, &table, ret_value);
        if (table.data && !table.failed) {
                fputs(table.data, stdout);
                fflush(stdout);
        }
        aeon__text_done(&table);
        if (r >= 0)
                aeon_app_stop(app, 0);
        return r;
}

int aeon_settings_load(aeon_app *app, const aeon_record *record, void **ret_value, const aeon_settings_opts *opts)
{
        const char *env_file = opts && opts->env_file ? opts->env_file : ".env";
        if (*env_file)
                aeon__worker_tell("X_FILE=%s", env_file);
        void *value;
        int r = app->opts.explain_settings ? load_and_explain(app, record, opts, &value)
                                           : aeon__settings_load(record, &app->arguments, opts, &value);
        if (r == -EINVAL)
                app->settings_failed = true;
        if (r < 0)
                return r;
        r = aeon_app_defer(app, aeon_record_free, value);
        if (r < 0) {
                aeon_record_free(value);
                return r;
        }
        *ret_value = value;
        return 0;
}

/* ------------------------------------------------------------------ declared arguments */

int aeon_use_args(aeon_app *app, const aeon_record *record)
{
        int r = record ? 0 : aeon_fail(-EINVAL, "aeon_use_args() needs a record");
        if (r < 0)
                aeon__declare_failed(app, r);
        app->args_record = record;
        return r;
}

const void *aeon_args(aeon_app *app)
{
        return app->args;
}

const aeon_record *aeon__args_record(const aeon_app *app)
{
        return app->args_record;
}

int aeon__args_load(aeon_app *app)
{
        return app->args_record ? aeon__arguments_load(app->args_record, &app->arguments, &app->args) : 0;
}
