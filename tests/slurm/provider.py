"""A provider of the test's own, and the referee: an HTTP server that writes a line for every request, and for every answer once it is out.

Nothing of ClinSafe is in it. A request is known by its body (every trial of the tests' study has a body of its own), whoever asks by the key
that it sends: each worker process has one.
"""
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler

import harness

ANSWER = json.dumps({"urgency": "soon", "assessment": "No"})


class Request:
    def __init__(self, body, who):
        self.body, self.who = body, who
        self.began, self.ended, self.whole = time.time(), None, False


class Provider(harness.HttpServer):
    def __init__(self, log):
        super().__init__(("127.0.0.1", 0), Handler)
        self.latency_s = 1.0
        self.lock = threading.Lock()
        self.requests, self.by_body = [], {}
        self.log = open(log, "a", encoding="ascii", buffering=1)
        self.host = f"127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=lambda: self.serve_forever(poll_interval=0.05), daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()
        self.log.close()

    def came(self, body, who):
        request = Request(body, who)
        with self.lock:
            self.requests.append(request)
            self.by_body.setdefault(body, []).append(request)
            self.log.write(f"{request.began:.3f} request {body} {who}\n")
        return request

    def left(self, request, whole):
        with self.lock:
            request.ended, request.whole = time.time(), whole
            self.log.write(f"{request.ended:.3f} {'answer' if whole else 'gone'} {request.body} {request.who}\n")

    def answered(self, who=None):
        with self.lock:
            return sum(r.whole for r in self.requests if who is None or who in r.who)

    def in_flight(self, who):
        with self.lock:
            return sum(r.ended is None for r in self.requests if who in r.who)

    def of(self, who):
        with self.lock:
            return [r for r in self.requests if who in r.who]

    def keys(self):
        with self.lock:
            return {r.who for r in self.requests}

    def repeated(self):
        """(earlier request, its repetition) of every body that was asked more than once."""
        with self.lock:
            return [(a, b) for asked in self.by_body.values() for a, b in zip(asked, asked[1:])]

    def handle_error(self, request, client_address):
        """A caller that was killed is no error of ours."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        who = self.headers.get("Authorization", "").removeprefix("Bearer ")
        request = self.server.came(hashlib.sha256(body).hexdigest()[:16], who)
        whole = False
        try:
            time.sleep(self.server.latency_s)
            reply = json.dumps({"id": "r", "model": json.loads(body)["model"],
                                "choices": [{"message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}],
                                "usage": {"prompt_tokens": 10, "completion_tokens": 5}}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)
            self.wfile.flush()
            whole = True
        finally:
            self.server.left(request, whole)

    def log_message(self, *_):
        pass
