#!/usr/bin/env python3
"""Two workers share one limit: nearly all of it is used, and the provider never has to say no."""
import json
import sys
import time
import urllib.error
import urllib.request
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
                                      "--bucket-empty", *simulator)
        self.first_call()
        self.run_ = self.box.start("clinsafe", "run", self.study, "--workers", 2, "--slots", 64, "--simulator", self.sim.url)

    def first_call(self):
        """The simulator makes a bucket, empty, at a model's first call: it is then refused, and the bucket begins to fill."""
        body = {"model": "a-2026-01-01", "messages": [{"role": "user", "content": "?"}]}
        request = urllib.request.Request(self.sim.url + "/v1/chat/completions", data=json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)
        self.assertEqual(refused.exception.code, 429)
        refused.exception.close()

    def measure(self, weigh=False):
        """Starts when the fleet has settled."""
        harness.wait_for(lambda: self.sim.stats()["answered"] >= 100, what="100 answers", process=self.run_)
        time.sleep(1 + MEASURE_S)
        self.assertIsNone(self.run_.poll(), self.run_.printed())
        self.run_.stop()
        arrivals = quota_log.read(self.log)
        last = arrivals[-1].at_s - 1
        return quota_log.figures(arrivals, last - MEASURE_S + 1, last, weigh), arrivals

    @harness.short
    def test_requests_per_minute(self):
        self.start(f"{{requests_per_minute: {RPM}}}", "--rpm", RPM, "--burst-requests", RPM // 60)
        got, arrivals = self.measure()
        self.assertEqual(got.limited, 0, "no 429")
        self.assertEqual(sum(a.status == 429 for a in arrivals), 1, "the first call's alone")
        self.assertGreaterEqual(got.per_minute / RPM, 0.95, got)
        self.assertLessEqual(got.per_minute / RPM, 1.01, got)

    def test_tokens_per_minute(self):
        tpm = 3_000_000
        self.start(f"{{tokens_per_minute: {tpm}}}", "--tpm", tpm, "--burst-tokens", tpm // 60)
        got, arrivals = self.measure(weigh=True)
        self.assertEqual(sum(a.status == 429 for a in arrivals), 1, "the first call's alone")
        self.assertGreaterEqual(got.per_minute / tpm, 0.95, got)
        self.assertLessEqual(got.per_minute / tpm, 1.01, got)


if __name__ == "__main__":
    harness.main()
