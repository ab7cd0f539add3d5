#!/usr/bin/env python3
"""Timeouts and unparsable answers are asked again by a declared act, and everything says so.

The provider is a slow server of the test's own: what it is asked, and how often, it counts itself by the bytes of the request.
"""
import collections
import csv
import http.server
import json
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness

CASES, LEVELS = 12, 3
TRIALS = CASES * LEVELS

STUDY = """study: slow
title: A server that is slow at first
seed: 11
cases: {file: cases.csv, id: [case_id], cluster: case_id}
factors:
  - name: group
    file: groups.csv
    level: [id]
    insert: {into: case.text, after_first: ". ", text: sentence}
prompt: {system: "Triage.", user: "{{case.text}}\\n\\n{{question.ask}}"}
questions:
  - name: disposition
    ask: "Answer as JSON."
    answer:
      urgent: {boolean: ["Yes", "No"]}
models: [m]
parameters: {temperature: 0.7, max_output_tokens: 50, timeout_s: 4}
analysis:
  alpha: 0.05
  primary: {urgent: {margin: 5 points}}
  contrasts:
    - {factor: group, each: control}
"""


class Server(http.server.ThreadingHTTPServer):
    """`late(body)` and `odd(body)` say which requests are kept waiting until it is too late, and which get an answer that is none; `held(body)`
    which are held while `gate` is closed. No other answer comes near the time that a call has."""
    daemon_threads, request_queue_size = True, 128

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.lock = collections.Counter(), threading.Lock()
        self.late = self.odd = self.held = lambda body: False
        self.gate = threading.Event()
        self.answer = lambda body: "Yes" if b"problem 1" in body else "No"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, address):
        pass  # whoever waits no longer has hung up


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.asked[body] += 1
        if self.server.late(body):
            time.sleep(6)
        if self.server.held(body):
            self.server.gate.wait()
        text = "I cannot tell." if self.server.odd(body) else json.dumps({"urgent": self.server.answer(body)})
        reply = json.dumps({"id": "x", "model": "slow-1", "choices": [{"index": 0, "finish_reason": "stop", "message": {
            "role": "assistant", "content": text}}], "usage": {"prompt_tokens": 20, "completion_tokens": 5}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)


def level_of(body):
    return "treated" if b"treatment" in body else "sham" if b"sugar" in body else "control"


class Again(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.server = Server()
        self.folder = self.box.dir / "slow"
        self.folder.mkdir()
        self.study = self.folder / "study.yaml"
        self.study.write_text(STUDY)
        (self.folder / "cases.csv").write_text("case_id,text\n" + "".join(
            f'c{i:02},"A patient has problem {i}. It began today."\n' for i in range(CASES)))
        (self.folder / "groups.csv").write_text("id,role,sentence\ncontrol,control,\ntreated,,The patient is under treatment.\n"
                                                "sham,placebo,The patient likes sugar.\n")
        (self.folder / "providers.yaml").write_text(
            f"accounts:\n  local: {{protocol: openai-chat, base_url: 'http://127.0.0.1:{self.server.server_port}', key: {{env: SLOW_KEY}},\n"
            f"          limits: {{concurrent: 64}}}}\n"
            "models:\n  m: {account: local, model: slow-1, price: {input: 1, output: 10}}\n")

    def tearDown(self):
        self.server.shutdown()
        self.server.server_close()
        super().tearDown()

    def run_study(self, *options, code=0):
        done = self.box.clinsafe("run", self.study, "--workers", 1, *options, env={"SLOW_KEY": "k"}, timeout=90)
        self.assertExit(done, code)
        return done

    def rows(self, *options):
        done = self.box.clinsafe("export", self.study, "--format", "jsonl", *options)
        self.assertExit(done)
        return harness.rows_jsonl(done.out)

    def plan(self):
        done = self.box.clinsafe("plan", self.study, "--json")
        self.assertExit(done)
        return done.json()

    def report(self):
        csvs, page = self.box.dir / "csv", self.box.dir / "r.html"
        done = self.box.clinsafe("report", self.study, "--csv", csvs, "--json", "--out", page)
        self.assertExit(done)
        text = self.box.clinsafe("report", self.study)
        self.assertExit(text)
        tables = {p.stem: list(csv.DictReader(p.open(newline=""))) for p in csvs.glob("*.csv")}
        return done.json(), tables, page.read_text(), text.out

    def first_run(self):
        """Nine treated trials time out."""
        self.slow = lambda body: level_of(body) == "treated" and not re.search(rb"problem [012]\.", body)
        self.server.late = self.slow
        return self.run_study(code=2)


@harness.short
class Timeouts(Again):
    def test_asked_again_and_both_answers_are_told(self):
        done = self.first_run()
        self.assertRegex(done.err, r"timeout: `.* --retry-timeouts` asks the timeouts again")
        self.assertEqual(self.plan()["standing"], [{"model": "m", "answers": TRIALS, "timeouts": 9, "unparsable": 0}])
        text = self.box.clinsafe("plan", self.study).out
        self.assertIn("m: 9 timeouts stand (25.0 % of its answers)", text)
        self.assertIn("--retry-timeouts` asks the timeouts again", text)
        before = {r["digest"]: r for r in self.rows()}

        self.server.late = lambda body: False
        done = self.run_study("--retry-timeouts", "--json")
        self.assertIn("m: 9 timeouts asked again", done.err)
        lane = json.loads(done.out)["lanes"][0]
        self.assertEqual((lane["done"], lane["counters"]["superseded"], lane["counters"]["outcome"]["timeout"]), (TRIALS, 9, 0))
        self.assertEqual(collections.Counter(self.server.asked.values()), {1: TRIALS - 9, 2: 9})

        rows = {r["digest"]: r for r in self.rows()}
        self.assertEqual({r["outcome"] for r in rows.values()}, {"ok"})
        asked = {d for d, r in before.items() if r["outcome"] == "timeout"}
        self.assertEqual({d for d, r in rows.items() if r["asked_again"]}, asked)
        both = self.rows("--superseded")
        self.assertEqual(len(both), TRIALS + 9)
        first = {r["digest"]: r for r in both if "superseded_by" in r}
        self.assertEqual(first.keys(), asked)
        for digest, row in first.items():
            self.assertEqual((row["outcome"], row["output_id"]), ("timeout", before[digest]["output_id"]))
            self.assertEqual(row["superseded_by"], rows[digest]["output_id"])
            self.assertEqual(row["state"], "superseded")
        self.assertExit(self.box.clinsafe("verify", self.study))
        self.assertNotIn("standing", {k: v for k, v in self.plan().items() if v and v != [
            {"model": "m", "answers": TRIALS, "timeouts": 0, "unparsable": 0}]})

    def test_once_a_trial_unless_again(self):
        self.first_run()
        self.server.late = lambda body: self.slow(body) and b"problem 5" in body
        done = self.run_study("--retry-timeouts", code=2)
        self.assertIn("m: 9 timeouts asked again", done.err)
        done = self.run_study("--retry-timeouts", code=2)
        self.assertIn("m: nothing asked again; 1 timeout was asked again before and stays (--again asks once more)", done.err)
        self.server.late = lambda body: False
        done = self.run_study("--retry-timeouts", "--again")
        self.assertIn("m: 1 timeout asked again", done.err)
        self.assertEqual(collections.Counter(self.server.asked.values()), {1: TRIALS - 9, 2: 8, 3: 1})
        chain = [r for r in self.rows("--superseded") if r["factor.group"] == "treated" and r["case_id"] == "c05"]
        self.assertEqual([r["outcome"] for r in chain], ["timeout", "timeout", "ok"])
        self.assertEqual([r.get("superseded_by") for r in chain[:2]], [r["output_id"] for r in chain[1:]])
        self.assertExit(self.box.clinsafe("verify", self.study))

    def test_unparsable_by_its_own_option_and_nothing_else_ever(self):
        self.server.odd = lambda body: level_of(body) == "sham" and b"problem 3" in body
        self.run_study(code=2)
        done = self.run_study("--retry-timeouts", code=2)
        self.assertIn("no timeouts stand: nothing is asked again", done.err)
        self.server.odd = lambda body: False
        done = self.run_study("--retry-unparsable")
        self.assertIn("m: 1 unparsable answer asked again", done.err)
        self.assertEqual(collections.Counter(self.server.asked.values()), {1: TRIALS - 1, 2: 1})
        for option in ("--refused", "--truncated", "--content-filtered", "--ok"):
            done = self.box.clinsafe("retry", "--dir", str(self.study).removesuffix(".yaml") + ".clinsafe", option)
            self.assertExit(done, harness.EXIT_USAGE)
            self.assertOneLine(done.err, option, "data and stand", "--timeouts")

    def test_an_edit_carries_timeouts_over_and_says_how_many(self):
        self.first_run()
        self.server.late = lambda body: False
        self.study.write_text(self.study.read_text().replace("title: A server", "title: That server"))
        done = self.run_study(code=2)
        self.assertIn(f"{TRIALS} of these answers were paid for earlier and taken over, of these 9 timeouts carried over.", done.out)
        self.assertEqual(sum(self.server.asked.values()), TRIALS)
        self.run_study("--retry-timeouts")
        self.assertEqual({r["outcome"] for r in self.rows()}, {"ok"})
        self.assertExit(self.box.clinsafe("verify", self.study))


class Reported(Again):

    def test_report_shows_both_and_no_verdict_where_they_differ(self):
        self.first_run()
        before, tables, _, _ = self.report()
        self.assertNotIn("asked_again", before)
        self.assertFalse({"asked_again", "first_answers"} & tables.keys())
        [control] = [c for c in before["contrasts"] if c["level"] == "treated"]
        low, high = control["bounds"]
        self.assertLess(low, control["shift"], "timeouts stand in the bounds")
        self.assertGreater(high, control["shift"])

        self.server.late = lambda body: False
        self.server.answer = lambda body: "Yes" if level_of(body) == "treated" else "No"
        self.run_study("--retry-timeouts")
        after, tables, page, text = self.report()
        arms = {(r["factor"], r["level"]): r for r in after["asked_again"]}
        self.assertEqual([arms["", ""][k] for k in ("asked_again", "first_timeout", "now_ok", "waiting")], [9, 9, 9, 0])
        self.assertEqual([arms["group", k]["asked_again"] for k in ("control", "treated", "sham")], [0, 9, 0])
        self.assertEqual(len(tables["asked_again"]), 4)
        [both] = [r for r in after["first_answers"] if r["level"] == "treated"]
        self.assertEqual(both["verdict_first"], before_verdict(before))
        self.assertAlmostEqual(both["shift_first"], control["shift"])
        self.assertGreater(both["shift_later"], 50)
        self.assertTrue(both["differ"])
        [now] = [c for c in after["contrasts"] if c["level"] == "treated"]
        self.assertEqual(now["verdict"], "none")
        self.assertIn("with the first answers", now["why"])
        self.assertIn("9 trials were asked again by declaration (9 timeouts, 0 unparsable)", text)
        self.assertIn('id="asked-again"', page)
        self.assertEqual(after["models"][0]["attempts"], TRIALS + 9)


def before_verdict(report):
    return next(c["verdict"] for c in report["contrasts"] if c["level"] == "treated")


class Cluster(Again):
    """Over the admin socket, while the fleet works; and what a kill leaves behind."""

    def prepare_many(self, repeats, at_once=256):
        self.study.write_text(STUDY.replace("models: [m]", f"repeats: {repeats}\nmodels: [m, other]"))
        text = (self.folder / "providers.yaml").read_text().replace("limits: {concurrent: 64}", f"limits: {{concurrent: {at_once}}}")
        (self.folder / "providers.yaml").write_text(text + "  other: {account: local, model: slow-2, price: {input: 1, output: 10}}\n")
        self.dir = self.study.with_suffix(".clinsafe")

    def start(self, *options):
        return self.box.start("clinsafe", "run", self.study, "--workers", 1, "--json", *options, env={"SLOW_KEY": "k"})

    def counters(self):
        done = self.box.clinsafe("status", self.study, "--json")
        return {l["model"]: l["counters"] for l in done.json()["lanes"]} if done.code == 0 else {}

    def retry(self, *options):
        return self.box.clinsafe("retry", "--dir", self.dir, *options)

    def test_one_model_of_a_running_fleet(self):
        self.prepare_many(4, at_once=8)
        self.server.late = lambda body: level_of(body) == "treated"
        run = self.start()
        harness.wait_for(lambda: len(c := self.counters()) == 2 and all(l["outcome"]["timeout"] >= 3 for l in c.values()),
                         what="timeouts in both", process=run)
        self.server.late = lambda body: False
        self.assertIn("the study has no model nobody", self.retry("--timeouts", "--model", "nobody").err)
        done = self.retry("--timeouts", "--model", "m")
        self.assertExit(done)
        self.assertRegex(done.out, r"^m: \d+ timeouts asked again\n$")
        done = run.wait()
        self.assertExit(done, 2)
        lanes = {l["model"]: l["counters"] for l in json.loads(done.out)["lanes"]}
        self.assertGreaterEqual(lanes["m"]["superseded"], 3)
        self.assertLess(lanes["m"]["outcome"]["timeout"], 9, "those that flew at that moment")
        self.assertEqual(lanes["other"]["superseded"], 0)
        self.assertGreaterEqual(lanes["other"]["outcome"]["timeout"], 3)
        self.assertExit(self.box.clinsafe("verify", self.study))

    def test_killed_in_the_act(self):
        """Each trial was asked again or was not, whenever it was; the rest is said again."""
        self.prepare_many(16, at_once=256)
        trials = 2 * CASES * LEVELS * 16
        self.server.late = lambda body: level_of(body) == "treated"  # of a lane where all are late, few are asked
        self.run_study(code=2)
        late = sum(r["outcome"] == "timeout" for r in self.rows())
        self.assertGreaterEqual(late, trials // LEVELS)
        log = self.dir / "logs" / "coordinator.log"
        self.server.late = lambda body: False
        self.server.held = lambda body: b"problem 1" in body  # so that no run comes to its end before it is killed
        for round in range(4):
            self.server.gate.clear()
            seen = log.read_text().count("ev=again_begun") if log.exists() else 0
            run = self.start("--retry-timeouts")
            harness.wait_for(lambda: log.exists() and log.read_text().count("ev=again_begun") > seen, what="the act", process=run)
            time.sleep(0.004 * round)
            names = json.loads((self.dir / "run.json").read_text())["processes"]
            for p in names:
                if Path(f"/proc/{p['pid']}/comm").read_text().startswith("clinsafe-coord"):
                    os.kill(p["pid"], signal.SIGKILL)
            run.signal(signal.SIGTERM)
            run.wait(90)
            self.server.gate.set()
            self.assertIn(self.box.clinsafe("verify", self.study).code, (0, 2))
        self.run_study("--retry-timeouts")
        self.assertExit(self.box.clinsafe("verify", self.study))
        rows = self.rows("--superseded")
        self.assertEqual(collections.Counter(r["state"] for r in rows), {"done": trials, "superseded": late})
        self.assertEqual({r["outcome"] for r in rows if r["state"] == "done"}, {"ok"})


if __name__ == "__main__":
    harness.main()
