#!/usr/bin/env python3
"""Replies as odd servers send them, through the whole of it: what a paid reply becomes in the export and the report."""
import gzip
import http.server
import json
import socket
import sys
import threading
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness

KEY = "sk-reading-0f1e2d3c4b5a69788796a5b4c3d2e1f0"
GOOD = '{"level":"urgent","mental":"Yes","sure":80}'
CASES = {"c1": "chest pain", "c2": "a cough", "c3": "a sore wrist", "c4": "a dizzy spell"}
STUDY = """study: odd
title: Odd replies
seed: 3
cases: {file: cases.csv, id: [case_id], cluster: case_id}
factors:
  - name: group
    levels: [{id: control, role: control}, {id: warned, system: "Take care."}]
prompt: {system: "Triage.", user: "{{case.text}} {{question.ask}}"}
questions:
QUESTION
models: [m]
parameters: {max_output_tokens: 200, timeout_s: 10}
analysis: {contrasts: [{factor: group, each: control}]}
"""
FIELDS = """  - name: q
    ask: Answer as JSON.
    answer:
      level: {ordinal: [non-urgent, urgent, emergent]}
      mental: {boolean: ["Yes", "No"]}
      sure: {number: {min: 0, max: 100}}
"""


def chat(content=GOOD, finish="stop", choice=None, **message):
    return {"model": "m-1", "choices": [{"index": 0, "finish_reason": finish, "message": {"content": content, **message}, **(choice or {})}],
            "usage": {"prompt_tokens": 50, "completion_tokens": 12}}


class Provider(harness.HttpServer):
    """Answers with reply(text of the request, how often it came, its headers): a body, or (headers, bytes)."""
    daemon_threads = True

    def __init__(self, reply):
        self.seen, self.lock, self.reply = {}, threading.Lock(), reply
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def setup(self):
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        with self.server.lock:
            self.server.seen[body] = self.server.seen.get(body, 0) + 1
            times = self.server.seen[body]
        reply = self.server.reply(body, times, self.headers)
        status, headers, raw = reply if isinstance(reply, tuple) else (200, {}, json.dumps(reply).encode())
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": len(raw), **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(raw)


class OddStudy(harness.TestCase):
    """A study of four cases in two arms, and a server that answers it oddly."""

    def study(self, reply, question=FIELDS, account=""):
        self.provider = Provider(reply)
        self.addCleanup(self.provider.server_close)
        self.addCleanup(self.provider.shutdown)
        folder = self.box.dir / "odd"
        folder.mkdir(exist_ok=True)
        (folder / "cases.csv").write_text("case_id,text\n" + "".join(f"{k},{v}\n" for k, v in CASES.items()))
        (folder / "providers.yaml").write_text(
            f"accounts:\n  a: {{protocol: openai-chat, base_url: \"{self.provider.url}\", key: {{env: ODD_KEY}}{account}}}\n"
            "models:\n  m: {account: a, model: m-1, price: {input: 1, output: 10}}\n")
        path = folder / "study.yaml"
        path.write_text(STUDY.replace("QUESTION\n", question))
        return path

    def rows(self, path, exit=None):
        done = self.box.clinsafe("run", path, "--workers", 1, "--slots", 8, "--json", env={"ODD_KEY": KEY})
        if exit is not None:
            self.assertExit(done, exit)
        self.done = done
        return harness.rows_jsonl(harness.must(self.box.clinsafe("export", path, "--format", "jsonl", "--all")).out)


@harness.short
class Reading(OddStudy):
    def test_odd_bytes_void_nothing_and_are_asked_once(self):
        good = json.dumps(chat()).encode()
        odd = {
            "chest": (200, {"Content-Encoding": "gzip"}, gzip.compress(good)),
            "cough": (200, {}, b"\xef\xbb\xbf  " + good.replace(b'"usage"', b'"x": [NaN, -Infinity, 1e999, 18446744073709551615], "usage"') + b"\0\0end"),
            "wrist": (200, {}, json.dumps(chat("X", "length")).encode().replace(b"X", b'a\\ud83d b\xf0\x9f c')),
            "dizzy": chat(refusal="", reasoning_content="hm " + GOOD),
        }
        path = self.study(lambda body, times, headers: next(v for k, v in odd.items() if k in body))
        rows = self.rows(path)
        self.assertEqual(set(self.provider.seen.values()), {1})
        self.assertEqual({(r["case_id"], r["outcome"], r["attempts"]) for r in rows},
                         {("c1", "ok", 1), ("c2", "ok", 1), ("c3", "truncated", 1), ("c4", "ok", 1)})
        self.assertEqual({r["text"] for r in rows if r["case_id"] == "c3"}, {"a\ufffd b\ufffd c"})
        self.assertEqual({r["reasoning"] for r in rows if r["case_id"] == "c4"}, {"hm " + GOOD})
        self.assertEqual({r["answer.level"] for r in rows if r["outcome"] == "ok"}, {"urgent"})

    def test_faults_are_asked_again_and_never_an_answer(self):
        bad = {
            "chest": chat(finish="abort"),
            "cough": chat(finish=None),
            "wrist": chat(choice={"error": {"code": "502", "message": "died"}}),
            "dizzy": (206, {}, json.dumps(chat()).encode()),
        }
        path = self.study(lambda body, times, headers: next(v for k, v in bad.items() if k in body) if times == 1 and "Take care" in body else chat())
        rows = self.rows(path, 0)
        self.assertEqual({(r["factor.group"], r["outcome"], r["attempts"]) for r in rows}, {("control", "ok", 1), ("warned", "ok", 2)})

    def test_strict_says_why_and_lenient_salvages(self):
        said = {
            "chest": "<think>\nmaybe {}\n</think>\nHere it is:\n```json\n" + GOOD + "\n```",
            "cough": '{"level":"Urgent","mental":true,"sure":"80"}<|im_end|>',
            "wrist": GOOD + "\n" + GOOD,
            "dizzy": GOOD,
        }
        path = self.study(lambda body, times, headers: chat(next(v for k, v in said.items() if k in body)), account=", reading: lenient")
        path.write_text(path.read_text().replace("analysis: {", "analysis: {primary: {mental: {margin: 5 points}}, "))
        rows = self.rows(path)
        self.assertEqual({(r["case_id"], r["outcome"], r["salvaged"], r.get("unparsable_why")) for r in rows},
                         {("c1", "ok", True, None), ("c2", "ok", True, None), ("c3", "unparsable", False, "several_objects"), ("c4", "ok", False, None)})
        self.assertEqual({(r["answer.level"], r["answer.mental"], r["answer.sure"]) for r in rows if r["outcome"] == "ok"}, {("urgent", "Yes", 80)})
        self.assertEqual({r["text"] for r in rows if r["case_id"] == "c1"}, {said["chest"]})  # as it came
        self.assertEqual(sum(lane["counters"]["salvaged"] for lane in json.loads(self.done.out)["lanes"]), 4)
        report = harness.must(self.box.clinsafe("report", path, "--json")).out
        self.assertIn("4 answers are salvaged", report)
        self.assertIn("2 several_objects", report)
        ways = {(v["answers"], v["refusals"]): v["clusters"] for v in json.loads(report)["variants"]}
        self.assertEqual(ways, {("as they stand", "no"): 4, ("as they stand", "missing"): 3, ("read strictly", "no"): 4,
                                ("read strictly", "missing"): 1})
        sent = set(self.provider.seen)

        strict = FIELDS.replace("    ask:", "    reading: strict\n    ask:")
        path.write_text(STUDY.replace("QUESTION\n", strict))  # the same bodies: nothing is asked anew
        self.rows(path)
        self.assertEqual(set(self.provider.seen), sent)
        self.assertEqual(set(self.provider.seen.values()), {1})

    def test_free_answers_are_prose(self):
        prose = "Go now. {or} <think>later</think> ```x```"
        path = self.study(lambda body, times, headers: chat(" \n" if "dizzy" in body else prose), "  - {name: q, ask: What now?, answer: free}\n")
        rows = self.rows(path)
        self.assertFalse(any("response_format" in body for body in self.provider.seen))
        self.assertEqual({(r["outcome"], r["text"]) for r in rows if r["case_id"] != "c4"}, {("ok", prose)})
        self.assertEqual({(r["outcome"], r["unparsable_why"]) for r in rows if r["case_id"] == "c4"}, {("unparsable", "empty")})

    def test_an_echoed_key_is_kept_nowhere(self):
        def reply(body, times, headers):
            key = headers["authorization"]
            self.assertEqual(key, "Bearer " + KEY)
            if "dizzy" in body:
                return 400, {}, json.dumps({"error": {"message": "Incorrect: " + key, "code": key}}).encode()
            return {**chat("you sent " + key, reasoning="it is " + key[:30], tool_calls=[{"id": key}]), "model": key, "system_fingerprint": key}
        path = self.study(reply, "  - {name: q, ask: What now?, answer: free}\n")
        rows = self.rows(path)
        self.assertEqual({r["text"] for r in rows if r["outcome"] == "ok"}, {"you sent Bearer " + "*" * len(KEY)})
        for file in path.with_suffix(".clinsafe").rglob("*"):
            if file.is_file():
                self.assertNotIn(KEY.encode(), file.read_bytes(), file)
                self.assertNotIn(KEY[:20].encode(), file.read_bytes(), file)

    def test_bad_values_of_the_keys(self):
        for question, account, said in [
                (FIELDS.replace("    ask:", "    reading: loose\n    ask:"), "", "study.yaml:11:14: reading"),
                ("  - {name: q, ask: a, answer: prose}\n", "", "study.yaml:10:31: answer"),
                ("  - {name: q, ask: a, answer: free, reading: lenient}\n", "", "remove reading"),
                (FIELDS, ", reading: [lenient]", "providers.yaml:2:")]:
            with self.subTest(said):
                path = self.study(lambda body, times, headers: chat(), question, account)
                done = self.box.clinsafe("plan", path, env={"ODD_KEY": KEY})
                self.assertExit(done, 65)
                self.assertIn(said, done.err)
                self.assertEqual(len(done.err.strip().splitlines()), 1)


if __name__ == "__main__":
    harness.main()
