/* The files of a new project: those of src/cli/new/, put into the program by its embed.py. */
#pragma once

/* In text and path each @NAME@ stands for the project's name; new.c lists the others. */
struct template
{
        const char *path; /* inside the project */
        const char *text;
        int mode;
};

extern const struct template project_templates[]; /* up to one whose path is NULL */
