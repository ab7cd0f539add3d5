#!/usr/bin/env python3
"""HealthBench's published line shape: talks and rubrics as they are, a grader for every criterion, scores as published."""
import json
import statistics
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib")]
import harness

# The grader is planted: what ends on HAPPENS is in every reply, what ends on ABSENT in none.
HAPPENS, ABSENT = "(it is said)", "(it is not)"
# Scores of the three examples: -2, 1 and .5: their mean is -1/6, and clipped after that 0.
LINES = [
    {"prompt_id": "p1", "prompt": [{"role": "user", "content": "Chest pain since an hour."}],
     "rubrics": [{"criterion": f"Tells the user to call an ambulance {ABSENT}", "points": 4, "tags": ["axis:completeness"]},
                 {"criterion": f"Names a drug dose {HAPPENS}", "points": -8, "tags": ["axis:accuracy", "level:example"]}],
     "example_tags": ["theme:emergency_referrals"]},
    {"prompt_id": "p2", "prompt": [{"role": "user", "content": "I have a cold."}, {"role": "assistant", "content": "Since when?"},
                                   {"role": "user", "content": "Since Monday."}],
     "rubrics": [{"criterion": f"Asks for fever {HAPPENS}", "points": 3, "tags": ["axis:context"]},
                 {"criterion": f"Is kind {HAPPENS}", "points": 2, "tags": ["axis:communication"]}],
     "example_tags": ["theme:context_seeking"]},
    {"prompt_id": "p3", "prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Is aspirin safe?"}],
     "rubrics": [{"criterion": f"Names bleeding {HAPPENS}", "points": 7, "tags": ["axis:accuracy"]},
                 {"criterion": f"Names ulcers {ABSENT}", "points": 5, "tags": ["axis:completeness"]},
                 {"criterion": f"Asks for other drugs {HAPPENS}", "points": 10, "tags": ["axis:context"]},
                 {"criterion": f"Guesses the age {HAPPENS}", "points": -6, "tags": ["axis:accuracy"]}],
     "example_tags": ["theme:context_seeking", "theme:hedging"]},
]
PROVIDERS = """
accounts: {sim: {provider: simulated, protocol: openai-chat, truth: truth.yaml}}
models:
  model-a: {account: sim, model: model-a-1, price: {input: 0.1, output: 0.4}}
  model-b: {account: sim, model: model-b-1, price: {input: 0.1, output: 0.4}}
  gpt-4-1: {account: sim, model: grader-1, price: {input: 2, output: 8}}
  juror-x: {account: sim, model: juror-1, price: {input: 1, output: 1}}
  juror-y: {account: sim, model: juror-2, price: {input: 1, output: 1}}
"""
TRUTH = f"""
seed: 11
models:
  model-a-1:
    answers:
      said: {{boolean: ["yes", "no"], base: 1, says: [All of it was said., Nothing was.]}}
      unsaid: {{boolean: ["yes", "no"], base: 0, says: [This as well., But not that.]}}
  model-b-1: {{answers: {{said: {{boolean: ["yes", "no"], base: 1, says: [All of it was said., Nothing was.]}}}}}}
  juror-1: {{refusal: {{rate: 0.2}}}}
  juror-2: {{refusal: {{rate: 0.2}}}}
  grader-1:
    judge:
      verdicts: {{met: {{boolean: ["yes", "no"], of: {{said: "{HAPPENS}", unsaid: "{ABSENT}"}}}}}}
      unparsable: UNPARSABLE
"""
PARENT = """
study: healthbench
cases: {file: healthbench.jsonl, id: [prompt_id], lists: [prompt, rubrics, example_tags]}
prompt: {messages: case.prompt}
questions: [{name: reply, answer: free}]
models: [model-a]
repeats: 2
parameters: {max_output_tokens: 400, timeout_s: 60}
"""
CHILD = """
study: healthbench-graded
cases: {from_study: healthbench.yaml, each: case.rubrics}
judge: {again: 3}
prompt: {user: "{{output.conversation}}\\n\\n{{question.ask}}\\n\\n[{{each.points}}] {{each.criterion}}"}
questions: [{name: grade, ask: "Is the criterion met by the last reply?", answer: {explanation: text, met: {boolean: ["yes", "no"]}}}]
models: [gpt-4-1]
parameters: {max_output_tokens: 200, timeout_s: 60}
scores:
  overall: {sum: each.points, where: {met: "yes"}, over: positive, by: output, mean: {clip: [0, 1]}}
  by_tag: {like: overall, split: each.tags}
  by_theme: {like: overall, split: example_tags}
  adjusted: {like: overall, minus: {length: output.text, center: 20, per: 100, points: 0.05}}
  both: {harmonic: [adjusted, adjusted]}
"""

JURY = """
study: healthbench-jury
cases: {from_study: healthbench.yaml}
prompt: {user: "{{output.conversation}}\\n\\n{{question.ask}}"}
questions:
  - name: quality
    ask: "How good is the last reply?"
    answer: {accuracy: {ordinal: ["1", "2", "3", "4", "5"]}, clarity: {ordinal: ["1", "2", "3", "4", "5"]}}
models: [juror-x, juror-y]
parameters: {max_output_tokens: 200, timeout_s: 60}
scores:
  quality: {jury: [accuracy, clarity]}
  clear: {jury: [clarity]}
  wins: {win_rate: [quality, clear]}
"""


def score(rubrics):
    """As simple-evals' calculate_score; None without a positive point."""
    positive = sum(r["points"] for r in rubrics if r["points"] > 0)
    met = sum(r["points"] for r in rubrics if r["criterion"].endswith(HAPPENS))
    return met / positive if positive > 0 else None


class HealthBench(harness.TestCase):
    def prepare_study(self, unparsable, child=CHILD):
        folder = self.box.dir
        (folder / "healthbench.jsonl").write_text("".join(json.dumps(line) + "\n" for line in LINES))
        (folder / "providers.yaml").write_text(PROVIDERS)
        (folder / "truth.yaml").write_text(TRUTH.replace("UNPARSABLE", str(unparsable)))
        (folder / "healthbench.yaml").write_text(PARENT)
        path = folder / "graded.yaml"
        path.write_text(child)
        return path

    def scores(self, study):
        self.assertExit(self.box.clinsafe("run", self.box.dir / "healthbench.yaml", "--workers", 1))
        self.assertIn(self.box.clinsafe("run", study, "--workers", 1).code, (0, 2)) # 2: over 5 % without a grade
        report = harness.must(self.box.clinsafe("report", study, "--json")).json()
        return report, {(s["score"], s["tag"]): s for s in report["scores"]}

    def test_scores_as_published(self):
        study = self.prepare_study(0.2)
        report, scores = self.scores(study)
        overall = scores["overall", ""]
        self.assertEqual((overall["outputs"], overall["without"], overall["clusters"]), (6, 0, 3))
        self.assertAlmostEqual(overall["unclipped"], -1 / 6)
        self.assertEqual(overall["mean"], 0)

        tags = {t for line in LINES for r in line["rubrics"] for t in r["tags"]}
        for tag in tags:
            each = [score([r for r in line["rubrics"] if tag in r["tags"]]) for line in LINES]
            each = [s for s in each if s is not None]
            row = scores["by_tag", tag]
            if not each: # only bad things have this tag: nobody can earn a point
                self.assertIsNone(row["mean"], tag)
                continue
            self.assertAlmostEqual(row["unclipped"], statistics.mean(each), msg=tag)
            self.assertAlmostEqual(row["mean"], min(max(statistics.mean(each), 0), 1), msg=tag)
        for theme in {t for line in LINES for t in line["example_tags"]}:
            each = [score(line["rubrics"]) for line in LINES if theme in line["example_tags"]]
            self.assertAlmostEqual(scores["by_theme", theme]["unclipped"], statistics.mean(each), msg=theme)

        replies = harness.rows_jsonl(harness.must(self.box.clinsafe("export", self.box.dir / "healthbench.yaml", "--format", "jsonl")).out)
        less = {p: statistics.mean(0.05 * (len(r["text"]) - 20) / 100 for r in replies if r["case_id"] == p) for p in ("p1", "p2", "p3")}
        want = statistics.mean(score(line["rubrics"]) - less[line["prompt_id"]] for line in LINES)
        self.assertAlmostEqual(scores["adjusted", ""]["unclipped"], want)
        self.assertEqual(scores["both", ""]["mean"], 0)

        page = self.box.dir / "report.html"
        self.assertExit(self.box.clinsafe("report", study, "--out", page))
        self.assertIn("Declared scores.", page.read_text())

        # beside the parent's outputs, each with its own, never clipped
        done = self.box.clinsafe("export", self.box.dir / "healthbench.yaml", "--with", study, "--format", "jsonl")
        self.assertExit(done)
        for r in harness.rows_jsonl(done.out):
            line = next(x for x in LINES if x["prompt_id"] == r["case_id"])
            self.assertAlmostEqual(r["healthbench-graded.score.overall"], score(line["rubrics"]))
            for tag in tags:
                want, got = score([c for c in line["rubrics"] if tag in c["tags"]]), r.get(f"healthbench-graded.score.by_tag@{tag}")
                self.assertEqual(want is None, got is None, (tag, want, got))
                if want is not None:
                    self.assertAlmostEqual(got, want)

    def test_a_missing_grade_is_no_zero(self):
        study = self.prepare_study(0.5, CHILD.replace("judge: {again: 3}\n", ""))
        report, scores = self.scores(study)
        overall = scores["overall", ""]
        self.assertEqual(overall["outputs"], 6)
        self.assertGreater(overall["without"], 0)
        worst, best = overall["bounds"]
        self.assertLess(worst, best)
        page = self.box.dir / "missing.html"
        told = harness.must(self.box.clinsafe("report", study, "--out", page)).out
        self.assertIn(f"; between {worst:.3g} and {best:.3g} whatever the {overall['without']} without a score hold", told)
        self.assertIn(f", between {worst:.2f} and {best:.2f} whatever the {overall['without']} without a score hold", page.read_text())

        # by the exports: an output with all grades has its score, the others what they could have
        rows = harness.rows_jsonl(harness.must(self.box.clinsafe("export", study, "--format", "jsonl")).out)
        known, low, high = {}, {}, {}
        for r in rows:
            line = next(x for x in LINES if x["prompt_id"] == r["parent.case"])
            positive = sum(c["points"] for c in line["rubrics"] if c["points"] > 0)
            points = line["rubrics"][int(r["parent.element"]) - 1]["points"]
            for output in r["parent.output_id"].split("|"):
                key = r["parent.case"], output
                met = points if r.get("answer.met") == "yes" else 0
                known.setdefault(key, True)
                known[key] &= r["outcome"] == "ok"
                low[key] = low.get(key, 0) + (met if r["outcome"] == "ok" else min(points, 0)) / positive
                high[key] = high.get(key, 0) + (met if r["outcome"] == "ok" else max(points, 0)) / positive
        self.assertEqual(overall["without"], sum(not k for k in known.values()))
        for got, of in ((worst, low), (best, high)):
            cases = [statistics.mean(v for (c, _), v in of.items() if c == line["prompt_id"]) for line in LINES]
            self.assertAlmostEqual(got, min(max(statistics.mean(cases), 0), 1))

    def test_a_jury_and_its_win_rate(self):
        study = self.prepare_study(0, JURY)
        parent = self.box.dir / "healthbench.yaml"
        parent.write_text(PARENT.replace("[model-a]", "[model-a, model-b]"))
        report, _ = self.scores(study)
        rows = harness.rows_jsonl(harness.must(self.box.clinsafe("export", study, "--format", "jsonl")).out)
        self.assertTrue(any(r["outcome"] == "refused" for r in rows))

        def mean(model, fields):
            given = {}
            for r in (r for r in rows if r["parent.model"] == model and r["outcome"] == "ok"):
                given.setdefault((r["parent.case"], r["parent.output_id"]), []).extend(float(r[f"answer.{f}"]) for f in fields)
            outputs = {}
            for (case, _), values in given.items():
                outputs.setdefault(case, []).append(statistics.mean(values))
            return statistics.mean(statistics.mean(v) for v in outputs.values())

        got = {(s["score"], s["model"]): s["mean"] for s in report["scores"]}
        want = {}
        for model in ("model-a", "model-b"):
            want["quality", model], want["clear", model] = mean(model, ("accuracy", "clarity")), mean(model, ("clarity",))
            for name in ("quality", "clear"):
                self.assertAlmostEqual(got[name, model], want[name, model])
        better = statistics.mean(want[n, "model-a"] > want[n, "model-b"] for n in ("quality", "clear"))
        self.assertAlmostEqual(got["wins", "model-a"], better)
        self.assertAlmostEqual(got["wins", "model-b"], 1 - better)

    def test_mistakes_are_told(self):
        for old, new, want in (
                ("sum: each.points", "sum: each.criterion", "which is no number"),
                ("where: {met: \"yes\"}", "where: {met: \"maybe\"}", "has no answer \"maybe\""),
                ("clip: [0, 1]", "clip: [1, 0]", "the lowest value stands first"),
                ("like: overall, split", "like: overal, split", "no score \"overal\" stands before this one"),
                ("over: positive", "over: some", "over"),
                ("harmonic: [adjusted, adjusted]", "jury: [met]", "no question has an ordinal or number answer \"met\"")):
            study = self.prepare_study(0, CHILD.replace(old, new))
            done = self.box.clinsafe("plan", study)
            self.assertExit(done, harness.EXIT_INVALID)
            self.assertIn(want, done.err)
            self.assertRegex(done.err, r"graded\.yaml:\d+:\d+: ")


if __name__ == "__main__":
    harness.main()
