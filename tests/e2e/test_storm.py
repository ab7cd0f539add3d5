#!/usr/bin/env python3
"""A provider in trouble: a storm of mixed errors, an outage, a key that is revoked. Judged by the provider's own log.

CLINSAFE_STORM_S=60 makes the storm last a minute (`make storm`); the default is a short one.
"""
import json
import os
import re
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
import storm_judge

STORM_S = float(os.environ.get("CLINSAFE_STORM_S", "6"))
# Of the attempts; with ALWAYS 30 % of them fail.
STORM = {"rate_limited": 0.02, "server_error": 0.03, "unavailable": 0.01, "overloaded": 0.01, "reset": 0.03, "truncated": 0.03,
         "malformed": 0.02, "drip": 0.005, "their_timeout": 0.015, "conflict": 0.015, "model_failed": 0.015, "no_capacity": 0.005,
         "client_left": 0.01, "bad_gateway": 0.02, "gateway_timeout": 0.015, "cloudflare": 0.01, "error_in_200": 0.015, "no_end": 0.02}
# Of the trials, whenever they are asked: what no repetition mends.
ALWAYS = {"server_error": 0.004, "reset": 0.003, "truncated": 0.003, "no_end": 0.003, "hang": 0.003, "invalid": 0.005,
          "filtered": 0.005, "too_large": 0.003, "unprocessable": 0.003}


class Case(harness.TestCase):
    def small(self, repeats, **edits):
        """The small study, larger: 84 trials for each repeat."""
        study = self.box.copy("small")
        text = study.read_text().replace("repeats: 3\n", f"repeats: {repeats}\n")
        for old, new in edits.items():
            text = re.sub(rf"\b{old}: [^,}}\n]+", f"{old}: {new}", text)
        study.write_text(text)
        return study

    def rows(self, study):
        done = self.box.clinsafe("export", study, "--format", "jsonl")
        self.assertExit(done)
        return harness.rows_jsonl(done.out)

    def status(self, study):
        done = self.box.clinsafe("status", study, "--json")
        return done.json() if done.code == 0 else {"lanes": [], "done": 0}

    def reasons(self, study):
        return [lane["reason"] for lane in self.status(study)["lanes"] if lane["reason"]]


class Storm(Case):
    TIME_LIMIT_S = int(150 + 4 * STORM_S)

    def test_every_trial_ends_in_its_class(self):
        study = self.small(repeats=int(60 + 12 * STORM_S), timeout_s=2)
        accounts = study.parent / "providers.yaml"
        accounts.write_text(accounts.read_text().replace("model: b-2026-01-01,", "model: b-2026-01-01, limits: {concurrent: 64},"))
        log = self.box.dir / "arrivals"
        sim = self.box.simulator("--truth", study.parent / "truth.yaml", "--latency-ms", 20, "--log", log)
        sim.control(faults=STORM, always=ALWAYS, drip_ms=300)
        run = self.box.start("clinsafe", "run", study, "--workers", 2, "--slots", 64, "--simulator", sim.url, "--json")
        harness.wait_for(lambda: sim.stats()["requests"] > 0, what="the first call", process=run)
        time.sleep(STORM_S)
        harness.wait_for(lambda: set(STORM) <= {c.fault for c in storm_judge.calls(log)}, 60, "every kind", run)  # a slow machine makes few calls
        stormy = sum(1 for c in storm_judge.calls(log) if c.fault != "-") / sim.stats()["requests"]
        sim.control(faults={})  # what was always wrong stays so
        done = run.wait(120 + 2 * STORM_S)
        self.assertExit(done, 2)
        self.assertGreater(stormy, 0.25)
        summary = json.loads(done.out)
        self.assertEqual(summary["done"] + summary["failed"], summary["planned"])
        rows = self.rows(study)
        wrong, met, over = storm_judge.judge(log, rows, limited={"b-2026-01-01"})
        self.assertEqual(wrong[:10], [])
        self.assertLessEqual(over, 0.02 * sum(r["state"] == "failed" for r in rows))
        self.assertLessEqual({*STORM, *ALWAYS}, set(met), "every kind was met")
        ambiguous = sum(lane["counters"]["ambiguous"] for lane in summary["lanes"])
        self.assertEqual(ambiguous, met["reset"] + met["hang"] - met["eased"])
        bound = sum(lane["counters"]["ambiguous_usd"] for lane in summary["lanes"])
        self.assertGreater(bound, ambiguous * 400 * 600 / 1e9)  # at the least the cheaper model's cap, at its price
        self.assertEqual(sim.stats()["paid_again"], 0)
        self.assertTrue(self.box.clinsafe("verify", study, "--json").json()["clean"])


class Outage(Case):
    WORKERS, SLOTS = 2, 16
    # In flight when it begins, the row until it is noticed, and some probes.
    FEW = WORKERS * 2 * (SLOTS + 16 + 8)

    def start(self, repeats):
        self.study = self.small(repeats)
        self.log, self.port = self.box.dir / "arrivals", harness.free_ports()[0]
        self.sim = self.provider()
        self.run_ = self.box.start("clinsafe", "run", self.study, "--workers", self.WORKERS, "--slots", self.SLOTS,
                                   "--simulator", f"http://127.0.0.1:{self.port}", "--json")

    def provider(self):
        sim = self.box.start("clinsafe-simulator", "--port", self.port, "--truth", self.study.parent / "truth.yaml",
                             "--latency-ms", 50, "--log", self.log)
        harness.wait_for(lambda: "listening" in sim.printed(), what="the simulator", process=sim)
        return sim

    def arrived(self):
        return len(storm_judge.calls(self.log)) if self.log.exists() else 0

    def finish(self):
        done = self.run_.wait(120)
        self.assertExit(done)
        summary = json.loads(done.out)
        self.assertEqual((summary["failed"], summary["done"]), (0, summary["planned"]))
        return summary

    @harness.short
    def test_a_provider_that_is_gone_for_a_while(self):
        self.start(repeats=40)
        harness.wait_for(lambda: self.arrived() > 300, what="calls", process=self.run_)
        self.sim.kill()
        # First calls in flight break; those after them find nobody.
        harness.wait_for(lambda: any("no connection to the provider" in r for r in self.reasons(self.study)), what="the reason in status", process=self.run_)
        time.sleep(5)
        self.assertEqual([lane["state"] for lane in self.status(self.study)["lanes"]], ["open", "open"])
        self.sim = self.provider()
        summary = self.finish()
        rows = self.rows(self.study)
        self.assertEqual({r["state"] for r in rows}, {"done"})
        attempts = sum(r["attempts"] for r in rows)
        self.assertLess(attempts - summary["planned"], self.FEW)
        self.assertEqual(self.reasons_at_end(summary), [])
        answered = [c.digest for c in storm_judge.calls(self.log) if c.status == 200]
        self.assertLessEqual(len(answered) - len(set(answered)), self.WORKERS * self.SLOTS)  # in flight at the kill

    def reasons_at_end(self, summary):
        return [lane["reason"] for lane in summary["lanes"] if lane["reason"]]

    def test_a_provider_that_answers_with_503_only(self):
        self.start(repeats=40)
        harness.wait_for(lambda: self.arrived() > 300, what="calls", process=self.run_)
        control = harness.Simulator.control
        self.sim.url = f"http://127.0.0.1:{self.port}"
        control(self.sim, faults={"unavailable": 1})
        time.sleep(0.5)  # what was on its way has arrived
        before = self.arrived()
        harness.wait_for(lambda: any("503" in r for r in self.reasons(self.study)), what="the reason", process=self.run_)
        time.sleep(8)
        self.assertLess(self.arrived() - before, self.FEW)
        control(self.sim, faults={})
        self.finish()
        wrong, met, _ = storm_judge.judge(self.log, self.rows(self.study))
        self.assertEqual([w for w in wrong if "tried more" not in w], [])
        self.assertGreater(met["unavailable"], 16)


class RevokedKey(Case):
    """Three workers on two providers: model-a's key is the same in the first two and another in the third.

    A key that was just accepted may be refused by mistake: for a minute it is asked again, one call at a time after growing pauses, and
    then the worker stops. So this test takes minutes.
    """

    TIME_LIMIT_S = 600
    SLOTS = 8
    STOPS = 180  # a minute and the longest pause, with room
    CAREFUL = SLOTS + 32 + 8  # calls of one worker: in flight, until it is in doubt and asks one by one, and probes

    def setUp(self):
        super().setUp()
        self.study = self.small(repeats=240)  # the study outlasts it
        self.sims = {}
        for name in "ab":
            keys = [f"sk-{name}-{k}" for k in range(1, 4)]
            log = self.box.dir / f"arrivals-{name}"
            self.sims[name] = self.box.simulator("--truth", self.study.parent / "truth.yaml", "--latency-ms", 500, "--log", log,
                                                 *(word for key in keys for word in ("--key", key)))
            self.sims[name].log = log
        (self.study.parent / "providers.yaml").write_text("accounts:\n" + "".join(
            f"  {n}: {{protocol: openai-chat, base_url: {self.sims[n].url}/v1, key: {{env: KEY_{n.upper()}}}}}\n" for n in "ab")
            + "models:\n" + "".join(f"  model-{n}: {{account: {n}, model: {n}-2026-01-01}}\n" for n in "ab"))
        self.where = {name: f"ipc://{self.box.runtime}/{name}" for name in ("work", "pub", "admin")}
        self.redis = f"unix:{self.box.runtime}/redis"
        redis = self.box.adopt(harness.Process(["redis-server", "--port", "0", "--unixsocket", self.box.runtime / "redis",
                                                "--save", "", "--dir", self.box.dir]))
        harness.wait_for(lambda: "Ready to accept" in redis.printed() or "ready to accept" in redis.printed(), what="Redis",
                         process=redis)
        ready = self.box.dir / "ready"
        self.coordinator = self.box.start("clinsafe-coordinator", "--dir", self.box.dir / "store", "--bind", self.where["work"],
                                          "--pub", self.where["pub"], "--admin", self.where["admin"], "--redis", self.redis,
                                          "--ready-file", ready)
        harness.wait_for(ready.exists, what="the coordinator", process=self.coordinator)
        self.assertExit(self.operator("submit", self.study))

    def operator(self, *words):
        return self.box.clinsafe(*words, "--coordinator", self.where["admin"])

    def worker(self, name, key_a, key_b):
        return self.box.start("clinsafe-worker", "--coordinator", self.where["work"], "--announce", self.where["pub"], "--redis",
                              self.redis, "--name", name, "--slots", self.SLOTS, env={"KEY_A": key_a, "KEY_B": key_b})

    def figures(self):
        done = harness.wait_for(lambda: (d := self.box.clinsafe("status", "--redis", self.redis, "--json")).code == 0 and d,
                                what="the first figures in Redis", process=self.coordinator)
        return done.json()

    def lane(self, model):
        return next(lane for lane in self.figures()["lanes"] if lane["model"] == model)

    def calls(self, name, key, since=0.0):
        """Of one key, which the log names by its hash: the order of first appearance is told apart by asking once."""
        return [c for c in storm_judge.calls(self.sims[name].log) if c.key == self.hash[name, key] and c.at >= since]

    def learn_hashes(self):
        import hashlib
        self.hash = {(n, f"sk-{n}-{k}"): "%016x" % int.from_bytes(
            hashlib.blake2b(f"sk-{n}-{k}".encode(), digest_size=32).digest()[:8], "little") for n in "ab" for k in range(1, 4)}

    def test_it_stops_its_workers_in_one_lane(self):
        self.learn_hashes()
        workers = [self.worker("w1", "sk-a-1", "sk-b-1"), self.worker("w2", "sk-a-1", "sk-b-2"), self.worker("w3", "sk-a-3", "sk-b-3")]
        harness.wait_for(lambda: min(len(self.calls("a", "sk-a-1")), len(self.calls("b", "sk-b-1")),
                                     len(self.calls("b", "sk-b-2")), len(self.calls("a", "sk-a-3"))) > 20, what="calls of all")
        self.sims["a"].control(keys=["sk-a-3"])  # the first two workers' key is revoked
        refused = harness.wait_for(lambda: [c for c in self.calls("a", "sk-a-1") if c.status == 401], what="a refusal")
        first = refused[0].at
        harness.wait_for(lambda: re.match("^2 workers: HTTP 401", self.lane("model-a")["reason"]), timeout=self.STOPS,
                         what="both workers' reason in status")
        stopped = time.monotonic()
        lane = self.lane("model-a")
        self.assertEqual(lane["state"], "open")
        self.assertRegex(lane["reason"], r"HTTP 401: the provider does not accept the key \(key [0-9a-f]{8}\); .*resume")
        time.sleep(2.5)
        self.assertEqual(self.calls("a", "sk-a-1", since=stopped), [])
        refused = [c for c in self.calls("a", "sk-a-1") if c.status == 401]
        self.assertLessEqual(len(refused), 2 * self.CAREFUL)
        # Pauses have grown by then: on average less than a call in four seconds of each of the two.
        self.assertLess(sum(c.at > first + 20 for c in refused), 2 * (stopped - first) / 4)
        for name, key in (("a", "sk-a-3"), ("b", "sk-b-1"), ("b", "sk-b-2"), ("b", "sk-b-3")):
            self.assertGreater(len(self.calls(name, key, since=stopped)), 5, key)

        self.sims["a"].control(keys=["sk-a-2"])  # now no worker's key is left
        harness.wait_for(lambda: self.lane("model-a")["state"] == "stopped", timeout=self.STOPS, what="the lane's stop")
        self.assertEqual(self.lane("model-b")["state"], "open")
        self.assertIn("resume", self.lane("model-a")["reason"])
        before = len(storm_judge.calls(self.sims["a"].log))

        workers[0].stop()  # repaired: a new key in a new process ...
        workers[0] = self.worker("w1", "sk-a-2", "sk-b-1")
        harness.wait_for(lambda: len(self.calls("a", "sk-a-2")) > 20, what="calls with the new key")
        harness.wait_for(lambda: self.lane("model-a")["state"] == "open", what="the lane to be open again")
        refused_more = [c for c in storm_judge.calls(self.sims["a"].log)[before:] if c.status == 401]
        self.assertEqual(refused_more, [])
        self.sims["a"].control(keys=["sk-a-1", "sk-a-2", "sk-a-3"])  # ... or the old one is accepted again, and a person says so
        self.assertExit(self.operator("resume"))
        since = time.monotonic()
        harness.wait_for(lambda: min(len(self.calls("a", "sk-a-1", since=since)), len(self.calls("a", "sk-a-3", since=since))) > 5,
                         what="calls with the old keys")
        for sim in self.sims.values():
            sim.control(latency={"median_ms": 20, "sigma": 0})
        harness.wait_for(lambda: self.figures()["state"] == "finished", timeout=120, what="the end of the study")
        figures = self.figures()
        self.assertEqual((figures["failed"], figures["done"]), (0, figures["planned"]))
        for process in self.box._processes:
            self.assertNotIn("sk-a-", process.printed())


if __name__ == "__main__":
    harness.main()
