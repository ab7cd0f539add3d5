#!/usr/bin/env python3
"""A Redis whose keys others write over: no limit is exceeded, no worker ends, and when it is over all is as it was."""
import subprocess
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib")]
import harness
from curve_fleet import CurveFleet

RPM, WORKERS = 6000, 2
GARBAGE = """
local words = {'1e18', 'nan', '-1e18', '9223372036854775807', 'garbage'}
local n = tonumber(ARGV[1])
for _, k in ipairs(redis.call('KEYS', '*')) do
  local t = redis.call('TYPE', k).ok
  if t == 'hash' then
    for _, f in ipairs(redis.call('HKEYS', k)) do n = n + 1; redis.call('HSET', k, f, words[n % 5 + 1]) end
  elseif t == 'string' then
    redis.call('SET', k, words[n % 5 + 1])
  end
end"""
WRONG_TYPE = """
for i, k in ipairs(redis.call('KEYS', '*')) do
  redis.call('DEL', k)
  if i % 3 == 0 then redis.call('RPUSH', k, 'x') elseif i % 3 == 1 then redis.call('SET', k, string.rep('A', 10000000)) else redis.call('ZADD', k, 1, 'x') end
end"""


class Redis(harness.TestCase):
    TIME_LIMIT_S = 150

    def setUp(self):
        super().setUp()
        self.fleet = CurveFleet(self.box, redis=True)
        study = self.box.copy("small")
        study.write_text(study.read_text().replace("\nrepeats: 3\n", "\nrepeats: 115\n").replace("[model-a, model-b]", "[model-a]"))
        providers = study.parent / "providers.yaml"
        providers.write_text(providers.read_text().replace("truth: truth.yaml}", f"truth: truth.yaml, limits: {{requests_per_minute: {RPM}}}}}"))
        self.planned = 42 * 115
        self.sim = self.box.simulator("--truth", study.parent / "truth.yaml", "--latency-ms", 50, "--rpm", RPM, "--burst-requests", RPM // 60)
        self.workers = [self.fleet.worker(f"w{i + 1}", "--simulator", self.sim.url, "--slots", 64) for i in range(WORKERS)]
        harness.must(self.fleet.ask("submit", study))
        harness.wait_for(lambda: self.answered() > 800, what="the study at work", process=self.workers[0])

    def answered(self):
        return self.sim.stats()["answered"]

    def rate(self, seconds, meanwhile=lambda: None):
        began, first = time.monotonic(), self.answered()
        while time.monotonic() < began + seconds:
            meanwhile()
            time.sleep(0.5)
        return (self.answered() - first) / (time.monotonic() - began) * 60

    def say(self, *words):
        subprocess.run(["redis-cli", "-s", self.fleet.redis[5:], *map(str, words)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20)

    @harness.short
    def test_keys_that_others_write_over(self):
        before = self.rate(4)
        garbage = self.rate(4, lambda: self.say("EVAL", GARBAGE, 0, int(time.monotonic())))
        types = self.rate(3, lambda: self.say("EVAL", WRONG_TYPE, 0))
        self.assertTrue(all("ev=quota_away" in w.printed() for w in self.workers))
        harness.wait_for(lambda: all("ev=quota_back" in w.printed() for w in self.workers), 30, "the quota as it was")
        harness.wait_for(lambda: self.box.clinsafe("status", "--redis", self.fleet.redis).code == 0, 20, "status as it was")
        time.sleep(2)  # a new bucket is in debt
        after = self.rate(10)
        print(f"    a minute, of {RPM}: {before:.0f} before, {garbage:.0f} under garbage, {types:.0f} under other types, {after:.0f} afterwards", flush=True)
        self.assertGreater(min(garbage, types), 0.7 * before)
        self.assertGreater(after, 0.95 * before)
        self.sim.control(limits={"rpm": 10 * RPM, "burst_requests": RPM})
        harness.wait_for(lambda: self.answered() >= self.planned, 90, "the last answer", self.workers[0])
        time.sleep(1)
        for worker in self.workers:
            self.assertExit(worker.stop())
        self.assertExit(self.fleet.coordinator.stop())
        self.assertExit(self.box.clinsafe("verify", "--store", self.fleet.dir / "store"))
        stats = self.sim.stats()
        print(f"    the honest study: {stats['answered']} of {self.planned} answers, {stats['paid_again']} paid twice, {stats['limit_violations']} over the limit", flush=True)
        self.assertEqual((stats["answered"], stats["paid_again"], stats["limit_violations"]), (self.planned, 0, 0))


if __name__ == "__main__":
    harness.main()
