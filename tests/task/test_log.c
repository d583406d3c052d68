/* Lines of the log tell which task wrote them. */
#include "virtual.h"

#include <aeon/log.h>
#include <stdio.h>

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
