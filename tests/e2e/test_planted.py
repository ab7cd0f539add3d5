#!/usr/bin/env python3
"""What the simulator plants is what comes out: every row equals the formula (expected.py), and counting alone, which knows the
planted numbers and no formula of ours, finds them again: rates, shifts, and the spread over cases of each, within 4.5 standard errors
over cases. The seed is fixed, so a run that passes once passes always.
"""
import collections
import itertools
import math
import statistics
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
from expected import Study, Truth

CASES, REPEATS = 600, 8
CASE_SD, PLACEBO, SHIFT, SHIFT_SD, WORDING_SD = 1.2, 0.6, 0.9, 1.8, 0.9
REFUSED, REFUSED_SHIFT = 0.05, 1.0
STUDY = """
study: planted
cases: {file: cases.csv, id: [case_id]}
factors:
  - name: group
    file: groups.csv
    wording: wording
    insert: {into: case.text, after_first: ". ", text: sentence}
prompt: {user: "{{case.text}} {{question.ask}}"}
questions:
  - name: visit
    ask: "Is a visit needed?"
    answer:
      visit: {boolean: ["Yes", "No"]}
      urgency: {ordinal: [low, middle, high]}
repeats: 8
models: [m]
"""
PROVIDERS = """
accounts: {simulated: {provider: simulated, truth: truth.yaml}}
models: {m: {account: simulated, model: m}}
"""
TRUTH = """
seed: 11
cases: {file: cases.csv, id: case_id, text: text, after_first: ". "}
levels: {file: groups.csv, id: id, text: sentence, wording: wording}
models:
  m:
    answers:
      visit: {boolean: ["Yes", "No"], base: 0.3, case_sd: 1.2, placebo_shift: 0.6, shift: {moved: 0.9}, shift_sd: {moved: 1.8},
              wording_sd: 0.9}
      urgency: {ordinal: [low, middle, high], base: [0.3, 0.4, 0.3], shift: {moved: 0.9}}
    refusal: {rate: 0.05, shift: {refused: 1.0}}
"""
GROUPS = """id,role,wording,sentence
plain,control,1,
plain_aa,aa,1,
checked,placebo,1,Check-in is complete.
moved,,1,The patient has no home.
moved,,2,The patient lives on the street.
refused,,1,The patient is in custody.
"""


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def logit(p):
    return math.log(p / (1 - p))


def integral(f, *sds):
    """Mean of f over independent normals with these SDs, on a grid of +-5.5 SD: exact to more digits than are compared."""
    points = [(-5.5 + 0.25 * i) for i in range(45)]
    weights = [math.exp(-z * z / 2) for z in points]
    total = sum(weights)
    return sum(math.prod(w / total for _, w in pick) * f(*(sd * z for sd, (z, _) in zip(sds, pick)))
               for pick in itertools.product(list(zip(points, weights)), repeat=len(sds)))


class Planted(harness.TestCase):
    @classmethod
    def prepare(cls):
        box = cls.shared()
        folder = box.dir / "planted"
        folder.mkdir()
        cases = "case_id,text\n" + "".join(f"c{i:03},Patient {i:03} coughs. It began {i:03} hours ago.\n" for i in range(CASES))
        files = {"study.yaml": STUDY, "providers.yaml": PROVIDERS, "truth.yaml": TRUTH, "groups.csv": GROUPS, "cases.csv": cases}
        for name, text in files.items():
            (folder / name).write_text(text)
        cls.study = folder / "study.yaml"
        harness.must(box.clinsafe("run", cls.study, "--workers", 1, timeout=120))
        cls.rows = harness.rows_jsonl(harness.must(box.clinsafe("export", cls.study, "--format", "jsonl")).out)
        cls.cells = collections.defaultdict(lambda: collections.defaultdict(list))  # (level, wording) -> case -> answers in order
        for row in sorted(cls.rows, key=lambda r: r["repeat"]):
            cls.cells[row["factor.group"], str(row["wording.group"])][row["case_id"]].append(row)

    def counted(self, level, wording="1"):
        """Per case: the share of Yes in each half of the answered repeats; halves are independent given the case."""
        out = {}
        for case, rows in self.cells[level, wording].items():
            yes = [row["answer.visit"] == "Yes" for row in rows if row["outcome"] == "ok"]
            if len(yes) >= 2:
                out[case] = statistics.fmean(yes[0::2]), statistics.fmean(yes[1::2])
        return out

    def assertRecovered(self, values, want):
        """The mean of one number a case is `want`, within its standard error over cases."""
        mean, se = statistics.fmean(values), statistics.stdev(values) / math.sqrt(len(values))
        self.assertLess(se, 0.05, "too loose to find anything")
        self.assertLess(abs(mean - want), 4.5 * se, f"counted {mean:.4f} +- {se:.4f}, planted {want:.4f}")
        return mean, se

    def differences(self, a, b):
        """Per case: the difference a - b in each half."""
        a, b = self.counted(*a), self.counted(*b)
        return [(a[c][0] - b[c][0], a[c][1] - b[c][1]) for c in a.keys() & b.keys()]

    def rate(self, shift, *sds):
        return integral(lambda *z: sigmoid(logit(0.3) + shift + sum(z)), *sds)

    def test_every_row_is_that_of_the_formula(self):
        truth, by_digest = Truth(self.study.parent / "truth.yaml"), {r["digest"]: r for r in self.rows}
        trials = list(Study(self.study).trials())
        self.assertEqual(len(trials), CASES * 6 * REPEATS)
        for trial in trials:
            row = by_digest[trial.digest]
            fields = {f: row[f"answer.{f}"] for f in trial.question["answer"] if f"answer.{f}" in row}
            self.assertEqual((row["outcome"], fields), truth.outcome(trial), trial.coordinates())

    def test_rates_and_shifts(self):
        base = self.rate(0, CASE_SD, WORDING_SD)
        self.assertRecovered([(x + y) / 2 for x, y in self.counted("plain").values()], base)
        for level, wording, shift, sd in (("checked", "1", PLACEBO, 0), ("moved", "1", PLACEBO + SHIFT, SHIFT_SD),
                                          ("moved", "2", PLACEBO + SHIFT, SHIFT_SD), ("plain_aa", "1", None, 0)):
            with self.subTest(level=level, wording=wording):
                want = 0 if shift is None else self.rate(shift, math.hypot(CASE_SD, sd), WORDING_SD) - base
                mean, se = self.assertRecovered([(x + y) / 2 for x, y in self.differences((level, wording), ("plain", "1"))], want)
                self.assertTrue(shift is None or mean > 2 * se, "planted, and seen")

    def test_spread_of_the_base_over_cases(self):
        """E[p^2] by the product of independent halves: larger than (E p)^2 by the variance over cases."""
        want = integral(lambda z: sigmoid(logit(0.3) + z) ** 2, math.hypot(CASE_SD, WORDING_SD))
        mean, se = self.assertRecovered([x * y for x, y in self.counted("plain").values()], want)
        self.assertGreater(mean - self.rate(0, CASE_SD, WORDING_SD) ** 2, 4 * se, "without case_sd this would be 0")

    def test_spread_of_the_shift_over_cases(self):
        def square(case, shift, of_moved, of_plain):
            a = sigmoid(logit(0.3) + PLACEBO + SHIFT + case + shift + of_moved)
            return (a - sigmoid(logit(0.3) + case + of_plain)) ** 2
        want = integral(lambda c, m, p: square(c, 0, m, p), CASE_SD, math.hypot(SHIFT_SD, WORDING_SD), WORDING_SD)
        without = integral(lambda c, m, p: square(c, 0, m, p), CASE_SD, WORDING_SD, WORDING_SD)
        mean, se = self.assertRecovered([x * y for x, y in self.differences(("moved", "1"), ("plain", "1"))], want)
        self.assertGreater(mean - without, 2 * se, "without shift_sd this would be 0")

    def test_spread_of_wordings_within_a_case(self):
        def square(case, one, two):
            at = logit(0.3) + PLACEBO + SHIFT + case
            return (sigmoid(at + one) - sigmoid(at + two)) ** 2
        want = integral(square, math.hypot(CASE_SD, SHIFT_SD), WORDING_SD, WORDING_SD)
        mean, se = self.assertRecovered([x * y for x, y in self.differences(("moved", "2"), ("moved", "1"))], want)
        self.assertGreater(mean, 3 * se, "without wording_sd this would be 0")

    def test_ordinal_shift(self):
        shares = collections.defaultdict(list)
        for (level, _), cases in self.cells.items():
            shares[level] += [statistics.fmean(r["answer.urgency"] == "high" for r in rows if r["outcome"] == "ok")
                              for rows in cases.values() if any(r["outcome"] == "ok" for r in rows)]
        self.assertRecovered(shares["plain"], 0.3)
        self.assertRecovered(shares["moved"], 1 - sigmoid(logit(0.7) - SHIFT))

    def test_refusals(self):
        for level, shift in (("plain", 0), ("moved", 0), ("refused", REFUSED_SHIFT)):
            rows = [row["outcome"] == "refused" for (at, _), cases in self.cells.items() if at == level
                    for of_case in cases.values() for row in of_case]
            want = sigmoid(logit(REFUSED) + shift)
            se = math.sqrt(want * (1 - want) / len(rows))
            self.assertLess(abs(statistics.fmean(rows) - want), 4.5 * se, level)


if __name__ == "__main__":
    harness.main()
