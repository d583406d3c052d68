/* examples/concurrency/clean_up.c - clean-up that must finish, though its task is being stopped. */
#include <aeon.h>
#include <stdio.h>

static int say_goodbye(void)
{
        int r = aeon_sleep(AEON_MILLISECONDS(10)); /* a last message over the network */
        printf("goodbye: %s\n", aeon_error_describe(r));
        return r;
}

static int session(void *arg)
{
        (void)arg;
        int r = aeon_sleep(AEON_SECONDS(60)); /* the session; it is cancelled here */
        printf("session: %s\n", aeon_cancel_reason());

        say_goodbye(); /* still cancelled: it fails at once */

        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .shield = true, .timeout = AEON_SECONDS(2), .name = "goodbye" });
        int e = say_goodbye(); /* behind the shield, for two seconds at most */
        return aeon_scope_close(&s, r < 0 ? r : e);
}

static int run(void *arg)
{
        (void)arg;
        aeon_group *g;
        int r = aeon_group_open(&g);
        if (r < 0)
                return r;
        aeon_spawn(g, "session", session, NULL);
        aeon_sleep(AEON_MILLISECONDS(20));
        aeon_group_cancel(g, "the server is closing");
        return aeon_group_close(g); /* cancelled on purpose is no failure: 0 */
}

int main(void)
{
        return aeon_loop_run(run, NULL) < 0;
}
