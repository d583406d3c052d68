/* An app that is nothing but its background and periodic tasks; see beside_app.h. */
#include "beside_app.h"

#include "loop/loop.h"

#include <stdlib.h>
#include <string.h>

int64_t beside_app_wall;

struct whole {
        aeon_app app;
        struct aeon_lifespan life;
        void (*define)(aeon_app *app);
        void (*body)(aeon_app *app);
};

static void nobody_minds(void *arg, struct aeon_task *task, int r)
{
        (void)arg, (void)task, (void)r;
}

void beside_app_stop(aeon_app *app)
{
        aeon__beside_close(&app->lives[0]);
        aeon_group_cancel(app->lives[0].beside, "the app shuts down");
}

static int serve(void *arg)
{
        struct whole *whole = arg;
        aeon_app *app = &whole->app;
        whole->life.app = app;
        app->lives = &whole->life;
        aeon__runner_now()->owner = &whole->life;
        atomic_store(&whole->life.loop, aeon__loop_now());
        REQUIRE_INT(aeon_group_open(&whole->life.beside), 0);
        aeon__group_supervise(whole->life.beside, nobody_minds, NULL);
        CHECK_INT(aeon__beside_start(&whole->life), 0);
        whole->body(app);
        beside_app_stop(app);
        aeon_group_close(whole->life.beside);
        whole->life.beside = NULL;
        return 0;
}

int beside_app_run(void (*define)(aeon_app *app), void (*body)(aeon_app *app))
{
        struct whole whole = { .app.opts = { .name = "app", .loops = 1 }, .define = define, .body = body };
        pthread_mutex_init(&whole.app.lock, NULL);
        pthread_mutex_init(&whole.app.stop.lock, NULL);
        if (define)
                define(&whole.app);
        CHECK_INT(whole.app.declare_error, 0);
        struct world world;
        aeon__world_begin(&world, 1);
        world.now = BESIDE_APP_BEGIN;
        world.wall_begin = beside_app_wall - BESIDE_APP_BEGIN;
        CHECK_INT(aeon_loop_run(serve, &whole), 0);
        aeon__world_end(&world);
        aeon__beside_end(&whole.app);
        aeon__beside_free(&whole.app);
        pthread_mutex_destroy(&whole.app.lock);
        pthread_mutex_destroy(&whole.app.stop.lock);
        free(whole.app.stop.cause);
        free(whole.app.stop.also);
        return whole.app.stop.code;
}

/* The lists live until the test's process ends. */
const aeon_background_info *background_info(aeon_app *app, const char *name)
{
        static aeon_background_info *list;
        free(list);
        list = NULL;
        for (int i = aeon_background_list(app, &list) - 1; i >= 0; i--)
                if (!strcmp(list[i].name, name))
                        return &list[i];
        REQUIRE(!"such a task");
        return NULL;
}

const aeon_periodic_info *periodic_info(aeon_app *app, const char *name)
{
        static aeon_periodic_info *list;
        free(list);
        list = NULL;
        for (int i = aeon_periodic_list(app, &list) - 1; i >= 0; i--)
                if (!strcmp(list[i].name, name))
                        return &list[i];
        REQUIRE(!"such a task");
        return NULL;
}
