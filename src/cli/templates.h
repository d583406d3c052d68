/* The files of a new project. */
#pragma once

struct template
{
        const char *path; /* inside the project; as in the text, each @NAME@ stands for the project's name */
        const char *text;
        int mode;
};

extern const struct template project_templates[]; /* up to one whose path is NULL */
