/* The header compiles alone and pedantically, in every C that a user may have, and in C++. */
#include "harness.h"

#include <stdio.h>

static const char source[] =
        "#include <aeon/record.h>\n"
        "#include <aeon/settings.h>\n"
        "#define JOB(F) F(i64, id, .def = \"1\", .doc = \"number\", .min = 0) F(duration, takes) F(secret, token)\n"
        "AEON_RECORD(job, JOB);\n"
        "#define STATE(V) V(STATE_IDLE, \"idle\") V(STATE_BUSY, \"busy\")\n"
        "AEON_ENUMERATION(state, STATE);\n"
        "#define ALL(F) F(bytes, a) F(u64, b) F(size, c, .def = \"1KiB\") F(timestamp, d) F(json, e) F(enumeration(state), f) \\\n"
        "        F(record(job), g) F(optional(str), h, .pattern = \"^a\") F(optional(i64), i) F(optional(record(job)), j) \\\n"
        "        F(list(str), k, .max_len = 3) F(list(record(all)), l) F(list(list(list(list(i64)))), m) \\\n"
        "        F(map(optional(enumeration(state))), n) F(optional(map(list(bytes))), o) \\\n"
        "        F(map(json), rest, .unknown = AEON_UNKNOWN_KEEP)\n"
        "AEON_RECORD(all, ALL, .doc = \"all\", .unknown = AEON_UNKNOWN_REJECT);\n"
        "#define ONE(F) F(f64, x)\n"
        "AEON_RECORD(one, ONE);\n";

static void check_compiles(const char *compiler, const char *standard, const char *file)
{
        const char *output;
        char include[512];
        snprintf(include, sizeof include, "-I%s/include", test_source_folder());
        if (RUN(NULL, compiler, "--version") == 127)
                return; /* not on this machine */
        if (!CHECK_INT(
                    RUN(&output, compiler, standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", include, file),
                    0))
                fprintf(stderr, "    %s %s:\n%s\n", compiler, standard, output);
}

PLAIN_TEST(a_record_is_clean_in_c11_c17_and_cpp20)
{
        test_write_file(test_path("job.c"), source);
        test_write_file(test_path("job.cc"), source);
        static const char *const c[] = { "gcc", "clang" }, *const cpp[] = { "g++", "clang++" };
        static const char *const standards[] = { "-std=c11", "-std=c17", "-std=gnu11", "-std=gnu17" };
        for (size_t i = 0; i < 2; i++) {
                for (size_t k = 0; k < 4; k++)
                        check_compiles(c[i], standards[k], test_path("job.c"));
                check_compiles(cpp[i], "-std=c++20", test_path("job.cc"));
        }
}
