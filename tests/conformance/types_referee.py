#!/usr/bin/env python3
"""Judged by the vendors' own Python clients: what our worker sends at each turn of a conversation with images and of a loop with tools, and what it
reads of the replies. tests/conformance/types_referee.py [--build DIR] [--install]

A proxy records two studies of five dialects against the simulator; types_judge.py gives each request and reply to the vendor's client. Of a loop with
tools the vendor's own next request is made too: the reply as its client read it, and what the tools returned. Ends on `N passed, N failed[, N skipped]`.
"""
import argparse
import base64
import collections
import http.server
import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import packages

parser = argparse.ArgumentParser(description="The vendors' own types.")
parser.add_argument("--build", default="build", help="where the programs are")
parser.add_argument("--install", action="store_true", help="get the clients into the cache folder first")
args = parser.parse_args()
HERE = Path(__file__).resolve().parent
os.environ["CLINSAFE_BUILD"] = args.build
sys.path.insert(0, str(HERE.parents[0] / "lib"))
import harness  # noqa: E402  it reads CLINSAFE_BUILD
import pictures  # noqa: E402

PIP = ["openai==3.57.0", "anthropic==2.14.0", "google-genai==3.6.1", "botocore==1.44.8"]
LANES = {"chat": "openai-chat", "responses": "openai-responses", "anthropic": "anthropic-messages", "gemini": "gemini",
         "bedrock": "bedrock-converse"}
STUDY = """study: types
seed: 3
cases: {file: cases.csv, id: [case_id]}
prompt:
  system: "You help."
  turns: [{user: "{{case.text}}"}, {user: "Are you \\"sure\\"? \\u00b5g or \\u20ac 5?"}, {user: "{{question.ask}}"}]
  images: [case.photo, case.scan]
questions: [{name: urgent, ask: "Is it urgent?", answer: {urgent: {boolean: ["Yes", "No"]}}}]
models: [chat, responses, anthropic, gemini, bedrock]
parameters: {max_output_tokens: 100, timeout_s: 20}
"""
KEPT = {"anthropic-messages", "bedrock-converse"}  # their prompts are marked to be kept while calls with the same settings follow
TOOL_LANES = {**LANES, "anthropic-tool": "anthropic-messages", "bedrock-tool": "bedrock-converse"}  # the answer is one more tool
TOOLS = """study: tools
seed: 3
cases: {file: cases.csv, id: [case_id]}
prompt: {system: "You help.", user: "{{case.text}} {{question.ask}}"}
tools:
  max_calls: 3
  require: all
  guide: {describe: "A \\"guideline\\", \\u00b5g.", returns: case.doc}
  lab: {describe: A laboratory., arguments: {test: {nominal: [troponin, crp]}, times: {number: {min: 0, max: 9}}}, returns: "Normal."}
questions: [{name: advice, ask: "How urgent?", answer: {triage: {nominal: [urgent, routine]}}}]
models: [MODELS]
parameters: {max_output_tokens: 200, timeout_s: 20}
"""
TRUTH = """seed: 5
cases: {file: cases.csv, id: case_id, text: text}
models:
  m:
    answers: {triage: {nominal: [urgent, routine], base: [0.5, 0.5]}}
    tools: {calls: 2.2, first: {guide: 0.5, lab: 0.5}, parallel: 0.5, malformed: 0.2, unknown: 0.2, reasons: true}
"""
SCHEMAS = {
    "guide": ["A \"guideline\", \u00b5g.", {"type": "object", "properties": {}, "required": [], "additionalProperties": False}],
    "lab": ["A laboratory.", {"type": "object", "properties": {"test": {"type": "string", "enum": ["troponin", "crp"]},
                                                               "times": {"type": "number", "minimum": 0, "maximum": 9}},
                              "required": ["test", "times"], "additionalProperties": False}],
    "advice": ["Gives the answer.", {"type": "object", "properties": {"triage": {"type": "string", "enum": ["urgent", "routine"]}},
                                     "required": ["triage"], "additionalProperties": False}],
}


# ---- recorded ---------------------------------------------------------------------------------------------------

class Proxy(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, target):
        self.target, self.lock, self.seen = target, threading.Lock(), []
        super().__init__(("127.0.0.1", 0), Forward)
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Forward(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "content-length", "connection")}
        try:
            with urllib.request.urlopen(urllib.request.Request(self.server.target + self.path, data=body, headers=headers)) as reply:
                status, out = reply.status, reply.read()
        except urllib.error.HTTPError as e:
            status, out = e.code, e.read()
        with self.server.lock:
            self.server.seen.append((self.headers["X-Client-Request-Id"], status, body, out))
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(out)))
        self.end_headers()
        self.wfile.write(out)


def run(box, folder, lanes, truth=None):
    """Runs the study in the folder through a recorder; [(row, its conversation, turn, request, reply)] in the order of the turns."""
    (folder / "providers.yaml").write_text("accounts:\n" + "".join(
        f"  {m}: {{provider: simulated, protocol: {p}{', response_format: tool' if m.endswith('-tool') else ''}"
        f"{', prompt_cache: yes' if p in KEPT else ''}}}\n" for m, p in lanes.items()) +
        "models:\n" + "".join(f"  {m}: {{account: {m}, model: m}}\n" for m in lanes))
    proxy = Proxy(box.simulator(*(["--truth", truth] if truth else [])).url)
    harness.must(box.clinsafe("run", folder / "study.yaml", "--workers", 1, "--json", "--simulator", proxy.url))
    rows = {r["digest"]: r for r in harness.rows_jsonl(harness.must(box.clinsafe("export", folder / "study.yaml", "--format", "jsonl")).out)}
    seen = []
    for name, status, request, reply in proxy.seen:
        assert status == 200, reply
        digest, *turn = name.split("-")[:-1]
        row = rows[digest]
        talk = row["conversation"] if isinstance(row["conversation"], list) else json.loads(row["conversation"])
        seen.append((row, talk, int(turn[0][1:]) if turn else 1, base64.b64encode(request).decode(), base64.b64encode(reply).decode()))
    return sorted(seen, key=lambda s: (s[0]["digest"], s[2]))


def record_talks(box):
    folder = box.dir / "talks"
    folder.mkdir()
    files = {"a.png": (pictures.png(30, 20, 1), "image/png"), "b.jpg": (pictures.JPEG, "image/jpeg"), "c.webp": (pictures.WEBP, "image/webp"),
             "large.png": (pictures.png(640, 640, 2), "image/png")}
    for name, (data, _) in files.items():
        (folder / name).write_bytes(data)
    photos = {"1": ["a.png", "b.jpg"], "2": ["large.png", "c.webp"]}
    (folder / "cases.csv").write_text("case_id,text,photo,scan\n" + "".join(
        f"{i},Patient {i} has a mole.,{a},{b}\n" for i, (a, b) in photos.items()))
    (folder / "study.yaml").write_text(STUDY)
    work = []
    for row, talk, turn, request, reply in run(box, folder, LANES):
        texts = [pair for t in talk[:turn] for pair in (("user", t["user"]), ("model", t["reply"]))]
        work.append({"lane": row["model"], "request": request, "reply": reply,
                     "want": {"kept": LANES[row["model"]] in KEPT and turn < len(talk), "texts": texts[:-1], "reply": texts[-1][1],
                              "pictures": [(kind, base64.b64encode(data).decode()) for data, kind in (files[n] for n in photos[row["case_id"]])]}})
    assert len(work) == len(LANES) * len(photos) * 3, len(work)
    return work


def record_loops(box):
    folder, loops = box.dir / "loops", collections.defaultdict(list)
    folder.mkdir()
    (folder / "study.yaml").write_text(TOOLS.replace("MODELS", ", ".join(TOOL_LANES)))
    (folder / "truth.yaml").write_text(TRUTH)
    (folder / "cases.csv").write_text("case_id,text,doc\n" + "".join(f"{i},Patient {i} waits.,Document {i}.\n" for i in range(8)))
    for row, talk, turn, request, reply in run(box, folder, TOOL_LANES, folder / "truth.yaml"):
        said, last = talk[turn - 1], turn == len(talk)
        answers = last and row["model"].endswith("-tool")
        tools = [] if last and row["model"] == "gemini" else ["guide", "lab", *(["advice"] if answers else [])]
        loops[row["digest"]].append({"lane": row["model"], "request": request, "reply": reply,
                                     "want": {"kept": TOOL_LANES[row["model"]] in KEPT and not last, "user": said["user"], "reply": said["reply"], "calls": said.get("calls", []),
                                              "tools": [[n, *SCHEMAS[n]] for n in tools], "answer_tool": "advice" if answers else None}})
    assert len(loops) == len(TOOL_LANES) * 8, len(loops)
    return list(loops.values())


def main():
    try:
        python = packages.environment("types", PIP, get=args.install, what="official clients")
    except packages.Missing as why:
        print(f"skipped: {why}\n0 passed, 0 failed, 1 skipped")
        return 0
    box = harness.Sandbox()
    lines = []
    try:
        work = box.dir / "work.json"
        work.write_text(json.dumps({"lanes": TOOL_LANES, "talks": record_talks(box), "loops": record_loops(box)}))
        done = subprocess.run([python, HERE / "types_judge.py", work], capture_output=True, text=True, timeout=300)
        print(done.stdout + done.stderr[-2000:], end="")
        lines = [line for line in done.stdout.splitlines() if line.startswith(("ok ", "FAILED "))]
    finally:
        box.close(keep=False)
    failed = sum(line.startswith("FAILED") for line in lines) + (len(lines) != len(LANES) + 2 * len(TOOL_LANES))
    print(f"{len(lines) - sum(line.startswith('FAILED') for line in lines)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
