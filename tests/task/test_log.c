/* Lines of the log tell which task wrote them. */
#include "virtual.h"

#include <aeon/log.h>
#include <aeon/task.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int write_line(void *arg)
{
        aeon_log_info("%s", (const char *)arg);
        return 0;
}

static int spawn_writer(void *arg)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "the \"writer\"", write_line, arg);
        return aeon_group_close(g);
}

PLAIN_TEST(a_line_in_text_names_its_task)
{
        test_stderr_begin();
        CHECK_INT(aeon__virtual_run(spawn_writer, "hello"), 0);
        CHECK_CONTAINS(test_stderr(), " info  [the \"writer\" #2] hello\n");
        write_line("from no task");
        CHECK_CONTAINS(test_stderr(), " info  from no task\n");
        test_stderr_end();
}

PLAIN_TEST(a_line_in_json_names_its_task)
{
        test_stderr_begin();
        aeon_log_set_format(AEON_LOG_JSON);
        CHECK_INT(aeon__virtual_run(spawn_writer, "a \"b\"\n"), 0);
        CHECK_CONTAINS(test_stderr(),
                       ",\"level\":\"info\",\"task\":\"the \\\"writer\\\"\",\"id\":2,\"message\":\"a \\\"b\\\"\\n\"}\n");
        write_line("from no task");
        CHECK_CONTAINS(test_stderr(), ",\"task\":\"\",\"id\":0,\"message\":\"from no task\"}\n");
        test_stderr_end();
}

static int child(void *arg)
{
        (void)arg;
        aeon_log_with("step", "two words");
        aeon_log_info("in the child");
        return 0;
}

TEST(fields_of_a_task_are_in_its_lines_and_those_of_its_children)
{
        char order[] = "41";
        CHECK_INT(aeon_log_with("order", order), 0);
        order[0] = 'x'; /* it was copied */
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        test_stderr_begin();
        aeon_spawn(g, "child", child, NULL);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_CONTAINS(test_stderr(), "in the child order=41 step=\"two words\"\n");
        aeon_log_info("in the parent");
        CHECK_CONTAINS(test_stderr(), "in the parent order=41\n");
        aeon_log_with("order", "42");
        aeon_log_info("changed");
        CHECK_CONTAINS(test_stderr(), "changed order=42\n");
        aeon_log_with("order", NULL);
        aeon_log_info("removed");
        CHECK_CONTAINS(test_stderr(), "removed\n");
        test_stderr_end();
}

TEST(a_log_field_needs_a_name_of_its_own_and_has_a_limit)
{
        static char large[4096];
        memset(large, 'x', sizeof large - 1);
        CHECK_INT(aeon_log_with("task", "mine"), -EINVAL);
        CHECK_INT(aeon_log_with("a b", "x"), -EINVAL);
        CHECK_INT(aeon_log_with("large", large), -E2BIG);
}

PLAIN_TEST(a_log_field_needs_a_task)
{
        CHECK_INT(aeon_log_with("order", "41"), -EINVAL);
}
