#!/usr/bin/env python3
"""One study through every dialect at once: seven lanes, the same questions, and the answers that the simulator's formula gives
for each trial's digest. What a dialect calls things differs; what an export says must not."""
import collections
import json
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
from expected import Truth

LANES = ["chat", "responses", "anthropic", "anthropic-tool", "gemini", "bedrock", "bedrock-tool"]
TRIALS = 6 * 5 * len(LANES)
MODEL = "us.a-2026:0"
FINISH = {"chat": "stop", "responses": "completed", "anthropic": "end_turn", "anthropic-tool": "tool_use",
          "gemini": "STOP", "bedrock": "end_turn", "bedrock-tool": "tool_use"}
# Where a model has no way to refuse, its provider filters.
REFUSED = {lane: "content_filtered" if lane.startswith(("gemini", "bedrock")) else "refused" for lane in LANES}


@harness.short
class Dialects(harness.TestCase):
    @classmethod
    def prepare(cls):
        box = cls.shared()
        cls.study = box.copy("dialects")
        cls.run_ = box.clinsafe("run", cls.study, "--workers", 2, "--slots", 16, "--json")
        cls.export = box.clinsafe("export", cls.study, "--format", "jsonl")
        cls.rows = harness.rows_jsonl(cls.export.out)
        cls.truth = Truth(cls.study.parent / "truth.yaml")

    def test_every_lane_completes(self):
        self.assertExit(self.run_)
        summary = json.loads(self.run_.out)
        self.assertEqual((summary["planned"], summary["done"], summary["failed"]), (TRIALS, TRIALS, 0))
        self.assertEqual([lane["model"] for lane in summary["lanes"]], LANES)
        self.assertEqual(collections.Counter(r["model"] for r in self.rows), {lane: 6 * 5 for lane in LANES})

    def test_answers_are_those_of_the_formula(self):
        outcomes = collections.Counter()
        for row in self.rows:
            lane, level, digest = row["model"], row["factor.group"], row["digest"]
            level = "control" if level in ("control", "control_aa") else level
            outcomes[lane, row["outcome"]] += 1
            if self.truth.refuses(MODEL, level, digest):
                self.assertEqual(row["outcome"], REFUSED[lane], row)
                continue
            self.assertEqual(row["outcome"], "ok", row)
            self.assertEqual(row["finish"], FINISH[lane])
            for field in ("triage", "mental_health_assessment"):
                self.assertEqual(row[f"answer.{field}"],
                                 self.truth.answer(MODEL, field, row["case_id"], level, digest), row)
            self.assertTrue(0 <= float(row["answer.sure"]) <= 100, row)
        for lane in LANES:
            self.assertGreater(outcomes[lane, "ok"], 15, outcomes)
            self.assertGreater(outcomes[lane, REFUSED[lane]], 0, outcomes)

    def test_rows_carry_provenance_and_usage(self):
        for row in self.rows:
            self.assertEqual((row["http_status"], row["attempts"], row["model_sent"]), (200, 1, MODEL), row)
            if not row["model"].startswith("bedrock"):  # which does not say which model served
                self.assertEqual(row["model_resolved"], MODEL)
            self.assertTrue(row["request_id"], row)
            self.assertGreater(row["input_tokens"], 20, row)
            if row["outcome"] == "ok":
                self.assertGreater(row["output_tokens"], 5, row)

    def test_no_two_trials_share_a_digest(self):
        self.assertEqual(len({r["digest"] for r in self.rows}), TRIALS)

    def test_verify_is_clean(self):
        self.assertExit(self.shared().clinsafe("verify", self.study, "--json"))


@harness.short
class DialectFaults(harness.TestCase):
    """429, 500, 503, 529, cut and malformed bodies in every dialect: all is asked again, nothing is paid twice."""

    def test_all_trials_end_done(self):
        study = self.box.copy("dialects")
        simulator = self.box.simulator("--truth", study.parent / "truth.yaml", "--faults",
                                       "rate_limited=0.05,server_error=0.05,unavailable=0.03,overloaded=0.03,malformed=0.03,"
                                       "truncated=0.03")
        done = self.box.clinsafe("run", study, "--workers", 1, "--slots", 24, "--json", "--simulator", simulator.url,
                                 timeout=110)
        self.assertExit(done)
        summary = done.json()
        self.assertEqual((summary["done"], summary["failed"]), (TRIALS, 0), simulator.stats()["faults"])
        stats = simulator.stats()
        self.assertEqual((stats["paid_again"], stats["invalid"], stats["digest_body_conflicts"]), (0, 0, 0))
        self.assertGreater(sum(stats["faults"].values()), TRIALS // 10)


if __name__ == "__main__":
    harness.main()
