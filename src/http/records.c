/* Bodies and replies that are records. */
#include "http/request.h"

#include <aeon/error.h>
#include <aeon/record.h>
#include <stdlib.h>

struct value {
        struct value *next;
        void *value;
};

void aeon__request_free_values(aeon_request *req)
{
        for (struct value *v = req->values; v; v = v->next)
                aeon_record_free(v->value);
        req->values = NULL;
}

int aeon_record_receive(aeon_request *req, const struct aeon_record *record, void **ret_value)
{
        aeon_bytes body;
        int r = aeon_request_body(req, &body);
        if (r < 0)
                return r;
        struct value *v = aeon__request_alloc(req, sizeof *v);
        if (!v)
                return aeon_fail(-ENOMEM, "%s %s: body", req->method, req->path);
        r = aeon_record_decode(record, body.data, body.size, &v->value);
        if (r == -EBADMSG) {
                req->body_error = r;
                req->body_status = 400;
                req->body_explained = true;
        }
        if (r < 0)
                return r;
        v->next = req->values;
        req->values = v;
        *ret_value = v->value;
        return 0;
}

int aeon_record_reply(aeon_request *req, int status, const struct aeon_record *record, const void *value)
{
        char *json;
        int r = aeon_record_encode(record, value, &json);
        if (r < 0)
                return r;
        r = aeon_reply_json(req, status, json);
        free(json);
        return r;
}
