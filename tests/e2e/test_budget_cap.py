#!/usr/bin/env python3
"""A level may set another cap than its model: under a budget the largest one of a lane counts."""
import json
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib")]
import harness


@harness.short
class LevelCap(harness.TestCase):
    def study(self, cap, budget):
        study = self.box.copy("small")
        text = study.read_text().replace("prompt:\n", "  - name: cap\n    levels: [{id: normal, role: control}, "
                                                      f"{{id: long, parameters: {{max_output_tokens: {cap}}}}}]\nprompt:\n", 1)
        study.write_text(text + f"budget_usd: {budget}\n")
        self.sim = self.box.simulator("--truth", study.parent / "truth.yaml", "--latency-ms", 0)
        return self.box.clinsafe("run", study, "--workers", 1, "--simulator", self.sim.url, "--json")

    def test_a_call_that_the_budget_could_not_pay_for_is_not_made(self):
        done = self.study(200000, 0.30)  # 200,000 tokens at $3 a million are $0.60
        self.assertExit(done, 2)
        self.assertEqual((json.loads(done.out)["done"], self.sim.stats()["requests"]), (0, 0))

    def test_a_level_without_a_cap_is_refused(self):
        done = self.study("omit", 5)
        self.assertExit(done, harness.EXIT_INVALID)
        self.assertOneLine(done.err.splitlines()[-1], "model-a", "no level may omit it")
        self.assertEqual(self.sim.stats()["requests"], 0)


if __name__ == "__main__":
    harness.main()
