/* The dump of tasks: concurrency rule 31. */
#include "virtual.h"

#include <aeon/debug.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The dump as text; borrowed until the next. */
static const char *dump(const aeon_dump_opts *opts)
{
        static char *text;
        free(text);
        text = NULL;
        REQUIRE_INT(aeon_task_dump(opts, &text), 0);
        return text;
}

/* The line of the dump that has @part; borrowed until the next. */
static const char *line_with(const char *part)
{
        static char line[512];
        const char *text = dump(NULL), *at = strstr(text, part);
        line[0] = '\0';
        if (!at)
                return text;
        while (at > text && at[-1] != '\n')
                at--;
        snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
        return line;
}

static int sleep_for(void *arg)
{
        return aeon_sleep(*(aeon_duration *)arg);
}

static int wait_for(void *arg)
{
        return aeon_event_wait(arg);
}

static int open_group_of_one(void *arg)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "grandchild", wait_for, arg);
        return aeon_group_close(g);
}

VIRTUAL_TEST(the_dump_is_a_tree_with_states_and_waits)
{
        aeon_event *e;
        aeon_group *g;
        REQUIRE_INT(aeon_event_new(&e), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "sleeper", sleep_for, &(aeon_duration){ AEON_SECONDS(5) });
        aeon_spawn(g, "parent", open_group_of_one, e);
        REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1800)), 0);
        aeon_spawn(g, "fresh", wait_for, e);

        CHECK_CONTAINS(dump(NULL), "5 tasks: 1 running, 1 ready, 3 waiting\n");
        CHECK_CONTAINS(line_with("main #"), " running ");
        CHECK_CONTAINS(line_with("main #"), " from the loop, age 1.8 s");
        CHECK_CONTAINS(line_with("  sleeper #"), "waiting 1.8 s: sleep, 3.2 s to go");
        CHECK_CONTAINS(line_with("  sleeper #"), "test_dump.c:");
        CHECK_CONTAINS(line_with("  parent #"), "waiting 1.8 s: its group, 1 task left");
        char event[64];
        snprintf(event, sizeof event, "waiting 1.8 s: event %p", (void *)e);
        CHECK_CONTAINS(line_with("    grandchild #"), event);
        CHECK_CONTAINS(line_with("  fresh #"), " ready ");
        const char *text = dump(NULL);
        CHECK(strstr(text, "parent #") < strstr(text, "grandchild #"));
        CHECK(strstr(text, "grandchild #") < strstr(text, "fresh #"));

        aeon_event_set(e);
        CHECK_INT(aeon_group_close(g), 0);
        aeon_event_free(e);
        return 0;
}

VIRTUAL_TEST(a_task_of_several_groups_has_all_their_tasks_below_it)
{
        aeon_event *e;
        aeon_group *outer, *empty, *inner;
        REQUIRE_INT(aeon_event_new(&e), 0);
        REQUIRE_INT(aeon_group_open(&outer), 0);
        aeon_spawn(outer, "of the outer", wait_for, e);
        REQUIRE_INT(aeon_group_open(&empty), 0);
        REQUIRE_INT(aeon_group_open(&inner), 0);
        aeon_spawn(inner, "of the inner", wait_for, e);

        CHECK_CONTAINS(dump(NULL), "3 tasks: 1 running, 2 ready, 0 waiting\n");
        CHECK_CONTAINS(dump(NULL), "\n  of the outer #");
        CHECK_CONTAINS(dump(NULL), "\n  of the inner #");

        aeon_event_set(e);
        CHECK_INT(aeon_group_close(inner), 0);
        CHECK_INT(aeon_group_close(empty), 0);
        CHECK_INT(aeon_group_close(outer), 0);
        aeon_event_free(e);
        return 0;
}

static int wait_behind_a_shield(void *arg)
{
        aeon_scope deadline, shield;
        aeon_scope_open(&deadline, &(aeon_scope_opts){ .timeout = AEON_SECONDS(9) });
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true, .timeout = AEON_SECONDS(4) });
        int r = aeon_event_wait(arg);
        return aeon_scope_close(&deadline, aeon_scope_close(&shield, r));
}

static int wait_until_cancelled(void *arg)
{
        (void)arg;
        aeon_scope shield;
        aeon_scope_open(&shield, NULL);
        aeon_scope_set_shield(&shield, true);
        aeon_sleep(AEON_SECONDS(1));
        aeon_scope_set_shield(&shield, false);
        CHECK_CONTAINS(line_with("cancelled one"), ", cancelled: enough of this");
        CHECK(strstr(line_with("cancelled one"), "deadline") == NULL);
        return aeon_scope_close(&shield, aeon_checkpoint());
}

VIRTUAL_TEST(the_dump_tells_deadline_shields_and_cancellation)
{
        aeon_event *e;
        aeon_group *g;
        REQUIRE_INT(aeon_event_new(&e), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "shielded", wait_behind_a_shield, e);
        aeon_spawn(g, "cancelled one", wait_until_cancelled, NULL);
        REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0); /* both wait by now, in whatever order they ran */
        CHECK_CONTAINS(line_with("shielded #"), ", deadline in 3.9 s, 1 shield");
        aeon_group_cancel(g, "enough of this");
        aeon_event_set(e);
        CHECK_INT(aeon_group_close(g), 0);
        aeon_event_free(e);
        return 0;
}

VIRTUAL_TEST(the_dump_as_json)
{
        aeon_event *e;
        aeon_group *g;
        REQUIRE_INT(aeon_event_new(&e), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "say \"hi\"", wait_for, e);
        REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(250)), 0);
        const char *json = dump(&(aeon_dump_opts){ .json = true });
        char expected[512];
        unsigned long long main_id = aeon_task_id(aeon_task_current());
        snprintf(expected, sizeof expected, "{\"id\":%llu,\"parent\":%llu,\"depth\":1,\"name\":\"say \\\"hi\\\"\",\"site\":\"",
                 main_id + 1, main_id);
        CHECK_CONTAINS(json, "{\"tasks\":2,\"running\":1,\"ready\":0,\"waiting\":1,\"list\":[{\"id\":");
        CHECK_CONTAINS(json, expected);
        snprintf(expected, sizeof expected,
                 "\"state\":\"waiting\",\"wait\":{\"what\":\"event\",\"object\":\"%p\",\"text\":\"event %p\",\"ms\":250},"
                 "\"age_ms\":250,\"deadline_ms\":null,\"shields\":0,\"cancelled\":null}],\"rest\":[]}",
                 (void *)e, (void *)e);
        CHECK_CONTAINS(json, expected);
        aeon_event_set(e);
        CHECK_INT(aeon_group_close(g), 0);
        aeon_event_free(e);
        return 0;
}

static int lock_and_wait(void *arg)
{
        int r = aeon_mutex_lock(arg);
        if (r < 0)
                return r;
        r = aeon_sleep(AEON_SECONDS(1));
        aeon_mutex_unlock(arg);
        return r;
}

VIRTUAL_TEST(who_waits_for_a_mutex_is_told_with_its_owner)
{
        aeon_mutex *m;
        aeon_group *g;
        REQUIRE_INT(aeon_mutex_new(&m), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "owner", lock_and_wait, m);
        REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        aeon_spawn(g, "waiter", lock_and_wait, m);
        REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        char held[96];
        unsigned long long owner = aeon_task_id(aeon_task_current()) + 1;
        snprintf(held, sizeof held, ": mutex that \"owner\" #%llu locked at ", owner);
        CHECK_CONTAINS(line_with("  waiter #"), held);
        CHECK_CONTAINS(line_with("  waiter #"), "test_dump.c:");
        CHECK_INT(aeon_group_close(g), 0);
        aeon_mutex_free(m);
        return 0;
}

VIRTUAL_TEST(past_the_limit_tasks_are_counted_by_site_and_wait)
{
        enum { MANY = 500, FEW = 20 };
        aeon_event *e;
        aeon_group *g;
        REQUIRE_INT(aeon_event_new(&e), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_duration five_seconds = AEON_SECONDS(5);
        for (int i = 0; i < FEW; i++)
                aeon_spawn(g, "sleeper", sleep_for, &five_seconds);
        for (int i = 0; i < MANY; i++)
                aeon_spawn(g, "waiter", wait_for, e);
        REQUIRE_INT(aeon_sleep(AEON_SECONDS(2)), 0);

        const char *text = dump(&(aeon_dump_opts){ .limit = 11 });
        CHECK_CONTAINS(text, "521 tasks: 1 running, 0 ready, 520 waiting\n");
        CHECK_CONTAINS(text, "and 510 more");
        CHECK_CONTAINS(text, "       500  waiting: event, for up to 2.0 s, from ");
        CHECK_CONTAINS(text, "        10  waiting: sleep, for up to 2.0 s, from ");
        CHECK(strstr(text, "500  waiting") < strstr(text, " 10  waiting"));
        CHECK_CONTAINS(dump(&(aeon_dump_opts){ .limit = 11, .json = true }), "],\"rest\":[{\"count\":500,\"site\":\"");
        aeon_event_set(e);
        CHECK_INT(aeon_group_close(g), 0);
        aeon_event_free(e);
        return 0;
}

/* One more level: a group with one task, which does the same. */
static int nest(void *arg)
{
        int *left = arg;
        if (--*left == 0) {
                CHECK_CONTAINS(dump(NULL), "2002 tasks: 1 running, 0 ready, 2001 waiting\n");
                return 0;
        }
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "nested", nest, left);
        return aeon_group_close(g);
}

VIRTUAL_TEST(a_deep_tree_takes_no_stack)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "nested", nest, &(int){ 2001 });
        return aeon_group_close(g);
}

PLAIN_TEST(a_dump_outside_a_loop_is_refused)
{
        char *text = NULL;
        CHECK_INT(aeon_task_dump(NULL, &text), -EINVAL);
        CHECK(text == NULL);
}

VIRTUAL_TEST(the_dump_can_be_written_to_a_descriptor)
{
        const char *path = test_path("dump");
        FILE *f = fopen(path, "w");
        REQUIRE(f != NULL);
        CHECK_INT(aeon_task_dump_to(fileno(f), NULL), 0);
        fclose(f);
        char *written = test_read_file(path);
        CHECK_CONTAINS(written, "1 task: 1 running, 0 ready, 0 waiting\nmain #");
        free(written);
        CHECK_INT(aeon_task_dump_to(-1, NULL), -EBADF);
        return 0;
}
