/* The documents of an app as a page for people: `aeon docs serve`. */
#pragma once

struct docs_site {
        const char *openapi, *asyncapi; /* both documents, as JSON */
        const char *listen;             /* "127.0.0.1:8001" */
        const char
                *target; /* of what is tried: "http://127.0.0.1:8000"; NULL: as the document says, when that is of this machine */
};

/* Serve it until a signal comes. Returns the exit code. */
int docs_serve(const struct docs_site *site);
