#!/usr/bin/env python3
"""One model on many servers: four simulators under one account, by a list and by a file that changes while the study runs. Everything is
answered once, whichever of them die, come, or turn out to be another model; the simulators count what they were asked."""
import json
import os
import re
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import harness

MODEL = "model-a: {account: simulated,"


def replace(path, text):
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    os.replace(part, path)


class Servers(harness.TestCase):
    TIME_LIMIT_S = 120

    def prepare_study(self, base_url, repeats=12):
        self.planned = 42 * repeats
        self.study = self.box.copy("small")
        self.providers = self.study.parent / "providers.yaml"
        self.study.write_text(self.study.read_text().replace("repeats: 3\n", f"repeats: {repeats}\n").replace("[model-a, model-b]", "[model-a]"))
        self.set_base_url(base_url)

    def set_base_url(self, base_url):
        lines = [f"accounts:\n  lab: {{protocol: openai-chat, base_url: {base_url}, key: {{env: LAB_KEY}}}}",
                 "models:\n  model-a: {account: lab, model: a-2026-01-01}\n"]
        self.providers.write_text("\n".join(lines))

    def sims(self, n, latency=300, **kw):
        return [self.box.simulator("--truth", self.study.parent / "truth.yaml", "--latency-ms", latency, **kw) for _ in range(n)]

    def begin(self, workers=2, slots=12):
        self.run_ = self.box.start("clinsafe", "run", self.study, "--workers", workers, "--slots", slots, env={"LAB_KEY": "k-1"})
        return self.run_

    def lane(self):
        done = self.box.clinsafe("status", self.study, "--json")
        return json.loads(done.out)["lanes"][0] if done.code == 0 else {}

    def state_of(self, url):
        return next((s["state"] for s in self.lane().get("servers", []) if s["url"].startswith(url)), None)

    def answered(self):
        return self.lane().get("done", 0)

    def rows(self):
        done = self.box.clinsafe("export", self.study, "--format", "jsonl")
        self.assertExit(done)
        return harness.rows_jsonl(done.out)

    def log(self, ev=""):
        lines = [line for p in (self.study.with_suffix(".clinsafe") / "logs").glob("worker-*.log") for line in p.read_text().splitlines(True)]
        return "".join(line for line in lines if f"ev={ev}" in line)

    def judge(self, sims, lost=0):
        """All planned are answered, each by one server; only what was under way when one was killed may be asked twice."""
        rows = self.rows()
        self.assertEqual((len(rows), {r["outcome"] for r in rows} <= {"ok", "refused"}), (self.planned, True))
        stats = [s.stats() for s in sims if s.poll() is None]
        asked = sum(s["answered"] for s in stats)
        if lost == 0:
            self.assertEqual(asked, self.planned)
        self.assertEqual(sum(s["paid_again"] for s in stats), 0)
        return rows

    def test_a_list_one_killed(self):
        self.prepare_study("[http://127.0.0.1:9/v1]", repeats=12)
        sims = self.sims(4)
        self.set_base_url("[" + ", ".join(s.url + "/v1" for s in sims) + "]")
        self.begin()
        harness.wait_for(lambda: self.answered() > 100, 30, "the first answers", self.run_)
        before = [s.stats()["answered"] for s in sims]
        self.assertTrue(all(n > 5 for n in before), before)
        sims[1].kill()
        harness.wait_for(lambda: f"server={sims[1].url}/v1" in self.log("server_away"), 30, "a server that is away", self.run_)
        self.assertExit(self.run_.wait(90))
        rows = self.judge(sims, lost=1)
        by = {s.url + "/v1": sum(r["server"] == s.url + "/v1" for r in rows) for s in sims}
        self.assertEqual(sum(by.values()), len(rows))
        for s in sims:
            if s is not sims[1]:
                self.assertEqual(by[s.url + "/v1"], s.stats()["answered"])

    def test_each_turn_says_which_answered(self):
        self.prepare_study("[http://127.0.0.1:9/v1]", repeats=2)
        sims = self.sims(2, latency=5)
        self.set_base_url("[" + ", ".join(s.url + "/v1" for s in sims) + "]")
        text = self.study.read_text()
        self.study.write_text(re.sub(r'  user: (".*")', r'  turns: [{user: \1}, {user: "Are you sure? {{question.ask}}"}]', text, count=1))
        self.begin()
        self.assertExit(self.run_.wait(60))
        shown = harness.must(self.box.clinsafe("show", self.study, self.rows()[0]["case_id"])).out
        served = re.findall(r"^    \w+ at (\S+), \d+ tokens in", shown, re.M), re.findall(r"^    answered by \S+(?:, fingerprint \S+)? at ([^\s,;]+)", shown, re.M)
        self.assertEqual(set(served[0]) | set(served[1]), {s.url + "/v1" for s in sims})
        self.assertEqual(len(served[0]), len(served[1]), shown)
        self.assertGreater(len(served[0]), 2)

    def test_a_file_one_killed_one_added_one_comes_back(self):
        self.prepare_study("file:servers.txt", repeats=22)
        sims = self.sims(4, latency=1000)  # all is looked at while there is work left
        file = self.study.parent / "servers.txt"
        self.begin()
        harness.wait_for(lambda: "no server is listed" in json.dumps(self.lane()) or "servers_file" in self.log(), 30, "an empty list", self.run_)
        self.assertEqual(self.answered(), 0)
        replace(file, f"# ours\nhost:8000\n{sims[0].url}/v1\n")
        harness.wait_for(lambda: "the list of servers cannot be used: " in json.dumps(self.lane()), 30, "what the lane waits for", self.run_)
        self.assertIn("servers.txt:2:1: this is no address", json.dumps(self.lane()))
        harness.wait_for(lambda: self.state_of(f"file:{file}") == "out", 20, "the list among the servers", self.run_)
        replace(file, "# ours\n" + "".join(f"{s.url}/v1  # one\n" for s in sims[:3]))
        harness.wait_for(lambda: self.answered() > 100, 30, "the first answers", self.run_)
        self.assertEqual(sims[3].stats()["answered"], 0)
        replace(file, "".join(f"{s.url}/v1\n" for s in sims) + "ftp://no/such\n")
        harness.wait_for(lambda: "servers.txt:5:1: this is no address" in self.log(), 20, "a sentence about the bad line", self.run_)
        self.assertEqual(sims[3].stats()["answered"], 0)
        said = f"file:{file} out, 0 in flight, 0 answers: {file}:5:1: this is no address; one a line, as in http://127.0.0.1:8001/v1; the list before it stays"
        harness.wait_for(lambda: said in self.box.clinsafe("status", self.study).out, 20, "the list among the servers", self.run_)
        sims[0].kill()
        replace(file, "".join(f"{s.url}/v1\n" for s in sims[1:]))
        harness.wait_for(lambda: sims[3].stats()["answered"] > 50, 30, "the added one", self.run_)
        harness.wait_for(lambda: self.state_of("file:") is None, 20, "a list that was taken", self.run_)
        for s in sims[1:]:
            s.control(latency={"median_ms": 20})
        self.assertExit(self.run_.wait(90))
        self.judge(sims, lost=1)
        again = self.box.clinsafe("run", self.study, env={"LAB_KEY": "k-1"})
        self.assertExit(again)
        self.assertEqual({r["generation"] for r in self.rows()}, {1})

    def test_another_model_is_left_out(self):
        self.prepare_study("[http://127.0.0.1:9/v1]", repeats=9)
        sims = self.sims(2)
        other = Other()
        self.addCleanup(other.close)
        self.set_base_url(f"[{sims[0].url}/v1, {other.url}/v1, {sims[1].url}/v1]")
        self.begin(workers=1)
        harness.wait_for(lambda: self.state_of(other.url) == "out", 40, "the server of another model", self.run_)
        self.assertEqual(self.state_of(sims[0].url), "up")
        self.assertExit(self.run_.wait(90))
        rows = self.judge(sims)
        self.assertEqual({r["model_resolved"] for r in rows}, {"a-2026-01-01"})
        self.assertIn("it names the model b-70b", self.log())

    @harness.short
    def test_a_changed_list_is_the_same_lane(self):
        self.prepare_study("[http://127.0.0.1:9/v1]", repeats=3)
        sims = self.sims(3, latency=1)
        self.set_base_url(f"[{sims[0].url}/v1, {sims[1].url}/v1]")
        self.assertExit(self.begin().wait(60))
        self.set_base_url(f"[{sims[1].url}/v1, {sims[2].url}/v1]")
        checked = self.box.clinsafe("providers", "check", self.study, env={"LAB_KEY": "k-1"})
        self.assertExit(checked)
        for sim in sims[1:]:
            self.assertIn(f"{sim.url}/v1: reachable from", checked.out)
        listed = self.box.clinsafe("providers", "check", self.study, "--json", env={"LAB_KEY": "k-1"}).json()["lanes"]
        self.assertLessEqual({f"{sim.url}/v1" for sim in sims[1:]}, {lane.get("server") for lane in listed})
        asked = sum(s.stats()["answered"] for s in sims)
        self.assertExit(self.begin().wait(60))
        self.assertEqual(sum(s.stats()["answered"] for s in sims), asked)
        self.set_base_url(f"[{sims[0].url}/v1]")
        done = self.begin().wait(60)
        self.assertExit(done, harness.EXIT_INVALID)
        self.assertIn("--adopt-from-other", done.err)

    def test_servers_that_enter_themselves(self):
        self.prepare_study("file:servers.txt", repeats=3)
        file = self.study.parent / "servers.txt"
        script = harness.TOP / "ops" / "slurm" / "vllm.sh"
        env = {"HOST": "127.0.0.1", "HEALTH": "/stats", "SERVE": f"{harness.program('clinsafe-simulator')} --truth {self.study.parent}/truth.yaml"}
        jobs = [self.box.adopt(harness.Process(["bash", script, file, "a-2026-01-01"], env=env)) for _ in range(3)]
        harness.wait_for(lambda: file.exists() and file.read_text().count("http://127.0.0.1:") == 3, 30, "three lines", jobs[0])
        jobs[0].signal(signal.SIGTERM)
        harness.wait_for(lambda: file.read_text().count("http://127.0.0.1:") == 2, 30, "one line less")
        self.assertEqual(len(set(file.read_text().split("\n"))), 3)
        self.assertExit(self.begin().wait(60))
        for job in jobs[1:]:
            job.signal(signal.SIGTERM)
        harness.wait_for(lambda: file.read_text() == "", 30, "an empty file")
        self.assertEqual(len(self.rows()), self.planned)

    def test_a_requeued_server_takes_its_earlier_line_out(self):
        """Its node died, and nobody else would: beside it lives a job of nearly its number."""
        self.prepare_study("file:servers.txt", repeats=3)
        file = self.study.parent / "servers.txt"
        file.write_text("http://n1:8000/v1 # job 7\nhttp://n2:8000/v1 # job 77\nhttp://n3:8000/v1\n")
        env = {"HOST": "127.0.0.1", "HEALTH": "/stats", "SLURM_JOB_ID": "7",
               "SERVE": f"{harness.program('clinsafe-simulator')} --truth {self.study.parent}/truth.yaml"}
        job = self.box.adopt(harness.Process(["bash", harness.TOP / "ops" / "slurm" / "vllm.sh", file, "a-2026-01-01"], env=env))
        harness.wait_for(lambda: "http://127.0.0.1:" in file.read_text(), 30, "its line", job)
        self.assertRegex(file.read_text(), r"\Ahttp://n2:8000/v1 # job 77\nhttp://n3:8000/v1\nhttp://127.0.0.1:\d+/v1 # job 7\n\Z")
        job.signal(signal.SIGTERM)
        harness.wait_for(lambda: "http://127.0.0.1:" not in file.read_text(), 30, "its end")
        self.assertEqual(file.read_text(), "http://n2:8000/v1 # job 77\nhttp://n3:8000/v1\n")

    @harness.short
    def test_bad_lists(self):
        self.prepare_study("[]")
        for url, said in (("[]", "base_url"),
                          ("[http://10.0.0.1:8000/v1, http://127.0.0.1:1/v1]", "insecure_network: yes"),
                          ("[http://127.0.0.1:1/v1, http://127.0.0.1:1/v1/]", "stands twice"),
                          ("[file:servers.txt, http://127.0.0.1:1/v1]", "stands alone"),
                          ("file:nowhere/servers.txt", "there is no folder")):
            self.set_base_url(url)
            done = self.box.clinsafe("plan", self.study)
            self.assertExit(done, harness.EXIT_INVALID)
            self.assertOneLine(done.err, "providers.yaml:2:", said)


class Other:
    """Speaks Chat Completions, and serves another model."""

    def __init__(self):
        import http.server
        import threading

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                body = json.dumps({"id": f"x-{time.monotonic_ns()}", "object": "chat.completion", "model": "b-70b", "choices": [
                    {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "{}"}}],
                    "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = harness.HttpServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


if __name__ == "__main__":
    harness.main()
