#!/usr/bin/env python3
"""What providers complain of: filters by any name, flukes, waits of nothing, calls that never fit, and a lane that can only fail."""
import collections
import http.server
import json
import re
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness

TRIALS = 252
BEFORE_PAUSE = 50


class Complaining(http.server.BaseHTTPRequestHandler):
    """Answers as the simulator does, but where the test's `complain(number, body)` gives (status, headers, text)."""
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.seen.append(body)
            number = len(self.server.seen)
        said = self.server.complain(number, body)
        if said is None:
            with urllib.request.urlopen(urllib.request.Request(self.server.behind + self.path, body, {"Content-Type": "application/json"})) as r:
                said = r.status, {}, r.read().decode()
        status, headers, text = said
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(text.encode())), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


def error(**what):
    return json.dumps({"error": what})


@harness.short
class Complaints(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.study = self.box.copy("small")
        sim = self.box.simulator("--truth", self.study.parent / "truth.yaml", "--latency-ms", 1)
        self.server = harness.HttpServer(("127.0.0.1", 0), Complaining)
        self.server.daemon_threads, self.server.lock, self.server.seen = True, threading.Lock(), []
        self.server.behind, self.server.complain = sim.url, lambda number, body: None
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.shutdown)
        path = self.study.parent / "providers.yaml"
        url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        text, n = re.subn(r"simulated: \{.*\}", f"simulated: {{protocol: openai-chat, base_url: {url}}}", path.read_text())
        self.assertEqual(n, 1)
        path.write_text(text)

    def run_study(self, complain):
        self.server.complain = complain
        done = self.box.clinsafe("run", self.study, "--workers", 1, "--slots", 8, "--json")
        return done, json.loads(done.out)

    def some(self, said):
        """Complains of every tenth prompt, always of the same ones."""
        prompts = {}
        return lambda number, body: said if prompts.setdefault(body, len(prompts)) % 10 == 9 else None

    def test_a_filter_is_an_answer_whatever_it_is_called(self):
        done, summary = self.run_study(self.some((403, {}, json.dumps({"code": "denied", "error": "Content violates usage guidelines."}))))
        self.assertExit(done)
        self.assertEqual(summary["done"], TRIALS)

    def test_a_page_that_blocks_a_prompt_fails_it_alone(self):
        done, summary = self.run_study(self.some((403, {"Content-Type": "text/html"}, "<html>Request blocked by policy</html>")))
        self.assertExit(done, 2)
        self.assertEqual(summary["done"] + summary["failed"], TRIALS)
        self.assertIn(summary["failed"], range(1, TRIALS // 5))

    def test_one_refused_key_among_answers_is_a_fluke(self):
        done, summary = self.run_study(lambda number, body: (401, {}, error(message="x")) if number == 60 else None)
        self.assertExit(done)
        self.assertEqual(summary["done"], TRIALS)

    def test_a_call_that_never_fits_keeps_no_other_waiting(self):
        text = error(message="Request too large (TPM): Limit 6000, Requested 6294.", code="rate_limit_exceeded")
        done, summary = self.run_study(self.some((429, {}, text)))
        self.assertExit(done, 2)
        self.assertEqual(summary["done"] + summary["failed"], TRIALS)
        self.assertEqual(len(self.server.seen), TRIALS)

    def test_a_wait_of_nothing_is_no_invitation(self):
        done, summary = self.run_study(lambda number, body: (429, {"Retry-After": "0"}, error(message="x")) if number <= 20 else None)
        self.assertExit(done)
        self.assertEqual(summary["done"], TRIALS)

    def test_a_quota_of_the_day_stops_with_its_time_and_its_limit(self):
        text = error(message="Rate limit reached on tokens per day (TPD): Limit 500000, Used 500000, Requested 252. Please try again in 7h45m2.5s.")
        done, summary = self.run_study(lambda number, body: (429, {}, text) if number > 30 else None)
        self.assertExit(done, 2)
        self.assertEqual(summary["failed"], 0)
        self.assertRegex(done.err, r"500000 tokens a day.* in 7 h 45 min")

    def test_a_lane_that_can_only_fail_pauses_and_resumes(self):
        say = "Unsupported value: \x1b[31mtemperature, key sk-abcdefghijklmnop123456"
        self.server.complain = lambda number, body: (400, {}, error(message=say, code="unsupported_value"))
        run = self.box.start("clinsafe", "run", self.study, "--workers", 1, "--slots", 64)
        resume = harness.wait_for(lambda: re.search(r"^  (\S+ resume .*) lets it go on all the same\.$", run.printed(), re.M), 60,
                                  "the pause, and the line behind it", run)
        self.assertIn("ended alike", run.printed())
        self.assertLessEqual(len(set(self.server.seen)), BEFORE_PAUSE * 3)
        self.assertIn("temperature", run.printed())
        self.assertNotIn("\x1b[31m", run.printed())
        self.assertNotIn("abcdefghijklmnop", run.printed())
        asked = len(self.server.seen)
        subprocess.run(resume.group(1), shell=True, check=True, cwd="/", stdout=subprocess.DEVNULL)  # as a person would paste it, anywhere
        harness.wait_for(lambda: len(self.server.seen) > asked + BEFORE_PAUSE, 60, "calls after the resume", run)
        run.stop()

    def test_a_model_that_never_comes_to_its_answer_is_paid_fifty_times(self):
        reply = json.dumps({"model": "m-1", "choices": [{"message": {"content": "First I weigh"}, "finish_reason": "length"}],
                            "usage": {"prompt_tokens": 9, "completion_tokens": 200}})
        self.server.complain = lambda number, body: (200, {}, reply)
        run = self.box.start("clinsafe", "run", self.study, "--workers", 1, "--slots", 64)
        harness.wait_for(lambda: "ended alike (truncated)" in run.printed(), 60, "the pause", run)
        asked = collections.Counter(json.loads(body)["model"] for body in self.server.seen)
        self.assertLessEqual(max(asked.values()), BEFORE_PAUSE, asked)
        self.assertIn("First I weigh", run.printed())
        run.stop()
        self.assertIn("truncated: a larger max_output_tokens", self.box.clinsafe("providers", "check", self.study).out)

    def test_check_reads_the_reply_as_a_run_would(self):
        reply = json.dumps({"model": "m-1", "choices": [{"message": {"content": "<think>x</think>{}"}, "finish_reason": "stop"}]})
        self.server.complain = lambda number, body: (200, {}, reply)
        done = self.box.clinsafe("providers", "check", self.study)
        self.assertExit(done, 2)
        self.assertIn("unparsable", done.out)


if __name__ == "__main__":
    sys.exit(harness.main())
