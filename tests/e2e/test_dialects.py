#!/usr/bin/env python3
"""One study through every dialect at once: seven lanes, the same questions, and the answers that the simulator's formula gives
for each trial's digest. What a dialect calls things differs; what an export says must not."""
import collections
import json
import math
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
from expected import Truth, unit

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
            level = ("control" if level in ("control", "control_aa") else level, None)
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


@harness.short
class LogProbabilities(harness.TestCase):
    """Where a vendor tells them they are exported: of the whole answer, and what else might have stood where each answer begins."""

    LANES = {"chat": "seed: 7, ", "responses": "reasoning_effort: low, ", "gemini": "seed: 7, "}

    def test_they_are_those_of_the_formula(self):
        study = self.box.copy("dialects")
        providers = study.parent / "providers.yaml"
        text = providers.read_text()
        for lane, parameters in self.LANES.items():
            line = next(x for x in text.splitlines() if x.startswith(f"  {lane}: {{account"))
            text = text.replace(line, line.split(", parameters")[0] +
                                f", parameters: {{{parameters}logprobs: true, top_logprobs: 3}}}}")
        providers.write_text(text)
        rule = "      sure: {number: {min: 0, max: 100}}\n"
        self.assertIn(rule, study.read_text())
        study.write_text(study.read_text().replace(rule, rule + "    derive: {mean: {expected: triage}, p_yes: {expected: mental_health_assessment}}\n"))
        study.write_text(study.read_text().replace(f"models: [{', '.join(LANES)}]", "models: [chat, responses, gemini, bedrock]"))
        self.assertExit(self.box.clinsafe("run", study, "--workers", 1, "--slots", 16, "--json"))
        rows = harness.rows_jsonl(harness.must(self.box.clinsafe("export", study, "--format", "jsonl")).out)
        told = collections.Counter()
        for row in rows:
            if row["model"] == "bedrock":
                self.assertNotIn("logprob", row)
                self.assertNotIn("alternatives", row)
                self.assertNotIn("derived.p_yes", row)
            elif row["outcome"] == "ok":
                self.assertLogprobs(row)
                told[row["model"]] += 1
        self.assertEqual(set(told), set(self.LANES))
        self.assertGreater(sum("derived.p_yes" in row for row in rows), TRIALS // 8)
        notes = harness.must(self.box.clinsafe("report", study, "--json")).json()["notes"]
        self.assertEqual([n.split(" is known")[0] for n in notes if "told no log probabilities" in n], ["bedrock: mean", "bedrock: p_yes"])
        self.assertExit(self.box.clinsafe("verify", study))
        header = harness.must(self.box.clinsafe("export", study)).out.splitlines()[0]
        self.assertIn(",logprob,logprob_tokens,alternatives", header)

    def assertLogprobs(self, row):
        tokens = [row["text"][i:i + 4] for i in range(0, len(row["text"]), 4)]
        p = [0.5 + 0.5 * unit(7, "logprob", row["digest"], str(i)) for i in range(len(tokens))]
        self.assertEqual(row["logprob_tokens"], len(tokens))
        self.assertAlmostEqual(row["logprob"], sum(map(math.log, p)), places=4)
        alternatives = json.loads(row["alternatives"])
        self.assertEqual(list(alternatives), ["triage", "mental_health_assessment", "sure"])
        for field, quote in (("triage", 1), ("mental_health_assessment", 1), ("sure", 0)):
            at = (row["text"].index(f'"{field}":') + len(field) + 3 + quote) // 4
            others = {tokens[at]: math.log(p[at]), "~1": math.log((1 - p[at]) / 2), "~2": math.log((1 - p[at]) / 4)}
            self.assertEqual(set(alternatives[field]), set(others), row)
            for token, logprob in others.items():
                self.assertAlmostEqual(alternatives[field][token], logprob, places=3)
            if field == "mental_health_assessment" and "derived.p_yes" in row:  # its token is the only one that begins a word
                self.assertAlmostEqual(row["derived.p_yes"], float(row[f"answer.{field}"] == "Yes"), 9)


if __name__ == "__main__":
    harness.main()
