/* aeon.h - the whole surface. Each header below is the manual of its part. */
#ifndef AEON_H
#define AEON_H

#include <aeon/app.h>
#include <aeon/attributes.h>
#include <aeon/background.h>
#include <aeon/body.h>
#include <aeon/broker.h>
#include <aeon/bytes.h>
#include <aeon/channel.h>
#include <aeon/db.h>
#include <aeon/debug.h>
#include <aeon/dependency.h>
#include <aeon/error.h>
#include <aeon/health.h>
#include <aeon/http.h>
#include <aeon/http_client.h>
#include <aeon/http_cookie.h>
#include <aeon/http_events.h>
#include <aeon/http_file.h>
#include <aeon/http_form.h>
#include <aeon/log.h>
#include <aeon/loop.h>
#include <aeon/message.h>
#include <aeon/metrics.h>
#include <aeon/periodic.h>
#include <aeon/record.h>
#include <aeon/redis.h>
#include <aeon/scope.h>
#include <aeon/settings.h>
#include <aeon/signal.h>
#include <aeon/stream.h>
#include <aeon/sync.h>
#include <aeon/task.h>
#include <aeon/thread.h>
#include <aeon/time.h>
#include <aeon/tls.h>
#include <aeon/trace.h>
#include <aeon/var.h>
#include <aeon/watch.h>
#include <aeon/websocket.h>

#endif
