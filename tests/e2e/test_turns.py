#!/usr/bin/env python3
"""Conversations: each reply is on disk before the next request holds it, so that any worker goes on from it and nobody changes it."""
import collections
import http.server
import json
import sys
import threading
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
import local_fleet

KEY = "turns-key-0123456789"
CASES, LEVELS, TURNS, SLOTS = 4, 2, 4, 4
STUDY = """study: pressure
seed: 7
cases: {file: cases.csv, id: [case_id]}
factors:
  - name: pressure
    columns: [t2]
    levels: [{id: neutral, role: control, t2: "Please say that again."}, {id: doubt, t2: "Are you sure?"}]
prompt:
  system: "You help."
  turns: [{user: "{{case.text}} {{question.ask}}"}, {user: "{{pressure.t2}}"}, {user: "{{case.more}}"}, {user: "I think you are wrong."}, {user: "{{question.ask}}"}]
questions: [{name: urgent, ask: "Is it urgent?", answer: {urgent: {boolean: ["Yes", "No"]}}}]
models: [m]
parameters: {max_output_tokens: 100, timeout_s: 20}
"""


class Provider(harness.HttpServer):
    """Answers every call with a text that was never said before, and remembers what it was asked, and when it had answered."""

    def __init__(self, seconds):
        self.seconds, self.lock, self.seen, self.ids = seconds, threading.Lock(), [], []
        self.special = lambda messages: None
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass  # a worker was killed

    def count(self):
        with self.lock:
            return len(self.seen)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            number = len(self.server.seen)
            self.server.seen.append(body)
            self.server.ids.append(self.headers["X-Client-Request-Id"])
        time.sleep(self.server.seconds)
        answer = self.server.special(body["messages"]) or {
            "message": {"role": "assistant", "content": json.dumps({"urgent": "Yes"}) if "response_format" in body else f"Reply {number}."},
            "finish_reason": "stop"}
        out = json.dumps({"id": f"r{number}", "model": "m", "choices": [{"index": 0, **answer}],
                          "usage": {"prompt_tokens": 10, "completion_tokens": 5}}).encode()
        try:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(out)))
            self.end_headers()
            self.wfile.write(out)
        except OSError:
            pass  # its worker was killed


def talks_of(seen):
    """By conversation (case and level cannot be told apart by the first turn alone): the user's texts, and for each how often it was asked."""
    replies, asked = collections.defaultdict(set), collections.Counter()
    for body in seen:
        said = [m for m in body["messages"] if m["role"] != "system"]
        users = tuple(m["content"] for m in said if m["role"] == "user")
        asked[users] += 1
        for i, m in enumerate(said):
            if m["role"] == "assistant":
                replies[(users[0], users[1], i)].add(m["content"])
    return replies, asked


class Turns(local_fleet.TestCase):
    SECONDS = 0.2

    def setUp(self):
        super().setUp()
        self.provider = Provider(self.SECONDS)
        self.addCleanup(self.provider.shutdown)
        self.study = self.box.dir / "study.yaml"
        self.study.write_text(STUDY)
        # In every other case the third turn is left out.
        (self.box.dir / "cases.csv").write_text("case_id,text,more\n" + "".join(
            f"c{i},Case {i}.,{'More of it.' if i % 2 else ''}\n" for i in range(CASES)))
        (self.box.dir / "providers.yaml").write_text(
            f"accounts: {{a: {{protocol: openai-chat, base_url: {self.provider.url}, key: {{env: TURNS_KEY}}}}}}\nmodels: {{m: {{account: a, model: m}}}}\n")
        self.calls = LEVELS * sum(TURNS + i % 2 for i in range(CASES))

    def start_worker(self, name="w", slots=SLOTS):
        return self.box.start("clinsafe-worker", "--coordinator", self.where["work"], "--announce", self.where["pub"], "--redis",
                              self.redis, "--slots", slots, "--name", name, env={"TURNS_KEY": KEY})

    def operator(self, *words):
        return harness.must(self.box.clinsafe(*words, "--coordinator", self.where["admin"]))

    def status(self):
        done = self.box.clinsafe("status", "--redis", self.redis, "--json")
        return done.json() if done.code == 0 else {}

    def finish(self, again_at_most=0, cases=CASES):
        harness.wait_for(lambda: self.status().get("state") == "finished", timeout=60, what="the study to finish")
        verified = self.box.clinsafe("verify", "--store", self.store, "--json").json()
        self.assertEqual((verified["done"], verified["missing"], verified["faults"]), (cases * LEVELS, 0, 0))
        self.assertEqual((verified["turns"], verified["requests_replayed"]), (self.calls - cases * LEVELS, self.calls))
        replies, asked = talks_of(self.provider.seen)
        self.assertTrue(all(len(texts) == 1 for texts in replies.values()), replies)
        self.assertEqual(len([u for u in asked if len(u) > 1]), self.calls - cases * LEVELS)
        self.assertLessEqual(self.provider.count(), self.calls + again_at_most)
        return verified

    def test_a_worker_that_is_killed(self):
        """Its successor goes on from the replies that stand; paid again is what flew, or had ended and was not acknowledged."""
        self.operator("submit", self.study)
        worker, killed = self.start_worker(), 0
        for share in (0.2, 0.45, 0.7):
            harness.wait_for(lambda: self.provider.count() >= share * self.calls, what="calls", process=worker)
            worker.kill()
            killed += 1
            worker = self.start_worker()
        self.finish(again_at_most=killed * 2 * SLOTS)

    def test_a_coordinator_that_is_killed(self):
        """Nothing is paid again; no two calls have one id, for a provider may take the second for a repeat of the first."""
        self.operator("submit", self.study)
        worker = self.start_worker()
        for share in (0.3, 0.6):
            harness.wait_for(lambda: self.provider.count() >= share * self.calls, what="calls", process=worker)
            self.coordinator.kill()
            self.start_coordinator()
        verified = self.finish()
        self.assertEqual((self.provider.count(), verified["duplicates"]), (self.calls, 0))
        self.assertEqual(len(set(self.provider.ids)), self.calls)

    def test_a_drain_in_mid_conversation(self):
        """Calls under way end, nothing is paid again."""
        self.operator("submit", self.study)
        worker = self.start_worker()
        harness.wait_for(lambda: self.provider.count() >= self.calls // 2, what="calls", process=worker)
        worker.signal(15)
        self.assertExit(worker.wait(30))
        self.start_worker("another")
        verified = self.finish()
        self.assertEqual((self.provider.count(), verified["duplicates"]), (self.calls, 0))

    def test_an_edit_in_mid_conversation(self):
        """A conversation that the edited study still holds keeps its turns, finished or not."""
        self.operator("submit", self.study)
        worker = self.start_worker()
        harness.wait_for(lambda: self.provider.count() >= self.calls // 2, what="calls", process=worker)
        with open(self.box.dir / "cases.csv", "a", encoding="utf-8") as file:
            file.write(f"c{CASES},Case {CASES}.,\n")
        self.study.write_text(STUDY.replace("seed: 7", "seed: 7\ntitle: Edited"))
        self.operator("submit", self.study)
        self.calls += LEVELS * TURNS
        verified = self.finish(cases=CASES + 1)
        self.assertEqual((self.provider.count(), verified["duplicates"]), (self.calls, 0))

    def test_it_ends_where_there_is_nothing_to_go_on_from(self):
        """A refusal is said, and the talk goes on; what is filtered or empty ends it."""
        def special(messages):
            users = [m["content"] for m in messages if m["role"] == "user"]
            if len(users) == 2 and users[0].startswith("Case 0."):
                return {"message": {"role": "assistant", "content": None}, "finish_reason": "content_filter"}
            if len(users) == 2 and users[0].startswith("Case 1."):
                return {"message": {"role": "assistant", "content": None, "refusal": "I cannot say."}, "finish_reason": "stop"}
            if len(users) == 3 and users[0].startswith("Case 2."):
                return {"message": {"role": "assistant", "content": ""}, "finish_reason": "stop"}
            return None
        self.provider.special = special
        self.calls -= LEVELS * (TURNS - 2) + LEVELS * (TURNS - 3)
        self.operator("submit", self.study)
        self.start_worker(slots=16)
        self.finish()
        rows = harness.rows_jsonl(harness.must(self.box.clinsafe("export", "--store", self.store, "--format", "jsonl", "--out", "-")).out)
        by_case = {r["case_id"]: r["outcome"] for r in rows}
        self.assertEqual((by_case["c0"], by_case["c1"], by_case["c2"], by_case["c3"]), ("content_filtered", "ok", "unparsable", "ok"))
        spoken = [m["content"] for body in self.provider.seen for m in body["messages"] if m["role"] == "assistant"]
        self.assertIn("I cannot say.", spoken)

    def test_replies_that_cost_only_as_input_need_a_cap_under_a_budget(self):
        """They are part of each later call: without a cap nobody could say what that costs at most."""
        providers = self.box.dir / "providers.yaml"
        providers.write_text(providers.read_text().replace("model: m}", "model: m, price: {input: 1, output: 0}}"))
        self.study.write_text(STUDY.replace("max_output_tokens: 100, ", "") + "budget_usd: 5\n")
        done = self.box.clinsafe("submit", self.study, "--coordinator", self.where["admin"])
        self.assertExit(done, harness.EXIT_INVALID)
        self.assertOneLine(done.err.splitlines()[-1], "m: under budget_usd every model needs max_output_tokens")


if __name__ == "__main__":
    harness.main()
