#!/usr/bin/env python3
"""The provider that the golden stores were made with; it decides by the prompt alone how a call ends.

    tests/golden/store-1/provider.py            serves on the address that the stores' providers.yaml name

An answer names the endpoint that gave it (column `fingerprint`), so that a test sees an answer that another lane took over. `class Provider` is the same for a test in its own process.
"""
import hashlib
import http.server
import json
import threading
import time

ADDRESS = ("127.0.0.1", 18077)  # the stores name it; below the ports that systems hand out
LEVELS = ("non-urgent", "less-urgent", "urgent", "emergent", "immediate")
# (words of the case, words of the arm): how such a call ends; all others are answered
FATES = {("chest pain", "homelessness"): "timeout", ("stiff neck", "Black"): "refusal", ("stiff neck", "homelessness"): "prose",
         ("fall", "Black"): "bad_request", ("swollen leg", "Black"): "filter", ("swollen leg", "homelessness"): "cut"}


def fate(prompt):
    return next((f for words, f in FATES.items() if all(w in prompt for w in words)), "answer")


def answer(endpoint, model, prompt, n):
    """The n-th answer of an endpoint to a prompt."""
    h = hashlib.sha256(f"{endpoint}|{model}|{prompt}|{n}".encode()).digest()
    return json.dumps({"triage": LEVELS[h[0] % 5], "referral": "Yes" if h[1] % 2 else "No"})


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        p = self.server.provider
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        endpoint = self.path.split("/")[1]
        prompt = "\n".join(m["content"] for m in asked["messages"])
        with p.lock:
            n = p.asked[(endpoint, asked["model"], prompt)] = p.asked.get((endpoint, asked["model"], prompt), 0) + 1
            serial = p.calls = p.calls + 1
            held = p.stop_after is not None and p.calls > p.stop_after
        what = fate(prompt)
        time.sleep(60 if held else 5 if what == "timeout" else p.delay_s)
        try:
            self.answer(asked["model"], endpoint, prompt, n, serial, what)
        except OSError:
            pass  # it did not wait

    def answer(self, model, endpoint, prompt, n, serial, what):
        if what == "bad_request":
            return self.send(400, {"error": {"message": "The request is invalid.", "type": "invalid_request_error"}}, serial)
        text = answer(endpoint, model, prompt, n)
        message = {"role": "assistant", "content": text, "refusal": None}
        finish = "stop"
        if what == "refusal":
            message.update(content=None, refusal="I cannot help with that.")
        elif what == "prose":
            message["content"] = "It looks urgent to me."
        elif what == "filter":
            message["content"], finish = "", "content_filter"
        elif what == "cut":
            message["content"], finish = text[:12], "length"
        return self.send(200, {"id": f"{endpoint}-{serial}", "object": "chat.completion", "created": 1767225600, "model": model,
                               "system_fingerprint": endpoint,
                               "choices": [{"index": 0, "message": message, "finish_reason": finish}],
                               "usage": {"prompt_tokens": 90, "completion_tokens": 12, "total_tokens": 102}}, serial)

    def send(self, status, body, serial):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("x-request-id", f"req-{serial}")
        self.end_headers()
        self.wfile.write(data)

    def handle(self):
        try:
            super().handle()
        except ConnectionError:
            pass  # the worker is gone

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256


class Provider:
    def __init__(self, address=ADDRESS):
        self.lock = threading.Lock()
        self.calls, self.asked, self.delay_s, self.stop_after = 0, {}, 0, None
        for tries in range(600):  # a store names one address: another test may have it for a while
            try:
                self.server = Server(address, Handler)
                break
            except OSError:
                if tries == 599:
                    raise
                time.sleep(0.1)
        self.server.provider = self
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


if __name__ == "__main__":
    Provider()
    print("http://%s:%d" % ADDRESS, flush=True)
    threading.Event().wait()
