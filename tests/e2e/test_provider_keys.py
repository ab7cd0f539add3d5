#!/usr/bin/env python3
"""A provider that wants a key: where the key comes from, what happens without it, and that it is written nowhere."""
import json
import re
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness

KEY = "sk-test-5d41402abc4b2a76b9719d911017c592"
TRIALS = 252


@harness.short
class ProviderKeys(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.study = self.box.copy("small")
        self.sim = self.box.simulator("--truth", self.study.parent / "truth.yaml", "--latency-ms", 1, "--key", KEY)

    def account(self, key):
        """The study's provider, as one that is not simulated as far as ClinSafe knows."""
        path = self.study.parent / "providers.yaml"
        text, n = re.subn(r"simulated: \{.*\}", f"simulated: {{protocol: openai-chat, base_url: {self.sim.url}/v1, key: {key}}}",
                          path.read_text())
        self.assertEqual(n, 1)
        path.write_text(text)

    def run_study(self, **env):
        return self.box.clinsafe("run", self.study, "--workers", 1, "--slots", 16, "--json", env=env)

    def assertWrittenNowhere(self, done):
        for process in self.box._processes:
            self.assertNotIn(KEY, process.printed())
        for path in self.study.with_suffix(".clinsafe").rglob("*"):
            if path.is_file():
                self.assertNotIn(KEY.encode(), path.read_bytes(), path)
        self.assertNotIn(KEY, " ".join(map(str, done.args)))

    def test_from_the_environment(self):
        self.account("{env: SMALL_KEY}")
        done = self.run_study(SMALL_KEY=KEY)
        self.assertExit(done)
        self.assertEqual(json.loads(done.out)["done"], TRIALS)
        self.assertEqual(self.sim.stats()["unauthorized"], 0)
        self.assertWrittenNowhere(done)

    def test_from_a_file(self):
        secret = self.box.dir / "secret"
        secret.write_text(KEY + "\n")
        secret.chmod(0o600)
        self.account(f"{{file: {secret}}}")
        done = self.run_study()
        self.assertExit(done)
        self.assertEqual(json.loads(done.out)["done"], TRIALS)
        self.assertWrittenNowhere(done)

    def test_no_key_says_what_to_set_and_asks_nothing(self):
        self.account("{env: SMALL_KEY}")
        done = self.run_study()
        self.assertExit(done, 2)
        self.assertIn("SMALL_KEY", done.err)
        self.assertEqual(self.sim.stats()["requests"], 0)

    def test_plan_says_that_a_key_is_missing(self):
        self.account("{env: SMALL_KEY}")
        self.assertIn("Account simulated cannot be called from here: no key: set SMALL_KEY.", self.box.clinsafe("plan", self.study).out)
        self.assertNotIn("cannot be called", self.box.clinsafe("plan", self.study, env={"SMALL_KEY": KEY}).out)

    def test_wrong_key_stops_the_lane_and_no_trial_fails(self):
        self.account("{env: SMALL_KEY}")
        done = self.run_study(SMALL_KEY="sk-wrong")
        self.assertExit(done, 2)
        summary = json.loads(done.out)
        self.assertEqual((summary["done"], summary["failed"]), (0, 0))
        self.assertEqual({lane["state"] for lane in summary["lanes"]}, {"stopped"})
        self.assertIn("401", done.err)
        self.assertNotIn("sk-wrong", done.err + done.out)
        done = self.run_study(SMALL_KEY=KEY)
        self.assertExit(done)
        self.assertEqual(json.loads(done.out)["done"], TRIALS)

    def test_plain_http_leaves_this_machine_for_nobody(self):
        path = self.study.parent / "providers.yaml"
        path.write_text(re.sub(r"simulated: \{.*\}", "simulated: {protocol: openai-chat, base_url: http://198.51.100.7/v1}",
                               path.read_text()))
        done = self.run_study()
        self.assertExit(done, harness.EXIT_INVALID)
        self.assertOneLine(done.err, "providers.yaml:", "https")


if __name__ == "__main__":
    harness.main()
