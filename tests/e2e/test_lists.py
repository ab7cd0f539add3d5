#!/usr/bin/env python3
"""List answers: every option of a case is graded once, by a simulated model with planted grades (the formula is in tools/simulator/README.md) and by
a system that holds to no schema; what is counted over the elements is counted here again. Values and words found in text beside it."""
import collections
import hashlib
import json
import statistics
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
import test_reading as odd

CASES, REPEATS = 24, 4
GRADES = ["Appropriate", "Inappropriate"]
RATE = {"Appropriate": 0.9, "Inappropriate": 0.25}  # of calling it appropriate, by what it is
STUDY = """study: options
cases: {file: cases.jsonl, id: [case_id], lists: [options]}      # options: [{text, label, severity}]
prompt: {user: "{{question.ask}}\\n{{case.text}}\\n{{question.list}}"}
questions:
  - name: grading
    ask: "Grade every option. Reply with a JSON array of Option, GradeAI, Rationale."
    answer: {grades: {list: case.options, key: Option, fields: {GradeAI: {nominal: [Appropriate, Inappropriate], truth: label}, Rationale: text}}}
    derive:
      severe: {count: {of: grades, where: {GradeAI: Appropriate, label: Inappropriate, severity: severe}}}
      missed: {count: {of: grades, where: {GradeAI: Inappropriate, label: Appropriate}}}
      right: {share: {of: grades, where: {GradeAI: each.label}}}
      precision: {share: {of: grades, where: {label: Appropriate}, among: {GradeAI: Appropriate}}}
      recall: {share: {of: grades, where: {GradeAI: Appropriate}, among: {label: Appropriate}}}
      f1: {harmonic: [precision, recall]}
models: [ward-bot]
MORE"""
TRUTH = """seed: 5
cases: {file: cases.jsonl, lists: [options], id: case_id, text: text}
models:
  ward-bot:
    answers:
      GradeAI: {nominal: [Appropriate, Inappropriate], base: {list: options, column: label, rates: {Appropriate: [0.9, 0.1], Inappropriate: [0.25, 0.75]}}}
"""


def drawn(digest, element, label):
    """U(seed, "answer", digest, path) against the planted rate."""
    u = hashlib.blake2b("\x1f".join(["5", "answer", digest, f"grades.{element}.GradeAI"]).encode(), digest_size=32).digest()
    return GRADES[(int.from_bytes(u[:8], "big") >> 11) * 2**-53 >= RATE[label]]


def counted(options, grades):
    """What the study derives, from labels and grades side by side."""
    pairs = [(g, o["label"], o.get("severity")) for g, o in zip(grades, options)]
    called, good = [p for p in pairs if p[0] == GRADES[0]], [p for p in pairs if p[1] == GRADES[0]]
    both = len([p for p in called if p[1] == GRADES[0]])
    precision, recall = both / len(called) if called else None, both / len(good)
    return {"severe": len([p for p in called if p[1:] == (GRADES[1], "severe")]), "missed": len(good) - both,
            "right": sum(g == label for g, label, _ in pairs) / len(pairs), "precision": precision, "recall": recall,
            "f1": 2 * both / (len(called) + len(good))}


def jsonl(rows):
    return "".join(json.dumps(r) + "\n" for r in rows)


@harness.short
class Planted(harness.TestCase):
    """Example: a list of every length through the simulator, which plants a grade for each class of element."""

    @classmethod
    def prepare(cls):
        box = cls.shared()
        cls.folder = box.dir / "options"
        cls.folder.mkdir()
        cls.options = {f"c{i}": [{"text": f"Do {i}.{k}", "label": GRADES[(i + k) % 2], **({"severity": ["severe", "mild"][k % 2]} if (i + k) % 2 else {})}
                                 for k in range(2 + i % 9)] for i in range(CASES)}
        (cls.folder / "cases.jsonl").write_text(jsonl({"case_id": c, "text": f"Patient number {c} of the ward.", "options": o}
                                                      for c, o in cls.options.items()))
        (cls.folder / "truth.yaml").write_text(TRUTH)
        (cls.folder / "providers.yaml").write_text("accounts: {s: {provider: simulated, truth: truth.yaml}}\n"
                                                   "models: {ward-bot: {account: s, model: ward-bot}}\n")
        cls.study = cls.folder / "study.yaml"
        cls.study.write_text(STUDY.replace("MORE", f"repeats: {REPEATS}\nanalysis: {{primary: {{right: {{margin: 0.1 units}}}}, "
                                                  "composites: {overall_f1: {harmonic: [precision, recall]}}}"))
        harness.must(box.clinsafe("run", cls.study, "--workers", 1, timeout=120))
        files = [("--format", kind, "--out", cls.folder / f"rows.{kind}", "--elements", cls.folder / f"elements.{kind}") for kind in ("csv", "jsonl")]
        for options in files:
            harness.must(box.clinsafe("export", cls.study, *options))
        cls.rows = harness.rows_jsonl((cls.folder / "rows.jsonl").read_text())
        cls.elements = harness.rows_csv((cls.folder / "elements.csv").read_text())

    def test_every_element_has_the_planted_grade(self):
        self.assertEqual(len(self.rows), CASES * REPEATS)
        for row in self.rows:
            grades, options = json.loads(row["answer.grades"]), self.options[row["case_id"]]
            self.assertEqual([g["Option"] for g in grades], list(range(1, len(options) + 1)))
            self.assertEqual([g["GradeAI"] for g in grades],
                             [drawn(row["digest"], i + 1, o["label"]) for i, o in enumerate(options)])

    def test_numbers_over_the_elements(self):
        unknown = 0
        for row in self.rows:
            want = counted(self.options[row["case_id"]], [g["GradeAI"] for g in json.loads(row["answer.grades"])])
            for name, value in want.items():
                if value is None:
                    self.assertNotIn(f"derived.{name}", row)
                    unknown += 1
                else:
                    self.assertAlmostEqual(row[f"derived.{name}"], value, 12)
        self.assertGreater(unknown, 0)

    def test_a_row_for_every_element(self):
        by = collections.defaultdict(list)
        for e in self.elements:
            by[e["digest"]].append(e)
        self.assertEqual(len(self.elements), REPEATS * sum(map(len, self.options.values())))
        for row in self.rows:
            mine = by[row["digest"]]
            self.assertEqual([(int(e["element"]), e["element.text"], e["element.label"], e["element.severity"]) for e in mine],
                             [(i + 1, o["text"], o["label"], o.get("severity", "")) for i, o in enumerate(self.options[row["case_id"]])])
            self.assertEqual([(e["answer.GradeAI"], e["answer.Rationale"]) for e in mine],
                             [(g["GradeAI"], g["Rationale"]) for g in json.loads(row["answer.grades"])])
            self.assertEqual({(e["case_id"], e["repeat"], e["trial"], e["list"]) for e in mine},
                             {(row["case_id"], str(row["repeat"]), str(row["trial"]), "grades")})

    def test_both_formats_say_the_same(self):
        for name, mine in (("elements", self.elements), ("rows", harness.rows_csv((self.folder / "rows.csv").read_text()))):
            other = harness.rows_jsonl((self.folder / f"{name}.jsonl").read_text())
            self.assertEqual([{k: v for k, v in r.items() if v and k.startswith(("answer.", "element", "digest"))} for r in mine],
                             [{k: str(v) for k, v in r.items() if k.startswith(("answer.", "element", "digest"))} for r in other])

    def test_elements_are_averaged_within_their_case(self):
        report = harness.must(self.shared().clinsafe("report", self.study, "--json")).json()
        means = collections.defaultdict(list)
        for row in self.rows:
            means[row["case_id"]].append(row["derived.right"])
        found, = [r for r in report["rates"] if r["outcome"] == "right"]
        self.assertAlmostEqual(found["rate"], statistics.fmean(statistics.fmean(v) for v in means.values()), 10)
        self.assertEqual(found["clusters"], CASES)
        half = 2.0686576104190406 * statistics.stdev(statistics.fmean(v) for v in means.values()) / CASES**0.5  # t, 23 degrees of freedom
        self.assertAlmostEqual(found["ci"][1] - found["ci"][0], 2 * half, 8)

    def test_the_harmonic_mean_of_means(self):
        """2PR/(P + R) of the means over cases, and its jackknife over cases."""
        report = harness.must(self.shared().clinsafe("report", self.study, "--json")).json()
        row, = report["composites"]
        means = {part: collections.defaultdict(list) for part in ("precision", "recall")}
        for r in self.rows:
            for part, by in means.items():
                if f"derived.{part}" in r:
                    by[r["case_id"]].append(r[f"derived.{part}"])
        by = {part: {c: statistics.fmean(v) for c, v in cases.items()} for part, cases in means.items()}

        def f1(without=None):
            p, r = (statistics.fmean(v for c, v in by[part].items() if c != without) for part in by)
            return 2 * p * r / (p + r)
        cases = list(by["precision"])
        pseudo = [len(cases) * f1() - (len(cases) - 1) * f1(c) for c in cases]
        self.assertEqual((row["name"], row["parts"], row["clusters"]), ("overall_f1", "precision, recall", len(cases)))
        self.assertAlmostEqual(row["value"], f1(), 10)
        half = 2.0686576104190406 * statistics.stdev(pseudo) / CASES**0.5
        self.assertEqual(len(cases), CASES)
        self.assertAlmostEqual(row["ci"][1] - row["ci"][0], 2 * half, 8)
        harness.must(self.shared().clinsafe("report", self.study, "--out", self.folder / "report.html"))
        self.assertIn("Means put together", (self.folder / "report.html").read_text())

    def test_it_verifies_shows_and_has_words(self):
        box = self.shared()
        self.assertIn("clean", harness.must(box.clinsafe("verify", self.study)).out)
        self.assertIn('answer.grades = [{"Option":1,', harness.must(box.clinsafe("show", self.study, "c3")).out)
        self.assertIn("the share of elements of grades whose GradeAI is each.label", harness.must(box.clinsafe("protocol", self.study)).out)
        plan = harness.must(box.clinsafe("plan", self.study)).out
        self.assertIn("1. Do 0.0\n2. Do 0.1", plan)


def element(n, grade="Appropriate", **more):
    return {"Option": n, "GradeAI": grade, "Rationale": "so", **more}


# Case: what the ward's system says, and what becomes of it.
SAID = {
    "good": (json.dumps([element(2), element(1, "Inappropriate")]), ""),
    "fenced": ("```json\n" + json.dumps([element(1), element(2)]) + "\n```", ""),
    "keyed": (json.dumps({"grades": {"1": element(1), "2": element(2)}}), ""),
    "missing": (json.dumps([element(1)]), "missing_element"),
    "double": (json.dumps([element(1), element(2), element(1)]), "double_element"),
    "foreign": (json.dumps([element(1), element(2), element(3)]), "foreign_element"),
    "zero": (json.dumps([element(0), element(1)]), "foreign_element"),
    "wordy": ("My grades [1 and 2]: " + json.dumps([element(1), element("2", "inappropriate")]), "no_object"),
    "unlike": (json.dumps([element(1), element(2, "Fair")]), "unknown_word"),
}


@harness.short
class NoSchema(harness.TestCase):
    """The hospital's system replies as the published interface does: an array is the whole body of its answer, and nobody holds it to a form."""

    def setUp(self):
        self.provider = odd.Provider(lambda body, times, headers: odd.chat(next(s for c, (s, _) in SAID.items() if f"ward {c}." in body)))
        self.addCleanup(self.provider.server_close)
        self.addCleanup(self.provider.shutdown)
        options = [{"text": "Aspirin", "label": "Appropriate"}, {"text": "Wait", "label": "Inappropriate", "severity": "severe"}]
        self.study = self.box.dir / "study.yaml"
        for name, text in (("cases.jsonl", jsonl({"case_id": c, "text": f"From ward {c}.", "options": options} for c in SAID)),
                           ("study.yaml", STUDY.replace("MORE", "accept: [unparsable]")),
                           ("providers.yaml", f"accounts: {{ward: {{protocol: openai-chat, base_url: \"{self.provider.url}\", key: {{env: WARD_KEY}}, "
                                              "response_format: none}}\nmodels: {ward-bot: {account: ward, model: ward-bot}}\n")):
            (self.box.dir / name).write_text(text)

    def export(self):
        return {r["case_id"]: r for r in harness.rows_jsonl(harness.must(self.box.clinsafe("export", self.study, "--format", "jsonl")).out)}

    def test_every_option_once_or_a_named_reason(self):
        self.assertExit(self.box.clinsafe("run", self.study, "--workers", 1, env={"WARD_KEY": odd.KEY}), 2)
        rows = self.export()
        self.assertEqual({c: (r["outcome"], r.get("unparsable_why", "")) for c, r in rows.items()},
                         {c: ("unparsable" if why else "ok", why) for c, (_, why) in SAID.items()})
        self.assertEqual([(g["Option"], g["GradeAI"]) for g in json.loads(rows["good"]["answer.grades"])], [(1, "Inappropriate"), (2, "Appropriate")])
        self.assertEqual((rows["good"]["derived.severe"], rows["good"]["derived.missed"]), (1, 1))
        sent = json.loads(next(iter(self.provider.seen)))
        self.assertNotIn("response_format", sent)
        self.assertIn("\n1. Aspirin\n2. Wait", sent["messages"][0]["content"])
        self.assertNotIn("severe", sent["messages"][0]["content"])
        self.assertIn("clean", harness.must(self.box.clinsafe("verify", self.study)).out)
        report = harness.must(self.box.clinsafe("report", self.study, "--out", self.box.dir / "r.html"))
        for why in ("missing_element", "double_element", "foreign_element"):
            self.assertIn(why.replace("_", " "), (self.box.dir / "r.html").read_text().replace("_", " "), report.out)
        # what was said is read anew, and only what a lenient reader may take changes
        asked = dict(self.provider.seen)
        self.study.write_text(self.study.read_text().replace("    ask:", "    reading: lenient\n    ask:"))
        harness.must(self.box.clinsafe("reread", self.study))
        self.assertEqual(self.provider.seen, asked)
        again = self.export()
        self.assertEqual({c for c in SAID if again[c]["outcome"] != rows[c]["outcome"]}, {"wordy"})
        self.assertTrue(again["wordy"]["salvaged"])
        self.assertEqual([g["GradeAI"] for g in json.loads(again["wordy"]["answer.grades"])], ["Appropriate", "Inappropriate"])
        self.assertIn("clean", harness.must(self.box.clinsafe("verify", self.study)).out)

    def test_elements_are_for_lists(self):
        self.study.write_text(self.study.read_text().replace("\\n{{question.list}}", "").split("    answer:")[0] + "    answer: free\nmodels: [ward-bot]\n")
        harness.must(self.box.clinsafe("run", self.study, "--workers", 1, env={"WARD_KEY": odd.KEY}))
        done = self.box.clinsafe("export", self.study, "--elements", self.box.dir / "e.csv", "--out", self.box.dir / "o.csv")
        self.assertExit(done, 64)
        self.assertIn("study options asks for none", done.err)
        self.assertFalse((self.box.dir / "e.csv").exists() or (self.box.dir / "o.csv").exists())


WORTH = """study: worth
cases: {file: cases.csv}
prompt: {user: "{{case.text}}\\n{{question.options}}\\n{{question.ask}}"}
questions:
  - name: choice
    ask: "Choose, and say what to do if it gets worse."
    answer: {pick: {options: [opt_a, opt_b]}, note: text}
    derive: {qaly: {lookup: {file: values.csv, by: {case_id: case.case_id, option: pick}, value: qaly}}, safety_net: {contains: [note, ["emergency", "call 112"]]}, dose_mg: {matches: [note, "([0-9]+) ?mg"], as: number}}
models: [model-a]
analysis: {primary: {qaly: {margin: 0.02 units}}}
"""


@harness.short
class Worth(harness.TestCase):
    def test_values_and_words_found_in_text(self):
        said = {"One.": ("B", "Take 500 mg; in an EMERGENCY come back."), "Two.": ("A", "Rest.")}
        provider = odd.Provider(lambda body, times, headers: odd.chat(json.dumps(
            dict(zip(("pick", "note"), next(v for k, v in said.items() if k in body))))))
        self.addCleanup(provider.server_close)
        self.addCleanup(provider.shutdown)
        for name, text in (("cases.csv", "case_id,text,opt_a,opt_b\na,One.,home,ward\nb,Two.,home,ward\n"), ("study.yaml", WORTH),
                           ("values.csv", "case_id,option,qaly\na,opt_a,0.5\na,opt_b,0.75\nb,opt_a,-0.25\nb,opt_b,1\n"),
                           ("providers.yaml", f"accounts: {{a: {{protocol: openai-chat, base_url: \"{provider.url}\", key: {{env: WORTH_KEY}}}}}}\n"
                                              "models: {model-a: {account: a, model: m}}\n")):
            (self.box.dir / name).write_text(text)
        study = self.box.dir / "study.yaml"
        harness.must(self.box.clinsafe("run", study, "--workers", 1, env={"WORTH_KEY": odd.KEY}))
        rows = {r["case_id"]: r for r in harness.rows_jsonl(harness.must(self.box.clinsafe("export", study, "--format", "jsonl")).out)}
        self.assertEqual([(rows[c]["answer.pick"], rows[c]["derived.qaly"], rows[c]["derived.safety_net"], rows[c].get("derived.dose_mg")) for c in "ab"],
                         [("opt_b", 0.75, True, 500), ("opt_a", -0.25, False, None)])


if __name__ == "__main__":
    harness.main()
