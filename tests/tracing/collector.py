"""A collector, and a web server that is asked something: collector.py FOLDER.

Each OTLP request is kept as FOLDER/spans-N.json, its headers as FOLDER/headers-N.json; the traceparent of each GET is a line of FOLDER/gets.
FOLDER/refuse: while it exists OTLP requests are answered 503. The port is printed.
"""

import http.server
import json
import os
import sys

folder = sys.argv[1]


class Collector(http.server.BaseHTTPRequestHandler):
    count = 0

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        refused = os.path.exists(os.path.join(folder, "refuse"))
        if not refused:
            number = Collector.count = Collector.count + 1
            with open(os.path.join(folder, f"headers-{number}.json"), "w") as f:
                json.dump({"path": self.path, **{name.lower(): value for name, value in self.headers.items()}}, f)
            with open(os.path.join(folder, f"spans-{number}.json"), "wb") as f:
                f.write(body)
        self.answer(503 if refused else 200, b"{}")

    def do_GET(self):
        with open(os.path.join(folder, "gets"), "a") as f:
            f.write(f"{self.headers['traceparent']} {self.headers['tracestate']}\n")
        self.answer(200, b"{}")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
print(server.server_address[1], flush=True)
server.serve_forever()
