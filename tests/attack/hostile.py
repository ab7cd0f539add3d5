"""A provider that means harm: what it answers is written to the socket byte for byte. And the studies that the attacks by providers run."""
import gzip
import json
import socket
import struct
import sys
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib")]
import harness

KEY = "sk-SECRETMARK-5d41402abc4b2a76b9719d911017c592"
ANSWER = '{"triage":"urgent","mh":"Yes"}'
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n"
ESCAPES = "\x1b[2J\x1b]0;pwned\x07\x1b[31mred \u202e rtl \x9b31m"


def chat(content=ANSWER, finish="stop", **more):
    return {"id": "x", "object": "chat.completion", "model": "m", "usage": USAGE, "system_fingerprint": "fp", "choices": [
        {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, "refusal": None}}]} | more


def reply(value, head="", status="200 OK", length=None):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body) if length is None else length}\r\n{head}\r\n".encode("latin1") + body


def raw(content):
    """An answer whose text is these bytes between its quotes."""
    return json.dumps(chat("@@")).encode().replace(b"@@", content)


def endless(head, part, pause=0):
    def send(call):
        call.put(head)
        while True:
            call.put(part)
            time.sleep(pause)
    return send


def swollen(call):
    """A whole answer behind nearly as many blanks as a reply may have, in two parts."""
    body = b" " * 7_900_000 + json.dumps(chat()).encode()
    call.put(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[:-200])
    time.sleep(2)
    call.put(body[-200:])


def reset(call):
    call.put(reply(chat())[:60])
    call.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    call.connection.close()


def bomb():
    c, zeros = zlib.compressobj(9, zlib.DEFLATED, 31), b"\0" * (1 << 20)
    return b"".join(c.compress(zeros) for _ in range(256)) + c.flush()


def said(call):
    return call.headers["authorization"]


def fault(text, status):
    return lambda call: reply({"error": {"message": text(call), "code": "invalid_api_key"}}, status=status)


# Bytes, or f(call) that returns them or puts them by itself. After `done` nothing more is said on that connection.
REPLIES = {
    "good": reply(chat()),
    "ansi": reply(chat(ESCAPES, model=ESCAPES), "x-request-id: \x1b[31mid\x07\r\n"),
    "error200": reply({"error": {"message": "boom " + ESCAPES, "code": 500}}),
    "html": reply(b"<html><body>hello</body></html>"), "nochoices": reply(chat() | {"choices": []}), "null": reply(chat(None)),
    "nul": reply(raw(b"a\0b")), "utf8": reply(raw(b"a\xff\xfe\xc0\x80")), "surrogate": reply(raw(b"\\ud800 lone")),
    "long": reply(chat("A" * 5_000_000)), "deep": reply(b'{"choices":' + b"[" * 100000 + b"]" * 100000 + b"}"), "deep_text": reply(chat("[" * 100000)),
    "twice_named": reply(b'{"choices":[],' + json.dumps(chat()).encode()[1:]), "infinite": reply(json.dumps(chat()).encode().replace(b'"prompt_tokens": 10', b'"prompt_tokens": 1e999')),
    "negative": reply(chat(usage={"prompt_tokens": -5, "completion_tokens": -9})), "huge": reply(chat(usage={"prompt_tokens": 2**32 - 2, "completion_tokens": 2**32 - 2})),
    "largest": reply(chat(usage={"prompt_tokens": 10**18, "completion_tokens": 10**18})), "page": reply(chat("<script>alert(1)</script>", model="<script>", system_fingerprint="=cmd|' /C calc'!A0")),
    "formula": reply(chat("=cmd|' /C calc'!A0")), "limits": reply(chat(), "x-ratelimit-limit-requests: nan\r\nx-ratelimit-limit-tokens: 1e-300\r\nx-ratelimit-reset-requests: 99999999999h\r\n"),
    "short": reply(chat(), length=20), "minus": reply(chat(), length=-1), "lengths": reply(chat(), "Content-Length: 5\r\n"), "old": json.dumps(chat()).encode(),
    "r999": reply(chat(), status="999 x"), "r000": reply(chat(), status="000 x"), "r204": b"HTTP/1.1 204 No Content\r\n\r\n", "r206": reply(chat(), status="206 Partial"),
    "to_file": reply(b"", "Location: file:///etc/passwd\r\n", "302 Found"), "head": reply(chat(), "X-A: " + "a" * 1_000_000 + "\r\n"),
    "heads": reply(chat(), "".join(f"X-{i}: v\r\n" for i in range(10000))), "nul_head": reply(chat(), "X-A: a\0b\r\n"), "empty": reply(b""), "number": reply(b"5"),
    "trail": reply(json.dumps(chat()).encode() + b"trail"), "bom": reply(b"\xef\xbb\xbf" + json.dumps(chat()).encode()), "finish": reply(chat(finish="x" * 100000)),
    "id": reply(chat(), "x-request-id: " + "i" * 60000 + "\r\n"), "h2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http9": reply(chat()).replace(b"HTTP/1.1", b"HTTP/9.9"),
    "small_gzip": reply(gzip.compress(json.dumps(chat()).encode()), "Content-Encoding: gzip\r\n"), "bomb": reply(bomb(), "Content-Encoding: gzip\r\n"),
    "bad_chunk": CHUNKED + b"FFFFFFFFFFFFFFFFF\r\n" + json.dumps(chat()).encode(), "smuggled": reply(chat()) + reply(chat(ANSWER[:-1] + ',"why":"smuggled"}')),
    "between": b"HTTP/1.1 102 Processing\r\nX: y\r\n\r\n" * 20000 + reply(chat()), "cut": reply(chat())[:-40],
    "close": lambda call: b"", "reset": reset, "swollen": swollen,
    "endless": endless(b'HTTP/1.1 200 OK\r\n\r\n{"a":"', b"A" * 65536), "endless_error": endless(b"HTTP/1.1 500 No\r\n\r\n", b"A" * 65536),
    "large": endless(b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n", b" " * 65536), "continued": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "drip": endless(CHUNKED, b"1\r\n \r\n", .01), "drip_head": endless(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", .05), "silent": endless(b"", b"", 1),
    "echo": fault(lambda call: "Incorrect key: " + said(call), "400 Bad"), "echo401": fault(lambda call: "Incorrect key: " + said(call), "401 No"),
    "echo200": lambda call: reply(chat("your key is " + said(call), model=said(call), system_fingerprint=said(call)), f"x-request-id: {said(call)}\r\n"),
    # What is no number of a probability, or adds up to none.
    "lp_inf": reply(chat() | {"choices": [chat()["choices"][0] | {"logprobs": {"content": [
        {"token": t, "logprob": -1.7e308, "top_logprobs": [{"token": "x", "logprob": -1.7e308}]} for t in (ANSWER[:9], ANSWER[9:])]}}]}),
    "lp_pos": reply(chat() | {"choices": [chat()["choices"][0] | {"logprobs": {"content": [{"token": ANSWER, "logprob": 5.0, "top_logprobs": []}]}}]}),
    "wait_neg": reply({"error": {"message": "slow"}}, "Retry-After: -5\r\n", "429 Too Many"),
    "wait_huge": reply({"error": {"message": "slow"}}, "Retry-After: 99999999999999999999\r\n", "429 Too Many"),
    "wait_date": reply({"error": {"message": "slow"}}, "Retry-After: Fri, 31 Dec 2099 23:59:59 GMT\r\n", "503 No"),
    "wait_garbage": reply({"error": {"message": "try again in 1e308s"}}, "Retry-After: \xff\xfe;;nan\r\nretry-after-ms: inf\r\n", "429 x"),
    # Ten times what was sent, and ten times the cap.
    "lie": lambda call: reply(chat(usage={"prompt_tokens": len(call.body) * 10 // 4, "completion_tokens": 4000})),
    # One reply of ten ends in half a character, as one does that was cut at its cap.
    "emoji": lambda call: reply(raw(ANSWER.replace('"', '\\"').encode() + b"\\ud83d").replace(b'"stop"', b'"length"') if zlib.crc32(call.body) % 10 == 0 else chat()),
}
LAST = {"h2", "old", "cut", "close", "reset", "short", "lengths", "bad_chunk"}  # the connection ends with it
WAITS = [n for n in REPLIES if n.startswith("wait_")]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def put(self, data):
        self.connection.sendall(data)
        if self.server.over.is_set():
            raise ConnectionAbortedError

    def do_POST(self):
        self.body = self.rfile.read(int(self.headers["content-length"]))
        name = self.path.split("/")[1]
        with self.server.lock:
            self.server.calls[name] = self.server.calls.get(name, 0) + 1
        time.sleep(self.server.takes.get(name, 0))
        try:
            what = REPLIES[name]
            what = what(self) if callable(what) else what
            if what is not None:
                self.put(what)
        except OSError:
            self.close_connection = True  # its caller has had enough
        self.close_connection |= name in LAST

    def log_message(self, *args):
        pass


class Provider(harness.HttpServer):
    """calls: how often each name was asked. takes: seconds of a name's reply."""

    def __init__(self, **takes):
        self.calls, self.takes, self.lock, self.over = {}, takes, threading.Lock(), threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.over.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """A caller that has had enough is no error of ours."""


def study(folder, port, names, cases=2, timeout_s=8, more="", price="{input: 1, output: 10}", parameters="", limits=""):
    """A study of cases x 2 trials for each name, a model and an account of its own; returns its file."""
    folder.mkdir(exist_ok=True)
    (folder / "providers.yaml").write_text(
        "accounts:\n" + "".join(f'  {n}: {{protocol: openai-chat, base_url: "http://127.0.0.1:{port}/{n}/v1", key: {{env: HOSTILE_KEY}}{limits}}}\n' for n in names)
        + "models:\n" + "".join(f"  {n}: {{account: {n}, model: m-{n}, price: {price}}}\n" for n in names))
    file = folder / "study.yaml"
    file.write_text(f"""study: hostile
title: Hostile
cases: {{generate: ed, n: {cases}, seed: 1}}
factors:
  - name: group
    levels: [{{id: control, role: control, text: ""}}, {{id: black, text: "The patient is Black."}}]
    insert: {{into: case.text, after_first: ". ", text: text}}
prompt: {{user: "{{{{case.text}}}} PROMPTMARK {{{{question.ask}}}}"}}
questions:
  - name: q
    ask: "Triage?"
    answer: {{triage: {{ordinal: [non-urgent, urgent, emergent]}}, mh: {{boolean: ["Yes", "No"]}}}}
models: [{", ".join(names)}]
parameters: {{max_output_tokens: 400, timeout_s: {timeout_s}{parameters}}}
{more}
""")
    return file
