#!/usr/bin/env python3
"""Workers share limits: the provider never has to say no, and a Redis in trouble grants no second quota."""
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parents[1] / "bench")]
import harness
import quota_log

RPM = 3000
STUDY_REPEATS = 60  # more trials than the test lasts
MEASURE_S = 12


class SharedLimit(harness.TestCase):
    def start(self, limits, *simulator):
        self.study = self.box.copy("small")
        text = self.study.read_text()
        self.study.write_text(text.replace("repeats: 3\n", f"repeats: {STUDY_REPEATS}\n").replace(
            "[model-a, model-b]", "[model-a]").replace("max_output_tokens: 400", "max_output_tokens: 1500"))
        providers = self.study.parent / "providers.yaml"
        providers.write_text(providers.read_text().replace("truth: truth.yaml}", f"truth: truth.yaml, limits: {limits}}}"))
        self.log = self.box.dir / "arrivals"
        self.sim = self.box.simulator("--truth", self.study.parent / "truth.yaml", "--log", self.log, "--latency-ms", 100,
                                      *simulator)
        self.run_ = self.box.start("clinsafe", "run", self.study, "--workers", 2, "--slots", 64, "--simulator", self.sim.url)

    def measure(self, limit, unit="requests"):
        """Starts when the fleet has settled; returns the share of the limit that was used."""
        harness.wait_for(lambda: self.sim.stats()["answered"] >= 100, what="100 answers", process=self.run_)
        time.sleep(1 + MEASURE_S)
        self.assertIsNone(self.run_.poll(), self.run_.printed())
        self.run_.stop()
        arrivals = quota_log.read(self.log)
        self.assertEqual(sum(a.status == 429 for a in arrivals), 0)
        end = arrivals[-1].at_s - 1
        return quota_log.admitted(arrivals, end - MEASURE_S + 1, end, unit) / (limit * (MEASURE_S - 1) / 60)

    @harness.short
    def test_requests_per_minute(self):
        self.start(f"{{requests_per_minute: {RPM}}}", "--rpm", RPM, "--burst-requests", RPM // 60)
        share = self.measure(RPM)
        self.assertGreaterEqual(share, 0.8)  # the share itself is for tests/bench/quota
        self.assertLessEqual(share, 1.01)

    def test_tokens_per_minute(self):
        tpm = 3_000_000
        self.start(f"{{tokens_per_minute: {tpm}}}", "--tpm", tpm, "--burst-tokens", tpm // 60)
        share = self.measure(tpm, "tokens")
        self.assertGreaterEqual(share, 0.8)  # the share itself is for tests/bench/quota
        self.assertLessEqual(share, 1.01)

    def test_redis_in_trouble_grants_no_second_quota(self):
        """Flushed, out of memory, read-only, slow, stopped, killed: over all of it the provider sees the limit and no more."""
        self.start(f"{{requests_per_minute: {RPM}}}", "--rpm", RPM, "--burst-requests", RPM // 60)
        harness.wait_for(lambda: self.sim.stats()["answered"] >= 300, what="300 answers", process=self.run_)
        for trouble in (self.flush, self.no_memory, self.read_only, self.slow, self.stopped, self.killed):
            before = self.sim.stats()["answered"]
            trouble()
            harness.wait_for(lambda: self.sim.stats()["answered"] > before + 50, what="answers afterwards", process=self.run_)
        self.run_.stop()
        arrivals = quota_log.read(self.log)
        self.assertEqual(sum(a.status == 429 for a in arrivals), 0)
        self.assertLessEqual(quota_log.excess(arrivals, 0, arrivals[-1].at_s + 1, RPM / 60, "requests"), RPM // 60)

    def test_a_limit_changed_by_the_provider_is_followed_both_ways(self):
        self.start(f"{{requests_per_minute: {RPM}}}", "--rpm", RPM, "--burst-requests", RPM // 60)
        harness.wait_for(lambda: self.sim.stats()["answered"] >= 20, what="answers", process=self.run_)
        harness.wait_for(lambda: self.told() == RPM, what="the provider's own words", process=self.run_)
        self.sim.control(limits={"rpm": RPM // 2, "burst_requests": RPM // 120})
        harness.wait_for(lambda: self.told() == RPM // 2, what="half the limit", process=self.run_)
        before = self.sim.stats()["answered"]
        harness.wait_for(lambda: self.sim.stats()["answered"] > before + 100, what="answers by half the limit", process=self.run_)
        self.sim.control(limits={"rpm": RPM, "burst_requests": RPM // 60})
        harness.wait_for(lambda: self.told() == RPM, what="the whole limit again", process=self.run_)
        self.run_.stop()
        refused = sum(a.status == 429 for a in quota_log.read(self.log))
        self.assertLessEqual(refused, RPM / 60 * (0.1 + 1), "the old rate for as long as an answer takes, and a second")

    def told(self):
        """What the fleet knows of the limit from the provider's headers."""
        keys = self.redis("--scan", "--pattern", "clinsafe:quota:*").split()
        found = [self.redis("hget", k, "t1").strip() for k in keys if not k.endswith(":workers")]
        return float(found[0]) if found and found[0] else None

    def flush(self):
        for _ in range(3):
            self.redis("flushall")
            time.sleep(0.4)

    def no_memory(self):
        self.redis("config", "set", "maxmemory", "1")
        time.sleep(2)
        self.redis("config", "set", "maxmemory", "0")

    def read_only(self):
        self.redis("replicaof", "127.0.0.1", "1")
        time.sleep(2)
        self.redis("replicaof", "no", "one")

    def slow(self):
        for _ in range(4):
            self.stopped(0.6)
            time.sleep(0.2)

    def stopped(self, seconds=3):
        pid = self.redis_pid()
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)

    def killed(self):
        """`run` starts another one, which is empty."""
        os.kill(self.redis_pid(), signal.SIGKILL)

    def state(self):
        return json.loads((self.study.with_suffix(".clinsafe") / "run.json").read_text())

    def redis(self, *words):
        return subprocess.run(["redis-cli", "-s", self.state()["sockets"] + "/redis", *words], capture_output=True, text=True,
                              check=True).stdout

    def redis_pid(self):
        for process in self.state()["processes"]:
            if b"redis-server" in Path(f"/proc/{process['pid']}/cmdline").read_bytes():
                return process["pid"]
        raise LookupError("redis-server")


class SharedPool(harness.TestCase):
    def test_two_models_draw_from_one_pool(self):
        """Each model may do 6,000 a minute, both together 1,500."""
        pool_rpm = 1500
        study = self.box.copy("small")
        study.write_text(study.read_text().replace("repeats: 3\n", "repeats: 30\n"))
        providers = study.parent / "providers.yaml"
        text = providers.read_text().replace("truth: truth.yaml}", f"truth: truth.yaml, limits: {{requests_per_minute: 6000}}, "
                                             f"pools: {{both: {{requests_per_minute: {pool_rpm}}}}}}}")
        providers.write_text(text.replace("account: simulated,", "account: simulated, pools: [both],"))
        log = self.box.dir / "arrivals"
        sim = self.box.simulator("--truth", study.parent / "truth.yaml", "--log", log, "--latency-ms", 50)
        run = self.box.start("clinsafe", "run", study, "--workers", 2, "--slots", 64, "--simulator", sim.url)
        harness.wait_for(lambda: sim.stats()["answered"] >= 400, timeout=60, what="400 answers, 16 s at that rate", process=run)
        run.stop()
        arrivals = quota_log.read(log)
        self.assertLessEqual(quota_log.excess(arrivals, 0, arrivals[-1].at_s + 1, pool_rpm / 60, "requests"), pool_rpm / 60)
        models = sim.stats()["models"]
        self.assertEqual([n["requests"] > 100 for n in models.values() if n["requests"]], [True, True])


class VendorsCountTokens(harness.TestCase):
    """Each in its own way; none has to say no, and what is settled is used."""

    PER_MINUTE, PER_S = 600_000, 10_000

    def run_study(self, protocol, limits, *simulator):
        study = self.box.copy("small")
        study.write_text(study.read_text().replace("[model-a, model-b]", "[model-a]").replace("repeats: 3\n", "repeats: 20\n"))
        providers = study.parent / "providers.yaml"
        text = providers.read_text().replace("openai-chat", protocol)
        providers.write_text(text.replace("truth: truth.yaml}", f"truth: truth.yaml, limits: {limits}}}"))
        sim = self.box.simulator("--truth", study.parent / "truth.yaml", "--latency-ms", 50, "--burst-tokens", self.PER_S, *simulator)
        run = self.box.start("clinsafe", "run", study, "--workers", 2, "--slots", 64, "--simulator", sim.url)
        harness.wait_for(lambda: sim.stats()["answered"] >= 300, what="300 answers", process=run)
        run.stop()
        self.assertEqual(sim.stats()["limit_violations"], 0)

    def test_anthropic(self):
        self.run_study("anthropic-messages", f"{{input_tokens_per_minute: {self.PER_MINUTE}, output_tokens_per_minute: {self.PER_MINUTE // 5}}}",
                       "--itpm", self.PER_MINUTE, "--otpm", self.PER_MINUTE // 5)

    def test_bedrock(self):
        self.run_study("bedrock-converse", f"{{tokens_per_minute: {self.PER_MINUTE}}}", "--tpm", self.PER_MINUTE)

    def test_gemini(self):
        self.run_study("gemini", f"{{tokens_per_minute: {self.PER_MINUTE}}}", "--tpm", self.PER_MINUTE)


class CallsAtOnce(harness.TestCase):
    AT_ONCE = 10

    def start(self, limits=""):
        study = self.box.copy("small")
        study.write_text(study.read_text().replace("[model-a, model-b]", "[model-a]").replace("repeats: 3\n", "repeats: 20\n"))
        providers = study.parent / "providers.yaml"
        providers.write_text(providers.read_text().replace("truth: truth.yaml}", f"truth: truth.yaml{limits}}}"))
        self.sim = self.box.simulator("--truth", study.parent / "truth.yaml", "--concurrent", self.AT_ONCE, "--latency-ms", 30)
        return self.box.clinsafe("run", study, "--workers", 3, "--slots", 64, "--simulator", self.sim.url, timeout=100)

    def test_as_declared_by_all_workers_together(self):
        self.assertExit(self.start(f", limits: {{concurrent: {self.AT_ONCE}}}"))
        stats = self.sim.stats()
        self.assertEqual(stats["limit_violations"], 0)
        self.assertEqual(stats["peak_serving"], self.AT_ONCE)

    @harness.short
    def test_found_where_nothing_is_declared(self):
        """Every trial is answered, and most calls are served: each worker finds what is left for it."""
        self.assertExit(self.start())
        stats = self.sim.stats()
        self.assertEqual(stats["peak_serving"], self.AT_ONCE)
        self.assertEqual(stats["answered"], stats["unique_digests"])
        self.assertLess(stats["limit_violations"], stats["answered"] / 2, stats)


if __name__ == "__main__":
    harness.main()
