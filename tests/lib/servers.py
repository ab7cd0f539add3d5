"""Servers of a test's own that speak OpenAI Chat Completions: with a queue behind few slots, that answer only on a word, or never."""
import json
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

ANSWER = {"triage": "urgent", "mental_health_assessment": "No"}


class Server(socketserver.ThreadingMixIn, HTTPServer):
    """slots: served at once, others queue in the order of a lock's; takes: seconds of an answer. The counts are under `lock`."""
    daemon_threads = True
    request_queue_size = 4096

    def __init__(self, slots=1, takes=0.1):
        super().__init__(("127.0.0.1", 0), Handler)
        self.slots, self.takes = threading.BoundedSemaphore(slots), takes
        self.lock = threading.Lock()
        self.calls = self.answered = self.inside = self.peak = 0
        self.at_first_call = lambda: None
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def message(self, body):
        return {"role": "assistant", "content": json.dumps(ANSWER)}

    def named(self, body):
        return body["model"]

    def refuses(self, body):
        """Status and message of an error instead of an answer, or None."""

    def serve(self):
        """Returns when the answer may be sent."""
        with self.slots:
            time.sleep(self.takes)

    def came(self):
        with self.lock:
            self.calls += 1
            self.inside += 1
            self.peak = max(self.peak, self.inside)
            if self.calls == 1:
                self.at_first_call()

    def left(self, answered):
        with self.lock:
            self.inside -= 1
            self.answered += answered

    def close(self):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """A caller that has had enough is no error of ours."""


class Gate(Server):
    """No answer is sent before so many calls are inside together; from then on each comes after `takes` seconds."""

    def __init__(self, together, takes=0.05):
        self.together, self.open = together, threading.Event()
        self.answered_before = None  # what was answered when they were together
        super().__init__(slots=1 << 16, takes=takes)

    def came(self):
        super().came()
        with self.lock:
            if self.inside >= self.together and not self.open.is_set():
                self.answered_before = self.answered
                self.open.set()

    def serve(self):
        self.open.wait()
        super().serve()


class Silent(Server):
    """Takes every call, and answers none; hangs up when it is told to."""

    def __init__(self):
        self.hang_up = threading.Event()
        super().__init__()

    def serve(self):
        self.hang_up.wait()
        raise ConnectionAbortedError


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answered = False
        self.server.came()
        refused = self.server.refuses(body)
        try:
            self.server.serve()
            reply = json.dumps({"error": {"message": refused[1], "type": "error"}}).encode() if refused else json.dumps({
                "id": "r", "object": "chat.completion", "model": self.server.named(body), "usage": {"prompt_tokens": 50, "completion_tokens": 20},
                "choices": [{"index": 0, "finish_reason": "stop", "message": self.server.message(body)}]}).encode()
            answered = not refused
        finally:
            self.server.left(answered)  # before it is sent: the next call can come as soon as it is
        self.send_response(refused[0] if refused else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass
