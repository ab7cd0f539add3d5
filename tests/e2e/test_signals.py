#!/usr/bin/env python3
"""What coordinator and workers show of themselves over HTTP: figures that agree with what was counted elsewhere, and a door that only looks."""
import http.client
import json
import re
import sys
import urllib.parse
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import documents
import harness
import local_fleet

TRIALS = 252
TOKEN = "a-token-of-this-test-alone"


def get(url, path, method="GET", **headers):
    at = urllib.parse.urlsplit(url)
    c = http.client.HTTPConnection(at.hostname, at.port, timeout=10 * harness.SLOW)
    try:
        c.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            c.putheader(name, value)
        c.endheaders()
        r = c.getresponse()
        return r.status, r.read().decode(), dict(r.getheaders())
    finally:
        c.close()


def samples(text):
    """name{labels} -> value, and the families that have HELP and TYPE."""
    out, families = {}, set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            families.add(line.split()[2])
        elif not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            assert name not in out, f"twice: {name}"
            out[name] = float(value)
    return out, families


class Signals(local_fleet.TestCase):
    COORDINATOR = ("--http", "127.0.0.1:0")
    SIMULATOR = ("--cache", 16)
    LATENCY_MS = 20

    def worker(self, name):
        w = self.box.start("clinsafe-worker", "--coordinator", self.where["work"], "--announce", self.where["pub"], "--redis",
                           self.redis, "--slots", self.SLOTS, "--simulator", self.sim.url, "--name", name, "--http", "127.0.0.1:0")
        log = harness.wait_for(lambda: re.search(r"ev=http address=(\S+)", w.printed()), what="its page", process=w)
        return w, log[1]

    def finished(self):
        return self.metric('clinsafe_study_running{study="small"}') == 0 and \
            sum(v for k, v in self.now.items() if k.startswith("clinsafe_lane_trials{") and 'state="done"' in k) == TRIALS

    def metric(self, name):
        self.now, self.families = samples(get(self.ready["http"], "/metrics")[1])
        return self.now.get(name)

    @harness.short
    def test_the_figures_are_those_of_export_and_provider(self):
        study = self.box.copy("small")
        self.assertExit(self.box.clinsafe("submit", study, "--coordinator", self.where["admin"]))
        self.assertIn("No worker is there", get(self.ready["http"], "/")[1])
        _, at = self.worker("w-1")
        harness.wait_for(self.finished, what="the end of the study", process=self.coordinator)
        stats = self.sim.stats()
        exported = self.box.clinsafe("export", "--store", self.store, "--format", "jsonl")
        self.assertExit(exported)
        rows = harness.rows_jsonl(exported.out)
        self.assertEqual(len(rows), TRIALS)
        for model in sorted({r["model"] for r in rows}):
            mine = [r for r in rows if r["model"] == model]
            for outcome in ("ok", "refused", "timeout"):
                self.assertEqual(self.now[f'clinsafe_lane_answers_total{{study="small",model="{model}",outcome="{outcome}"}}'],
                                 sum(r["outcome"] == outcome for r in mine))
            self.assertEqual(self.now[f'clinsafe_lane_attempts_total{{study="small",model="{model}"}}'], sum(r["attempts"] for r in mine))
            for kind in ("input", "cached", "cache_write", "output"):
                counted = sum(r.get(f"{kind}_tokens", 0) for r in mine)
                self.assertEqual(self.now[f'clinsafe_lane_tokens_total{{study="small",model="{model}",kind="{kind}"}}'], counted)
                self.assertGreater(counted, 0)
        self.assertEqual(self.now['clinsafe_outputs_total{fate="committed"}'], TRIALS)
        self.assertEqual(self.now["clinsafe_workers"], 1)
        harness.wait_for(lambda: samples(get(at, "/metrics")[1])[0]["clinsafe_worker_outputs_acknowledged_total"] == TRIALS, what="the last acknowledgement")
        mine, families = samples(get(at, "/metrics")[1])
        self.assertEqual(mine["clinsafe_worker_calls_started_total"], stats["requests"])
        self.assertEqual(sum(v for k, v in mine.items() if k.startswith("clinsafe_worker_calls_total{") and 'end="answered"' in k),
                         stats["answered"])
        self.assertEqual(sum(v for k, v in mine.items() if k.startswith("clinsafe_worker_call_seconds_count")), stats["answered"])
        self.assertEqual(mine["clinsafe_worker_outputs_acknowledged_total"], TRIALS)
        for name, seen in list((k, families) for k in mine) + list((k, self.families) for k in self.now):
            base = re.sub(r"_(bucket|sum|count)$", "", name.split("{")[0])
            self.assertIn(base if base in seen else name.split("{")[0], seen, "every figure has its family")
        self.assertEqual(get(at, "/readyz")[:2], (200, "ok\n"))
        self.coordinator.kill()
        harness.wait_for(lambda: get(at, "/readyz")[0] == 503, what="the worker to say that it is alone", timeout=40)
        self.assertEqual(get(at, "/healthz")[0], 200)

    def test_pages_while_it_runs_and_after(self):
        self.sim.control(latency={"median_ms": 1500})  # it must not end while it is looked at: workers tell what binds after seconds
        study = self.box.copy("small")
        providers = study.parent / "providers.yaml"
        providers.write_text(providers.read_text().replace("b-2026-01-01, price: {input: 1.0, output: 3.0}", "b-2026-01-01"))
        self.assertExit(self.box.clinsafe("submit", study, "--coordinator", self.where["admin"]))
        self.worker("w-1")
        harness.wait_for(lambda: (self.metric('clinsafe_outputs_total{fate="committed"}') or 0) >= 10, what="10 outputs",
                         process=self.coordinator)
        code, page, headers = get(self.ready["http"], "/study/small")
        self.assertEqual(code, 200)
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        self.assertEqual((headers["X-Content-Type-Options"], headers["Cache-Control"]), ("nosniff", "no-store"))
        self.assertNotIn("<script", page)
        self.assertIn("Results are shown when it has ended", page)
        text = harness.rows_jsonl(self.box.clinsafe("export", "--store", self.store, "--format", "jsonl").out)
        answers = {v for r in text for k, v in r.items() if k.startswith("answer.") and isinstance(v, str) and len(v) > 4}
        for word in answers | {r["case_id"] for r in text if len(r["case_id"]) > 3}:
            self.assertNotIn(word, page, "no result and no text while it runs")
        shown = harness.wait_for(lambda: "w-1" in (p := get(self.ready["http"], "/")[1]) and p, what="the worker on the page", timeout=20)
        self.assertIn('href="/study/small"', shown)
        harness.wait_for(lambda: re.search(r">\d+ % of \d+ (calls at once|slots of its workers)", get(self.ready["http"], "/")[1]), what="what binds, in words")
        self.assertExit(self.box.clinsafe("pause", "model-a", "--coordinator", self.where["admin"]))
        harness.wait_for(lambda: re.search('<p class="bad">small: model-a paused by hand since <time>[^<]* UTC</time></p>', get(self.ready["http"], "/")[1]),
                         what="who is needed, on top")
        page = get(self.ready["http"], "/study/small")[1]
        self.assertIn("and not all of them are on their way", page)
        self.assertNotIn("at this pace it ends", page, "a lane that stands still ends never")
        for path in ("/", "/study/small"):
            self.assertIn("at least $", get(self.ready["http"], path)[1], "model-b has no price")
        self.assertExit(self.box.clinsafe("resume", "model-a", "--coordinator", self.where["admin"]))
        fleet = json.loads(get(self.ready["http"], "/status.json")[1])
        documents.check(fleet)
        self.assertEqual((fleet["schema"], fleet["studies"][0]["study"]), ("clinsafe.fleet/2", "small"))
        self.sim.control(latency={"median_ms": 1})
        harness.wait_for(self.finished, what="the end of the study", process=self.coordinator)
        harness.wait_for(lambda: "It has ended" in get(self.ready["http"], "/study/small")[1], what="the page to say so")
        self.assertEqual(get(self.ready["http"], "/study/nothing")[0], 404)
        self.assertIn("has all of its answers", get(self.ready["http"], "/study/small")[1])

    @harness.short
    def test_a_cancelled_study_does_not_say_that_it_is_whole(self):
        self.sim.control(latency={"median_ms": 200})
        self.assertExit(self.box.clinsafe("submit", self.box.copy("small"), "--coordinator", self.where["admin"]))
        self.worker("w-1")
        harness.wait_for(lambda: (self.metric('clinsafe_outputs_total{fate="committed"}') or 0) >= 10, what="10 outputs",
                         process=self.coordinator)
        self.assertExit(self.box.clinsafe("cancel", "--study", "small", "--coordinator", self.where["admin"]))
        page = harness.wait_for(lambda: "It has ended" in (p := get(self.ready["http"], "/study/small")[1]) and p, what="the page to say so")
        there, cancelled = map(int, re.search(r">?(\d+) of 252 answers are there, (\d+) were cancelled, 0 are missing", page).groups())
        self.assertEqual(there + cancelled, TRIALS)
        self.assertIn("was cancelled before it had all of its answers", page)
        self.assertIn(f'<p class="big">{100 * there / TRIALS:.1f} %</p>', page)
        words = re.search(r"<code>clinsafe (report [^<]+)</code>", page)[1]
        words = words.replace("DIR", str(self.store)).replace("small.html", str(self.box.dir / "small.html")).split()
        self.assertExit(self.box.clinsafe(*words), 2)  # incomplete, and said so
        self.assertGreater((self.box.dir / "small.html").stat().st_size, 10_000)

    @harness.short
    def test_the_door_only_looks(self):
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            self.assertEqual(get(self.ready["http"], "/", method=method)[0], 405)
        self.assertEqual(get(self.ready["http"], "/", method="HEAD")[:2], (200, ""))
        port = urllib.parse.urlsplit(self.ready["http"]).port
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", ""):
            self.assertEqual(get(self.ready["http"], "/", Host=host)[0], 421, host)
        for host in (f"localhost:{port}", "127.0.0.1", f"[::1]:{port}", "LOCALHOST"):
            self.assertEqual(get(self.ready["http"], "/", Host=host)[0], 200, host)
        self.assertEqual(get(self.ready["http"], "/healthz", Host="10.0.0.1")[0], 200, "probes come by address")
        self.assertEqual(get(self.ready["http"], "/" + "x" * 2000)[0], 414)
        self.assertEqual(get(self.ready["http"], "/../../etc/passwd")[0], 404)

    def test_beyond_this_machine_a_token_is_needed(self):
        def refused(*options):
            ended = self.box.start("clinsafe-coordinator", "--dir", self.box.dir / "other", "--bind", f"ipc://{self.box.runtime}/o",
                                 "--admin", f"ipc://{self.box.runtime}/p", *options).wait()
            return ended.code, ended.err
        code, why = refused("--http", "0.0.0.0:0")
        self.assertEqual(code, harness.EXIT_USAGE)
        self.assertIn("--http-token-file", why)
        (self.box.dir / "short").write_text("abc\n")
        self.assertEqual(refused("--http", "0.0.0.0:0", "--http-token-file", self.box.dir / "short")[0], harness.EXIT_INVALID)
        self.assertEqual(refused("--http", "example.org:1")[0], harness.EXIT_USAGE)
        self.assertEqual(refused("--http", "127.0.0.1")[0], harness.EXIT_USAGE)
        token = self.box.dir / "token"
        token.write_text(TOKEN + "\n")
        ready = self.box.dir / "ready2"
        with_token = self.box.start("clinsafe-coordinator", "--dir", self.box.dir / "other", "--bind", f"ipc://{self.box.runtime}/o",
                                    "--admin", f"ipc://{self.box.runtime}/p", "--http", "0.0.0.0:0", "--http-token-file", token,
                                    "--http-host", "fleet.example", "--ready-file", ready)
        harness.wait_for(ready.exists, what="the coordinator", process=with_token)
        port = urllib.parse.urlsplit(json.loads(ready.read_text())["http"]).port
        url = f"http://127.0.0.1:{port}"
        self.assertEqual(get(url, "/")[0], 401)
        self.assertEqual(get(url, "/?token=wrong-wrong-wrong-wrong")[0], 401)
        self.assertEqual(get(url, "/", Authorization=f"Bearer {TOKEN}")[0], 200)
        self.assertEqual(get(url, "/", Host="fleet.example", Authorization=f"Bearer {TOKEN}")[0], 200)
        self.assertEqual(get(url, "/healthz")[0], 200)
        code, _, headers = get(url, f"/?token={TOKEN}")
        self.assertEqual(code, 303)
        cookie = headers["Set-Cookie"]
        self.assertIn("HttpOnly", cookie)
        self.assertIn("SameSite=Strict", cookie)
        self.assertNotIn(TOKEN, cookie)
        self.assertNotIn(TOKEN, headers["Location"])
        self.assertEqual(get(url, "/metrics", Cookie=cookie.split(";")[0])[0], 200)
        self.assertNotIn(TOKEN, with_token.printed())

    def test_run_shows_its_pages(self):
        study = self.box.copy("small")
        ended = self.box.clinsafe("run", study, "--workers", 1, "--simulator", self.sim.url, "--http", "127.0.0.1:0")
        self.assertExit(ended)
        self.assertRegex(ended.err, r"pages: http://127\.0\.0\.1:\d+")


if __name__ == "__main__":
    harness.main()
