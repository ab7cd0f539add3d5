"""A provider of a test's own for trials of several calls (openai-chat). It says nothing twice, and its log is the referee: what it was asked, by
whom, when, and what that cost."""
import collections
import dataclasses
import http.server
import json
import threading
import time

import harness


@dataclasses.dataclass
class Call:
    number: int
    body: dict
    key: str
    id: str
    at: float
    used: tuple  # tokens in, tokens out; out once it is answered

    @property
    def messages(self):
        return [m for m in self.body["messages"] if m["role"] != "system"]


class Talker(harness.HttpServer):
    """Calls the first of its tools while it may, else answers: in the form asked for, or with a text. `special` may answer instead: (call) -> choice or None."""

    def __init__(self, seconds):
        self.seconds, self.lock, self.log = seconds, threading.Lock(), []
        self.bytes_a_token, self.output_tokens = 4, 10  # what it counts
        self.special = lambda call: None
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass  # a worker was killed

    def calls(self):
        with self.lock:
            return list(self.log)

    def count(self):
        with self.lock:
            return len(self.log)

    def bill(self, usd_in, usd_out):
        """Of all that was answered; prices are for a million tokens."""
        return sum(c.used[0] * usd_in + c.used[1] * usd_out for c in self.calls()) / 1e6

    def take(self, raw, headers):
        """The call, and what is answered to it. Who reads the log may take its body away at once."""
        body = json.loads(raw)
        with self.lock:
            call = Call(len(self.log), body, headers["Authorization"], headers["X-Client-Request-Id"], time.monotonic(), (0, 0))
            self.log.append(call)
            return call, self.special(call) or self.answer(call)

    def answer(self, call):
        tools = call.body.get("tools")
        if tools and call.body.get("tool_choice") != "none":
            called = {"name": tools[0]["function"]["name"], "arguments": json.dumps({"page": str(call.number)})}
            return {"finish_reason": "tool_calls", "message": {"role": "assistant", "content": None, "tool_calls": [
                {"id": f"call-{call.number}", "type": "function", "function": called}]}}
        text = json.dumps({"urgent": "Yes"}) if "response_format" in call.body else f"Reply {call.number}."
        return {"finish_reason": "stop", "message": {"role": "assistant", "content": text}}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_POST(self):
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        call, choice = self.server.take(raw, self.headers)
        time.sleep(self.server.seconds)
        used = (len(raw) // self.server.bytes_a_token, self.server.output_tokens)
        out = json.dumps({"id": f"r{call.number}", "model": "m", "choices": [{"index": 0, **choice}],
                          "usage": {"prompt_tokens": used[0], "completion_tokens": used[1]}}).encode()
        with self.server.lock:
            call.used = used
        try:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(out)))
            self.end_headers()
            self.wfile.write(out)
        except OSError:
            pass  # its worker was killed


class Histories:
    """What stood in the requests. A conversation is known by its first message: studies give each of theirs another one."""

    def __init__(self):
        self.stood, self.changed = {}, []            # (talk, place) -> what was said there, or told of a tool
        self.asked = collections.defaultdict(list)   # (talk, replies in the request) -> its calls

    def add(self, call):
        said = call.messages
        talk = said[0]["content"]
        for place, m in enumerate(said):
            if m["role"] != "user" and self.stood.setdefault((talk, place), m) != m:
                self.changed.append(f"two replies stood at {place} of {talk}")
        self.asked[talk, sum(m["role"] == "assistant" for m in said)].append(call)

    @classmethod
    def of(cls, calls):
        out = cls()
        for call in calls:
            out.add(call)
        return out
