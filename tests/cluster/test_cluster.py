#!/usr/bin/env python3
"""A fleet on several hosts: coordinator, Redis with a password, workers and provider each with an address of its own, CURVE
between them. The study and the outputs are those of tests/e2e."""
import signal
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parents[1] / "e2e"),
                str(Path(__file__).resolve().parent)]
import harness
from expected import Study, Truth
from net import Network

COORDINATOR, PUB, REDIS, PROVIDER, OPERATOR = "10.77.0.10", "10.77.0.11", "10.77.0.20", "10.77.0.30", "10.77.0.40"
WORKERS = {"w1": "10.77.0.51", "w2": "10.77.0.52", "w3": "10.77.0.53"}
PASSWORD = "a-password-of-this-test"
TRIALS = 252


class NetSimulator(harness.Simulator):
    """The provider on a host of its own, reached from there."""

    def __init__(self, folder, network, *args):
        self.network = network
        super().__init__(folder, *args, host=PROVIDER, prefix=network.enter("provider"))

    def stats(self):
        return self.network.inside("provider", super().stats)

    def control(self, **settings):
        plain = super().control
        return self.network.inside("provider", lambda: plain(**settings))


class Cluster(harness.TestCase):
    TIME_LIMIT_S = 150

    @classmethod
    def setUpClass(cls):
        cls.net = Network()
        cls.addClassCleanup(cls.net.close)
        super().setUpClass()

    @classmethod
    def prepare(cls):
        cls.net.host("coordinator", COORDINATOR, PUB)
        cls.net.host("redis", REDIS)
        cls.net.host("provider", PROVIDER)
        cls.net.host("operator", OPERATOR)
        for name, address in WORKERS.items():
            cls.net.host(name, address)

    def setUp(self):
        super().setUp()
        self.study = self.box.copy("small")
        self.dir = self.study.with_suffix(".clinsafe")
        self.dir.mkdir()
        for name in ("coordinator", "operator", "stranger", *WORKERS):
            role = "operator" if name == "operator" else "worker"
            self.assertExit(self.box.clinsafe("keygen", self.box.dir / name, "--role", role))
        listed = [self.box.dir / f"{name}.pub" for name in ("operator", *WORKERS)]
        (self.box.dir / "allow").write_text("# who may\n" + "".join(p.read_text() for p in listed))
        (self.box.dir / "password").write_text(PASSWORD + "\n")
        (self.box.dir / "password").chmod(0o600)
        self.redis_env = {"CLINSAFE_REDIS_USER": "clinsafe", "CLINSAFE_REDIS_PASSWORD_FILE": str(self.box.dir / "password")}
        self.start_redis()
        self.sim = self.box.adopt(NetSimulator(self.box.dir, self.net, "--truth", self.study.parent / "truth.yaml",
                                               "--latency-ms", 100))
        self.coordinator = self.start_coordinator()

    def start_redis(self):
        conf = self.box.dir / "redis.conf"
        conf.write_text(f"bind {REDIS}\nport 6379\nsave \"\"\nappendonly no\ndir {self.box.dir}\nuser default off\n"
                        f"user clinsafe on >{PASSWORD} ~clinsafe:* +@read +@write +@connection +@scripting +@transaction\n")
        self.redis = self.box.adopt(harness.Process(["redis-server", conf], prefix=self.net.enter("redis")))
        harness.wait_for(lambda: "Ready to accept connections" in self.redis.printed(), what="Redis", process=self.redis)

    def start_coordinator(self):
        ready = self.box.dir / "ready.json"
        ready.unlink(missing_ok=True)
        process = self.box.start(
            "clinsafe-coordinator", "--dir", self.dir / "store", "--bind", f"tcp://{COORDINATOR}:7401", "--pub",
            f"tcp://{PUB}:7402", "--admin", f"tcp://{COORDINATOR}:7403", "--redis", f"tcp://{REDIS}:6379", "--key",
            self.box.dir / "coordinator.key", "--allow", self.box.dir / "allow", "--ready-file", ready, env=self.redis_env,
            prefix=self.net.enter("coordinator"))
        harness.wait_for(ready.exists, what="the coordinator", process=process)
        return process

    def start_worker(self, host, key=None, slots=4, server_key="coordinator", **options):
        more = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
        return self.box.start(
            "clinsafe-worker", "--coordinator", f"tcp://{COORDINATOR}:7401", "--announce", f"tcp://{PUB}:7402", "--redis",
            f"tcp://{REDIS}:6379", "--key", self.box.dir / f"{key or host}.key", "--server-key",
            self.box.dir / f"{server_key}.pub", "--slots", slots, "--simulator", self.sim.url, "--name", host, *more,
            env=self.redis_env, prefix=self.net.enter(host))

    def operator(self, *words, key="operator", timeout=60):
        """What a person says from a host of his own."""
        return self.box.clinsafe(*words, "--coordinator", f"tcp://{COORDINATOR}:7403", "--key", self.box.dir / f"{key}.key",
                                 "--server-key", self.box.dir / "coordinator.pub", prefix=self.net.enter("operator"),
                                 timeout=timeout)

    def submit(self):
        self.assertExit(self.operator("submit", self.study))

    def status(self):
        done = self.box.clinsafe("status", "--redis", f"tcp://{REDIS}:6379", "--json", env=self.redis_env,
                                 prefix=self.net.enter("operator"))
        return done.json() if done.code == 0 else {"state": "none", "done": 0, "worker_list": [], "lanes": []}

    def wait_answered(self, n):
        harness.wait_for(lambda: self.sim.stats()["answered"] >= n, what=f"{n} answers", process=self.coordinator)

    def wait_finished(self, done=TRIALS, timeout=60):
        harness.wait_for(lambda: self.status()["state"] == "finished", timeout=timeout, what="the study to finish",
                         process=self.coordinator)
        self.assertEqual(self.status()["done"], done)

    def drain(self, *workers):
        self.assertExit(self.operator("drain"))
        self.assertExit(self.coordinator.wait())
        for worker in workers:
            self.assertExit(worker.wait())

    def assertOutputs(self):
        """Exactly the outputs of the independent computation, and a clean store."""
        truth = Truth(self.study.parent / "truth.yaml")
        done = self.box.clinsafe("export", self.study, "--format", "jsonl")
        self.assertExit(done)
        found = {r["digest"]: r["outcome"] for r in harness.rows_jsonl(done.out)}
        self.assertEqual(found, {t.digest: truth.outcome(t)[0] for t in Study(self.study).trials()})
        self.assertExit(self.box.clinsafe("verify", self.study))

    def test_whole_study(self):
        workers = [self.start_worker("w1"), self.start_worker("w2")]
        self.submit()
        self.wait_answered(60)
        status = harness.wait_for(lambda: (s := self.status())["done"] and s, what="progress in Redis")
        self.assertEqual((status["study"], status["planned"]), ("small", TRIALS))
        harness.wait_for(lambda: {w["name"] for w in self.status()["worker_list"]} == {"w1", "w2"}, what="both workers")
        self.wait_finished()
        again = self.operator("submit", self.study)
        self.assertExit(again)
        self.assertIn("continues", again.out)
        self.drain(*workers)
        self.assertOutputs()
        stats = self.sim.stats()
        self.assertEqual((stats["requests"], stats["paid_again"]), (TRIALS, 0))
        for name in ("coordinator", *WORKERS):
            secret = (self.box.dir / f"{name}.key").read_text().split()[0]
            for process in [self.coordinator, *workers]:
                self.assertNotIn(secret, process.printed())
                self.assertNotIn(PASSWORD, process.printed())

    def test_key_that_is_not_listed_is_refused(self):
        strangers = [self.start_worker("w3", key="stranger"), self.start_worker("w2", server_key="stranger")]
        self.submit()
        harness.wait_for(lambda: "ev=key_refused" in strangers[0].printed(), what="its refusal", process=strangers[0])
        time.sleep(3)
        self.assertEqual(self.sim.stats()["requests"], 0, "no work for a stranger, and none from one")
        self.assertEqual(self.status()["worker_list"], [])
        refused = self.operator("cancel", key="stranger")
        self.assertExit(refused, harness.EXIT_DENIED)
        self.assertOneLine(refused.err, "refuses this key")
        worker = self.start_worker("w1", slots=32)
        self.wait_finished()
        for stranger in strangers:
            stranger.stop()
        self.drain(worker)
        self.assertOutputs()

    def test_blocked_announcements_change_nothing(self):
        """PUB is a hint (decision 20): a pause reaches the workers without it."""
        for host in ("w1", "w2"):
            self.net.lose(host, PUB)
            self.addCleanup(self.net.find, host, PUB)
        workers = [self.start_worker("w1"), self.start_worker("w2")]
        self.submit()
        self.wait_answered(40)
        self.assertExit(self.operator("pause"))
        harness.wait_for(self.is_quiet, timeout=10, what="calls to finish")
        before = self.sim.stats()["requests"]
        time.sleep(1)
        self.assertEqual(self.sim.stats()["requests"], before)
        self.assertExit(self.operator("resume"))
        self.wait_finished()
        self.drain(*workers)
        self.assertOutputs()
        self.assertEqual(self.sim.stats()["paid_again"], 0)

    def is_quiet(self):
        """No call, and not only between two of them."""
        seen = self.sim.stats()
        time.sleep(0.3)
        return seen["in_flight"] == 0 and self.sim.stats()["requests"] == seen["requests"]

    def test_cancel_one_model(self):
        workers = [self.start_worker("w1"), self.start_worker("w2")]
        self.submit()
        self.wait_answered(40)
        self.assertExit(self.operator("cancel", "model-b"))
        refused = self.operator("pause", "no-such-model")
        self.assertNotEqual(refused.code, 0)
        self.assertOneLine(refused.err, "no-such-model")
        harness.wait_for(lambda: self.status()["state"] == "finished", what="the study to finish")
        lanes = {lane["model"]: lane for lane in self.status()["lanes"]}
        self.assertEqual((lanes["model-a"]["done"], lanes["model-b"]["state"]), (TRIALS // 2, "cancelled"))
        self.assertEqual(lanes["model-b"]["done"] + lanes["model-b"]["cancelled"], TRIALS // 2)
        self.drain(*workers)
        self.assertExit(self.box.clinsafe("verify", self.study))

    def test_retry_asks_failed_trials_again(self):
        self.sim.control(always={"invalid": 1}, latency={"median_ms": 1})
        workers = [self.start_worker("w1", slots=256), self.start_worker("w2", slots=256)]
        self.submit()
        harness.wait_for(lambda: {lane["state"] for lane in self.status()["lanes"]} == {"paused"}, timeout=90,
                         what="both lanes to pause, since all fails alike")
        self.assertEqual({lane["failed"] for lane in self.status()["lanes"]}, {50})
        self.assertExit(self.operator("resume"))
        harness.wait_for(lambda: self.status()["state"] == "finished", timeout=90, what="every trial to fail")
        status = self.status()
        self.assertEqual((status["done"], status["failed"]), (0, TRIALS))
        self.sim.control(always={})
        self.assertExit(self.operator("retry", "model-a"))
        harness.wait_for(lambda: self.status()["done"] == TRIALS // 2, what="model-a")
        self.assertEqual(self.status()["failed"], TRIALS // 2)
        self.assertExit(self.operator("retry"))
        harness.wait_for(lambda: self.status()["done"] == TRIALS, what="model-b")
        self.drain(*workers)
        self.assertOutputs()
        self.assertEqual(self.sim.stats()["answered"], TRIALS)

    def test_edited_study_while_the_first_runs(self):
        workers = [self.start_worker("w1"), self.start_worker("w2")]
        self.submit()
        self.wait_answered(60)
        groups = self.study.parent / "groups.csv"
        groups.write_text(groups.read_text() + "insured,insurance,,The patient has health insurance.\n")
        again = self.operator("submit", self.study)
        self.assertExit(again)
        self.assertIn("generation 2", again.out)
        harness.wait_for(lambda: (s := self.status())["state"] == "finished" and s["gen"] == 2, what="generation 2")
        self.drain(*workers)
        rows = harness.rows_jsonl(self.box.clinsafe("export", self.study, "--format", "jsonl").out)
        self.assertEqual({r["digest"] for r in rows}, {t.digest for t in Study(self.study).trials()})
        stats = self.sim.stats()
        self.assertEqual((stats["requests"], stats["paid_again"]), (TRIALS + 36, 0))
        self.assertExit(self.box.clinsafe("verify", self.study))

    def test_workers_join_and_leave(self):
        first = self.start_worker("w1", drain_s=20)
        self.submit()
        self.wait_answered(40)
        second = self.start_worker("w2")
        harness.wait_for(lambda: self.sim.stats()["peak_in_flight"] > 4, what="the second at work")
        self.assertExit(first.stop())
        self.assertLess(self.sim.stats()["answered"], TRIALS, "left in the middle")
        self.wait_finished()
        self.drain(second)
        self.assertOutputs()
        self.assertEqual(self.sim.stats()["paid_again"], 0)

    def test_killed_coordinator_costs_nothing(self):
        """Its workers outlive it and deliver to the next one."""
        workers = [self.start_worker("w1"), self.start_worker("w2")]
        self.submit()
        self.wait_answered(60)
        self.coordinator.kill()
        time.sleep(1)
        self.coordinator = self.start_coordinator()
        self.wait_finished(timeout=100)
        self.drain(*workers)
        self.assertOutputs()
        self.assertEqual(self.sim.stats()["paid_again"], 0)

    def test_pulled_cable(self):
        """For less than the leases last: nothing is asked twice, nothing is lost."""
        workers = [self.start_worker("w1"), self.start_worker("w2")]
        self.submit()
        self.wait_answered(40)
        self.net.plug("w1", False)
        self.addCleanup(self.net.plug, "w1", True)
        time.sleep(4)
        self.net.plug("w1", True)
        self.wait_finished()
        self.drain(*workers)
        self.assertOutputs()
        self.assertLessEqual(self.sim.stats()["paid_again"], 4, "calls that the cable cut")

    def test_redis_away_and_back(self):
        workers = [self.start_worker("w1"), self.start_worker("w2")]
        self.submit()
        self.wait_answered(40)
        self.redis.kill()
        self.wait_answered(100)
        self.start_redis()
        self.wait_finished()
        self.drain(*workers)
        self.assertOutputs()
        self.assertEqual(self.sim.stats()["paid_again"], 0)

    def test_wrong_redis_password(self):
        (self.box.dir / "password").write_text("wrong\n")
        done = self.box.clinsafe("status", "--redis", f"tcp://{REDIS}:6379", env=self.redis_env,
                                 prefix=self.net.enter("operator"))
        self.assertNotEqual(done.code, 0)
        self.assertOneLine(done.err)

    def test_interrupted_worker_gives_back(self):
        worker = self.start_worker("w1", drain_s=20)
        self.submit()
        self.wait_answered(40)
        worker.signal(signal.SIGINT)
        self.assertExit(worker.wait(25))
        stats = self.sim.stats()
        self.assertEqual((stats["in_flight"], stats["answered"]), (0, stats["requests"]))
        worker = self.start_worker("w2", slots=32)
        self.wait_finished()
        self.drain(worker)
        self.assertEqual(self.sim.stats()["paid_again"], 0)


if __name__ == "__main__":
    harness.main()
