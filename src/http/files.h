/* Files as replies, between the files of this room. */
#pragma once

#include <aeon/http_file.h>
#include <stdbool.h>

/* The folder of a route, with its options. */
struct file_folder {
        int fd;
        char *content_type, *cache_control; /* NULL: none */
};

/* Open @path. Errors: those of open(2), -ENOMEM. */
int aeon__file_folder_open(const char *path, const aeon_file_opts *opts, struct file_folder **ret_folder);
void aeon__file_folder_close(struct file_folder *folder);

/* The handler of aeon_route_files(). */
int aeon__file_folder_answer(aeon_request *req);

/* "text/css; charset=utf-8" for "a/b.css". */
const char *aeon__file_type(const char *path);

extern bool aeon__files_walk; /* for tests: as if there was no openat2(2) */
