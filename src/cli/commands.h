/* The commands of the `aeon` program: argv[0] is the command's own name, the result an exit code. */
#pragma once

int run_main(int argc, char **argv);
int publish_main(int argc, char **argv);
int consume_main(int argc, char **argv);
int probe_main(int argc, char **argv);
int health_main(int argc, char **argv);
int tasks_main(int argc, char **argv);
int new_main(int argc, char **argv);
int docs_main(int argc, char **argv);
