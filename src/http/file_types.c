/* Content types by the endings of names. Source: IANA media types; WHATWG MIME Sniffing for what browsers want to see. */
#include "http/files.h"

#include <string.h>
#include <strings.h>

static const struct {
        const char *ending, *type;
} types[] = {
        { "aac", "audio/aac" },
        { "avif", "image/avif" },
        { "bin", "application/octet-stream" },
        { "bmp", "image/bmp" },
        { "bz2", "application/x-bzip2" },
        { "css", "text/css; charset=utf-8" },
        { "csv", "text/csv; charset=utf-8" },
        { "epub", "application/epub+zip" },
        { "gif", "image/gif" },
        { "gz", "application/gzip" },
        { "htm", "text/html; charset=utf-8" },
        { "html", "text/html; charset=utf-8" },
        { "ico", "image/vnd.microsoft.icon" },
        { "ics", "text/calendar; charset=utf-8" },
        { "jpeg", "image/jpeg" },
        { "jpg", "image/jpeg" },
        { "js", "text/javascript; charset=utf-8" },
        { "json", "application/json" },
        { "jsonld", "application/ld+json" },
        { "map", "application/json" },
        { "md", "text/markdown; charset=utf-8" },
        { "mjs", "text/javascript; charset=utf-8" },
        { "mp3", "audio/mpeg" },
        { "mp4", "video/mp4" },
        { "mpeg", "video/mpeg" },
        { "oga", "audio/ogg" },
        { "ogg", "audio/ogg" },
        { "ogv", "video/ogg" },
        { "otf", "font/otf" },
        { "pdf", "application/pdf" },
        { "png", "image/png" },
        { "svg", "image/svg+xml" },
        { "tar", "application/x-tar" },
        { "ttf", "font/ttf" },
        { "txt", "text/plain; charset=utf-8" },
        { "wasm", "application/wasm" },
        { "wav", "audio/wav" },
        { "webm", "video/webm" },
        { "webmanifest", "application/manifest+json" },
        { "webp", "image/webp" },
        { "woff", "font/woff" },
        { "woff2", "font/woff2" },
        { "xhtml", "application/xhtml+xml" },
        { "xml", "text/xml; charset=utf-8" },
        { "yaml", "application/yaml" },
        { "yml", "application/yaml" },
        { "zip", "application/zip" },
        { "zst", "application/zstd" },
};

const char *aeon__file_type(const char *path)
{
        const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
        for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
                if (!strcasecmp(dot + 1, types[i].ending))
                        return types[i].type;
        return "application/octet-stream";
}
