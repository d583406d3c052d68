/* Where settings meet the app: its arguments go in, ownership and the exit code come out. */
#include "app/app.h"

#include "settings/settings.h"

#include <aeon/settings.h>

int aeon_settings_load(aeon_app *app, const aeon_record *record, void **ret_value, const aeon_settings_opts *opts)
{
        void *value;
        int r = aeon__settings_load(record, &app->arguments, opts, &value);
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
