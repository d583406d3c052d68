"""What a collector got: check.py FOLDER RULE [ARGUMENT...]. Fails by an assertion.

Every request must be a protobuf message of OpenTelemetry's in its JSON form, in which only ids are written otherwise than by protobuf: in hex.
"""

import base64
import glob
import json
import sys

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

folder, rule, arguments = sys.argv[1], sys.argv[2], sys.argv[3:]
INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5


def read(path):
    with open(path, encoding="utf-8") as f:
        document = json.load(f)
    for resource in document["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                assert isinstance(span["startTimeUnixNano"], str) and isinstance(span["kind"], int)
                for name, size in ("traceId", 32), ("spanId", 16), ("parentSpanId", 16):
                    if name in span:
                        assert len(span[name]) == size and span[name] == span[name].lower()
                        span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    return json_format.ParseDict(document, ExportTraceServiceRequest())  # an unknown field is an error


requests = [read(path) for path in sorted(glob.glob(folder + "/spans-*.json"))]
resources = [r.resource for request in requests for r in request.resource_spans]
spans = [s for request in requests for r in request.resource_spans for scope in r.scope_spans for s in scope.spans]


def one(name, kind):
    found = [s for s in spans if s.name == name and s.kind == kind]
    assert len(found) == 1, (name, kind, len(found), [s.name for s in spans])
    return found[0]


def value(attributes, key):
    found = [a.value for a in attributes if a.key == key]
    assert len(found) == 1, key
    return getattr(found[0], found[0].WhichOneof("value"))


def tree(trace, caller):
    """The whole way of one order, which the request with this trace and caller began."""
    parents = {
        ("POST /orders/{id}", SERVER): None,
        ("check", INTERNAL): ("POST /orders/{id}", SERVER),
        ("publish orders", PRODUCER): ("POST /orders/{id}", SERVER),
        ("process orders", CONSUMER): ("publish orders", PRODUCER),
        ("request price", CLIENT): ("process orders", CONSUMER),
        ("publish price", PRODUCER): ("request price", CLIENT),
        ("process price", CONSUMER): ("publish price", PRODUCER),
        ("GET", CLIENT): ("process orders", CONSUMER),
    }
    for name, parent in parents.items():
        span = one(*name)
        assert span.trace_id.hex() == trace, name
        assert span.trace_state == "congo=t61", name
        assert span.parent_span_id == (one(*parent).span_id if parent else bytes.fromhex(caller)), name
        assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano, name
        assert not parent or one(*parent).start_time_unix_nano <= span.start_time_unix_nano, name
    assert len({s.span_id for s in spans}) == len(spans)
    server, check = one("POST /orders/{id}", SERVER), one("check", INTERNAL)
    assert value(server.attributes, "http.response.status_code") == 202
    assert value(server.attributes, "http.route") == "/orders/{id}"
    assert value(server.attributes, "url.path") == "/orders/7"
    assert value(check.attributes, "customer.kind") == 'new "one"'
    assert value(check.attributes, "items") == 3
    assert value(one("process orders", CONSUMER).attributes, "messaging.destination.name") == "orders"
    with open(folder + "/gets", encoding="utf-8") as f:
        (line,) = f.read().splitlines()
    assert line == f"00-{trace}-{one('GET', CLIENT).span_id.hex()}-01 congo=t61", line


def failure():
    span = one("GET /fail", SERVER)
    assert span.status.code == 2 and span.status.message.startswith("on purpose"), span.status
    assert len(span.parent_span_id) == 0 and any(span.trace_id)


def sender(service, key, wanted):
    for resource in resources:
        assert value(resource.attributes, "service.name") == service
        assert value(resource.attributes, "deployment.environment") == "test"
    for path in glob.glob(folder + "/headers-*.json"):
        with open(path, encoding="utf-8") as f:
            headers = json.load(f)
        assert headers["path"] == "/v1/traces" and headers["content-type"] == "application/json"
        assert headers[key] == wanted, headers
        assert "traceparent" not in headers
    assert resources


def count(name, number):
    assert len([s for s in spans if s.name == name]) == int(number), [s.name for s in spans]


{"tree": tree, "failure": failure, "sender": sender, "count": count}[rule](*arguments)
