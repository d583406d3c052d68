/* How the app is doing, for who looks at it again and again: the admin listener's /snapshot. */
#pragma once

#include "app/app.h"
#include "base/text.h"

/* Write it as one JSON object:
 *
 *       {"loops":[{"loop":0,"lag_ms":0.01,"tasks":7}],
 *        "subscriptions":[{"broker":"broker","destination":"orders","handler":"take","received":43,"processed":40,"failed":3,"invalid":0,
 *                          "retried":0,"dead_letters":3,"released":0,"in_process":0,"lag":17}],
 *        "routes":[{"method":"GET","route":"/orders/{id}","answered":12,"errors":1,"seconds":0.031}],
 *        "background":[{"name":"mailer","loop":0,"state":"running","since_ms":120.5,"restarts":0,"error":""}],
 *        "periodic":[{"name":"refresh","loop":0,"next_ms":812.5,"running":0,"runs":4,"missed":0,"failed":0,"last_ms":1.5,"paused":false,
 *                     "stopped":false,"error":""}]}
 *
 * A route's errors are its answers with a status of 500 and more; seconds is what all of its answers took. next_ms is null when no run
 * is due; lag is null when the broker does not tell how many messages wait there. Nothing is waited for. Any thread. Errors: -ENOMEM */
AEON_API int aeon__snapshot_write(aeon_app *app, struct text *out);
