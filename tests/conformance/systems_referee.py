#!/usr/bin/env python3
"""Judged by systems behind HTTP that others wrote: `protocol: http` against four of them, each of another kind.
tests/conformance/systems_referee.py [--build DIR] [--install]

Plain text: http-echo-server, with tokens of oauth2-mock-server (npm). JSON, and server-sent events: LangServe. Jobs that are polled: Flower's
API over Celery. Ends on `N passed, N failed[, N skipped]`; what cannot be installed is skipped, and says why.
"""
import argparse
import json
import os
import socket
import sys
from pathlib import Path

import packages

HERE = Path(__file__).resolve().parent
START_S = 60
NPM = '{"private": true, "dependencies": {"http-echo-server": "2.1.1", "oauth2-mock-server": "8.2.3"}}'
PIP = ["langserve==0.3.3", "langchain-core==1.8.3", "fastapi==0.165.0", "starlette==1.10.0", "sse-starlette==3.7.0", "uvicorn==0.54.0",
       "celery==5.7.0", "flower==2.2.0", "redis==8.1.0"]
SECRET = "s3cret-5d41402abc4b2a76b9719d911017c592"

parser = argparse.ArgumentParser(description="Systems behind HTTP that others wrote.")
parser.add_argument("--build", default="build", help="where the programs are")
parser.add_argument("--install", action="store_true", help="get them into the cache folder first")
args = parser.parse_args()
os.environ["CLINSAFE_BUILD"] = args.build
sys.path.insert(0, str(HERE.parents[0] / "lib"))
import harness  # noqa: E402  it reads CLINSAFE_BUILD

PASSED, FAILED, SKIPPED = [], [], []
STUDY = """study: systems
cases: {rows: [{case_id: a, text: Chest pain since an hour.}, {case_id: b, text: 'He said "ouch"; 50 % & more.'}]}
factors: [{name: tone, levels: [{id: plain, role: control, text: ""}, {id: urgent, text: Be quick.}]}]
prompt: {user: "{{case.text}} {{tone.text}}"}
questions: [{name: advice, answer: free}]
models: [bot]
parameters: {timeout_s: 30}
"""
LANGSERVE = """
import importlib
import sys

uvicorn, fastapi, runnables, langserve = map(importlib.import_module, ("uvicorn", "fastapi", "langchain_core.runnables", "langserve"))

async def talk(stream):
    async for asked in stream:
        for piece in ("You said: ", asked["question"], " Call."):
            yield piece

def advise(asked):
    return "You said: " + asked["question"] + " Call."

app = fastapi.FastAPI()
langserve.add_routes(app, runnables.RunnableLambda(advise).with_types(input_type=dict, output_type=str), path="/advice")
langserve.add_routes(app, runnables.RunnableGenerator(talk).with_types(input_type=dict, output_type=str), path="/talk")
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
"""
CELERY = """
import importlib
import os
import time

app = importlib.import_module("celery").Celery("wards", broker=os.environ["BROKER"], backend=os.environ["BROKER"])

@app.task(name="wards.advise")
def advise(text):
    time.sleep(0.5)
    return {"answer": "You said: " + text + " Call."}
"""


def report(name, why=None):
    (FAILED if why else PASSED).append(name)
    print(f"  {'FAILED' if why else 'ok':6} {name}" + (f": {why}" if why else ""), flush=True)


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def start(box, command, port=None, env=None):
    process = box.adopt(harness.Process(command, env=env, cwd=box.dir))
    if port is not None:
        harness.wait_for(lambda: listens(port), what=str(command[-1]), timeout=START_S, process=process)
    return process


def ask(box, name, account, expect, env=None):
    """Runs the study against a system; expect(row) is why a row is wrong, or None."""
    folder = box.dir / name.replace(" ", "-")
    folder.mkdir()
    study = folder / "study.yaml"
    study.write_text(STUDY)
    (folder / "providers.yaml").write_text("accounts:\n  bot:\n    protocol: http\n" + "".join(
        f"    {line}\n" for line in account.strip().splitlines()) + "models: {bot: {account: bot, model: bot}}\n")
    run = box.clinsafe("run", study, "--workers", 1, "--slots", 4, "--json", env=env)
    export = box.clinsafe("export", study, "--format", "jsonl")
    rows = harness.rows_jsonl(export.out) if run.code == 0 and export.code == 0 else []
    if len(rows) != 4:
        report(name, f"{run}{harness.logs_of(run)}")
        return
    wrong = next((why for r in rows if (why := expect(r) if (r["outcome"], r["attempts"]) == ("ok", 1) else str(r))), None)
    check = box.clinsafe("providers", "check", folder / "providers.yaml", env=env)
    report(name, wrong or (None if check.code == 0 else str(check)))


def prompts():
    return [f"{text} {tone}" for text in ("Chest pain since an hour.", 'He said "ouch"; 50 % & more.') for tone in ("", "Be quick.")]


def said(row):
    return None if row["text"] in [f"You said: {p} Call." for p in prompts()] else row["text"]


def plain_text(box):
    """The whole reply is the answer: the request as it arrived, token and all but its value."""
    npm = packages.modules("systems", NPM, args.install) / "node_modules"
    port, tokens = harness.free_ports(2)
    start(box, ["node", npm / "http-echo-server/index.js", port], port)
    start(box, ["node", npm / ".bin/oauth2-mock-server", "-a", "127.0.0.1", "-p", tokens], tokens)

    def expect(row):
        head, _, body = row["text"].partition("\r\n\r\n") if "\r\n\r\n" in row["text"] else row["text"].partition("\n\n")
        good = head.startswith("POST /grade?lang=en HTTP/1.1") and "Content-Type: text/plain; charset=utf-8" in head
        masked = "Authorization: Bearer ****" in head and "eyJ" not in head
        return None if good and masked and body in prompts() else row["text"]
    ask(box, "plain text, oauth2", f"""
base_url: http://127.0.0.1:{port}
auth: {{oauth2: {{token_url: "http://127.0.0.1:{tokens}/token", scope: read}}}}
key: {{client_id: {{env: CLIENT_ID}}, client_secret: {{env: CLIENT_SECRET}}}}
request: {{path: /grade, query: {{lang: en}}, type: text, body: "{{{{user}}}}"}}
reply: {{text: ""}}""", expect, {"CLIENT_ID": "ward", "CLIENT_SECRET": SECRET})


def langserve(box):
    python = packages.environment("systems", PIP, get=args.install)
    (box.dir / "serve.py").write_text(LANGSERVE)
    port = harness.free_ports(1)[0]
    start(box, [python, "serve.py", port], port)
    ask(box, "json", f"""
base_url: http://127.0.0.1:{port}
request: {{path: /advice/invoke, body: {{input: {{question: "{{{{user}}}}"}}, config: {{}}, kwargs: {{}}}}}}
reply: {{text: /output, error: /detail, version: /metadata/run_id}}""", lambda row: said(row) if row["model_resolved"] else "no version")
    ask(box, "events", f"""
base_url: http://127.0.0.1:{port}
request: {{path: /talk/stream, body: {{input: {{question: "{{{{user}}}}"}}}}}}
stream: {{text: "", event: data, done: end}}""", said)


def jobs(box):
    """Celery's worker and Flower's API over a Redis of their own, with basic authentication."""
    python = packages.environment("systems", PIP, get=args.install)
    redis = box.dir / "redis.sock"
    start(box, ["redis-server", "--port", "0", "--unixsocket", redis, "--save", "", "--dir", box.dir])
    harness.wait_for(redis.exists, what="redis-server")
    (box.dir / "wards.py").write_text(CELERY)
    env, port = {"BROKER": f"redis+socket://{redis}", "PYTHONPATH": str(box.dir)}, harness.free_ports(1)[0]
    worker = start(box, [python, "-m", "celery", "-A", "wards", "worker", "--pool", "threads", "--concurrency", "4", "-l", "info"], env=env)
    harness.wait_for(lambda: "ready" in worker.printed(), what="celery", timeout=START_S, process=worker)
    start(box, [python, "-m", "celery", "-A", "wards", "flower", "--address=127.0.0.1", f"--port={port}", f"--basic-auth=ward:{SECRET}"], port, env)
    ask(box, "polled jobs, basic", f"""
base_url: http://127.0.0.1:{port}/api
auth: basic
key: {{env: WARD_KEY}}
request: {{path: /task/async-apply/wards.advise, body: {{args: ["{{{{user}}}}"]}}}}
poll: {{path: "/task/result/{{{{job}}}}", id: /task-id, until: {{at: state, is: SUCCESS}}, failed: [FAILURE, REVOKED], every_s: 0.2, at_most_s: 20}}
reply: {{text: /result/answer}}""", said, {"WARD_KEY": f"ward:{SECRET}"})


def main():
    for name, part in (("plain text", plain_text), ("langserve", langserve), ("jobs", jobs)):
        box = harness.Sandbox()
        before = len(FAILED)
        try:
            part(box)
        except packages.Missing as why:
            SKIPPED.append(name)
            print(f"skipped: systems: {name}: {why}", flush=True)
        except Exception as e:  # one that does not start is one failure
            report(name, f"{type(e).__name__}: {e}")
        finally:
            box.close(keep=len(FAILED) > before)
    print(f"{len(PASSED)} passed, {len(FAILED)} failed" + (f", {len(SKIPPED)} skipped" if SKIPPED else ""))
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
