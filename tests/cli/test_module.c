#include "program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char small_app[] = "#include <aeon.h>\n"
                                "#include <stdio.h>\n"
                                "#include \"word.h\"\n"
                                "static int say(aeon_app *app) { puts(WORD); fflush(stdout); return aeon_app_stop(app, 0); }\n"
                                "AEON_APP(app) { aeon_on_startup(app, say); }\n";

static void write_small_app(const char *word)
{
        char header[64];
        snprintf(header, sizeof header, "#define WORD \"%s\"\n", word);
        test_write_file(test_path("serve.c"), small_app);
        test_write_file(test_path("word.h"), header);
        usleep(20000); /* beyond the grain of file times: what is compiled now is younger */
}

/* Run in the test's folder, with a cache of the test's own. */
static int run_here(const char **ret_output, const char *module)
{
        const char *program = aeon_program();
        setenv("XDG_CACHE_HOME", test_path("cache"), 1);
        return RUN(ret_output, program, "run", module, "--admin", "off");
}

PLAIN_TEST(module_that_is_missing_is_named)
{
        const char *output;
        CHECK_INT(RUN_AEON(&output, "run", "nowhere"), 2);
        CHECK_CONTAINS(output, "aeon: there is no nowhere.c or .so\n");
        CHECK_INT(RUN_AEON(&output, "run", "no/such/file.c"), 2);
        CHECK_CONTAINS(output, "aeon: there is no no/such/file.c\n");
        CHECK_INT(RUN_AEON(&output, "run"), 2);
        CHECK_CONTAINS(output, "which module?");
        test_write_file(test_path("serve.c"), "");
        CHECK_INT(RUN_AEON(&output, "run", "sevre"), 2);
        CHECK_CONTAINS(output, "did you mean serve.c?");
}

PLAIN_TEST(module_of_another_kind_is_refused)
{
        const char *output;
        test_write_file(test_path("notes.txt"), "hello");
        test_write_file(test_path("false.so"), "hello");
        CHECK_INT(RUN_AEON(&output, "run", "notes.txt"), 2);
        CHECK_CONTAINS(output, "aeon: notes.txt is no module");
        CHECK_INT(RUN_AEON(&output, "run", "./false.so"), 2);
        CHECK_CONTAINS(output, "aeon: ./false.so cannot be loaded");
}

PLAIN_TEST(module_without_the_app_lists_those_it_has)
{
        const char *output;
        CHECK_INT(RUN_AEON(&output, "run", service("none.c")), 2);
        CHECK_CONTAINS(output, "declares no app");
        CHECK_INT(RUN_AEON(&output, "run", service("several.c")), 2);
        CHECK_CONTAINS(output, "has several apps (");
        char named[512];
        snprintf(named, sizeof named, "%s:mial", service("several.c"));
        CHECK_INT(RUN_AEON(&output, "run", named), 2);
        CHECK_CONTAINS(output, "did you mean mail?");
        CHECK_CONTAINS(output, "web");
        strcpy(strrchr(named, ':'), ":mail");
        CHECK_INT(RUN_AEON(&output, "run", named, "--admin", "off"), 0);
        CHECK_CONTAINS(output, "this is mail");
}

PLAIN_TEST(module_that_does_not_compile_shows_the_compilers_words)
{
        const char *output;
        CHECK_INT(RUN_AEON(&output, "run", service("broken.c")), 2);
        CHECK_CONTAINS(output, "a_hook_that_nobody_wrote");
        CHECK_CONTAINS(output, "error:");
        CHECK_CONTAINS(output, "broken.c did not compile\n");
}

PLAIN_TEST(module_is_compiled_again_only_when_something_changed)
{
        const char *output;
        write_small_app("first");
        CHECK_INT(run_here(&output, "serve"), 0);
        CHECK_CONTAINS(output, "first\n");

        test_write_file(test_path("cc"), "#!/bin/sh\necho compiling\nexec /usr/bin/cc \"$@\"\n");
        chmod(test_path("cc"), 0755);
        char path[4096];
        snprintf(path, sizeof path, "%s:%s", test_folder(), getenv("PATH"));
        setenv("PATH", path, 1);
        CHECK_INT(run_here(&output, "serve:app"), 0);
        CHECK(!strstr(output, "compiling"));

        write_small_app("second"); /* a header counts */
        CHECK_INT(run_here(&output, "./serve.c"), 0);
        CHECK_CONTAINS(output, "compiling\n");
        CHECK_CONTAINS(output, "second\n");
}

PLAIN_TEST(module_compiled_by_two_at_once_is_never_half)
{
        write_small_app("together");
        struct process *runs[4];
        const char *program = aeon_program();
        setenv("XDG_CACHE_HOME", test_path("cache"), 1);
        for (int i = 0; i < 4; i++)
                runs[i] = PROCESS(program, "run", "serve", "--admin", "off");
        for (int i = 0; i < 4; i++) {
                CHECK_INT(process_wait(runs[i], 60), 0);
                CHECK_CONTAINS(process_output(runs[i]), "together\n");
        }
}

PLAIN_TEST(module_is_kept_elsewhere_when_home_cannot_be_written)
{
        write_small_app("homeless");
        const char *output, *program = aeon_program();
        unsetenv("XDG_CACHE_HOME");
        setenv("HOME", "/proc", 1);
        setenv("TMPDIR", test_folder(), 1);
        CHECK_INT(RUN(&output, program, "run", "serve", "--admin", "off"), 0);
        CHECK_CONTAINS(output, "homeless\n");
        char kept[64];
        snprintf(kept, sizeof kept, "aeon-%u", (unsigned)geteuid());
        CHECK_INT(access(test_path("%s", kept), F_OK), 0);
}

PLAIN_TEST(module_cache_that_others_can_write_is_not_trusted)
{
        write_small_app("x");
        const char *output, *program = aeon_program();
        mkdir(test_path("cache"), 0755);
        mkdir(test_path("cache/aeon"), 0777);
        chmod(test_path("cache/aeon"), 0777);
        setenv("XDG_CACHE_HOME", test_path("cache"), 1);
        setenv("TMPDIR", "/proc", 1);
        CHECK_INT(RUN(&output, program, "run", "serve"), 2);
        CHECK_CONTAINS(output, "no folder for compiled modules");
}

PLAIN_TEST(module_made_by_hand_is_taken_as_it_is)
{
        write_small_app("by hand");
        const char *output, *program = aeon_program();
        char command[4096];
        snprintf(command, sizeof command,
                 "PKG_CONFIG_PATH=%s/meson-uninstalled && export PKG_CONFIG_PATH && "
                 "cc -shared -fPIC serve.c -o serve.so $(pkg-config --cflags --libs aeon)",
                 getenv("LD_LIBRARY_PATH"));
        REQUIRE_INT(RUN(&output, "sh", "-c", command), 0);
        CHECK_INT(RUN(&output, program, "run", "./serve.so:app", "--admin", "off"), 0);
        CHECK_CONTAINS(output, "by hand\n");
        setenv("PATH", "/nonexistent", 1); /* serve.so is the younger one: no compiler is needed */
        CHECK_INT(RUN(&output, program, "run", "serve", "--admin", "off"), 0);
        CHECK_CONTAINS(output, "by hand\n");
}
