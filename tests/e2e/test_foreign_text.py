#!/usr/bin/env python3
"""What providers, tables and study files say, on its way to a terminal, a log and a page: it can be read, and does nothing."""
import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib")]
import harness

EVIL = "\x1b[2J\x1b]0;owned\x07\u202egnp.exe\x9b31m\nts=now lvl=error ev=forged"
KEY = "sk-test-5d41402abc4b2a76b9719d911017c592"
# Control characters but for newline and tab, C1, overrides and isolates of direction.
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Provider(BaseHTTPRequestHandler):
    """Model ids say what comes: `fails` an error, anything else an answer from a model of an evil name."""
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        said = f"{EVIL} {self.headers['authorization']}"
        if body["model"] == "fails":
            self.send(400, {"error": {"message": said, "code": "\x1b[1mcode"}})
            return
        self.send(200, {"model": said, "system_fingerprint": said, "usage": {"prompt_tokens": 5, "completion_tokens": 5},
                        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": json.dumps(
                            {"triage": "urgent", "mental_health_assessment": "No"})}}]})

    def send(self, status, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.send_header("x-request-id", "\x1b[31mid")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        pass


@harness.short
class ForeignText(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.server = harness.HttpServer(("127.0.0.1", 0), Provider)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.study = self.box.copy("small")
        (self.study.parent / "providers.yaml").write_text(
            f"accounts:\n  a: {{protocol: openai-chat, base_url: 'http://127.0.0.1:{self.server.server_address[1]}/v1', key: {{env: SMALL_KEY}}}}\n"
            "models:\n  model-a: {account: a, model: fails}\n  model-b: {account: a, model: answers}\n")
        text = self.study.read_text().replace("A small study for tests", '"A small study\\u001b[2J for \\u202etests"')
        self.study.write_text(text.replace("repeats: 3\nmodels", "repeats: 1\nmodels").replace("repeats: {control: 3x}", "repeats: {control: 1x}"))

    def tearDown(self):
        self.server.shutdown()
        self.server.server_close()
        super().tearDown()

    def clean(self, what, text, lines=True):
        found = HIDDEN.search(text)
        self.assertIsNone(found, f"{what}: {text[max(0, found.start() - 100):found.end() + 60]!r}" if found else "")
        self.assertFalse(lines and re.search(r"(?m)^ts=now", text), what)
        self.assertNotIn(KEY, text, what)

    def test_nothing_of_it_reaches_a_screen_a_log_or_a_page(self):
        env = {"SMALL_KEY": KEY}
        commands = {"check": ("providers", "check", self.study), "plan": ("plan", self.study),
                    "run": ("run", self.study, "--workers", 1, "--slots", 8), "verify": ("verify", self.study),
                    "report": ("report", self.study), "page": ("report", self.study, "--out", self.box.dir / "r.html")}
        for name, args in commands.items():
            done = self.box.clinsafe(*args, env=env)
            self.assertIn(done.code, (0, 2), done)
            self.clean(name, done.out + done.err)
            if name == "check":
                self.assertIn("\\u202e", done.out)  # it was said, and can be read
        self.clean("the page", (self.box.dir / "r.html").read_text(), lines=False)  # a line on a page is a blank
        for log in self.study.with_suffix(".clinsafe").rglob("logs/*.log"):
            self.clean(log.name, log.read_text(errors="replace"))

    def test_case_ids_of_a_table_too(self):
        table = self.study.parent / "cases.csv"
        table.write_text(table.read_text().replace("\na-01", "\na-\x1b[2J01", 1))
        self.assertIn("\x1b", table.read_text())
        for args in (("plan", self.study), ("run", self.study, "--cases", "1", "--workers", 1), ("verify", self.study)):
            done = self.box.clinsafe(*args, env={"SMALL_KEY": KEY})
            self.clean(str(args[0]), done.out + done.err)


if __name__ == "__main__":
    harness.main()
