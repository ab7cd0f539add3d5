#!/usr/bin/env python3
"""The report says nothing that is not so: of a study that varies nothing, of arms that fail, of files and models that changed meanwhile, of
studies too small to see. Figures are computed here a second time from the export."""
import csv
import re
import statistics
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
from test_report_odd import Lab, lay_out

PROVIDERS = "accounts: {sim: {provider: simulated, truth: truth.yaml}}\nmodels: {m: {account: sim, model: m-1}}\n"


T_975 = {12: 2.2009852, 20: 2.0930241}  # by clusters


def t_interval(values):
    half = T_975[len(values)] * statistics.stdev(values) / len(values) ** 0.5
    return statistics.fmean(values) - half, statistics.fmean(values) + half


def read(path):
    with open(path, encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def write(path, rows):
    with open(path, "w", encoding="utf-8", newline="") as f:
        out = csv.DictWriter(f, rows[0].keys())
        out.writeheader()
        out.writerows(rows)
    return path


@harness.short
class Unvaried(harness.TestCase):
    """Twelve cases with labels, one prompt each, asked five times: no factor at all."""

    def test_rates_labels_noise_and_completeness_without_factors(self):
        folder = self.box.dir / "plain"
        folder.mkdir()
        labels = ["Yes", "No", "No"] * 4
        rows = [f"c{i},Case {i}.,{label}" for i, label in enumerate(labels)]
        (folder / "cases.csv").write_text("\n".join(["case_id,text,y", *rows]) + "\n")
        (folder / "providers.yaml").write_text(PROVIDERS)
        (folder / "truth.yaml").write_text(
            'seed: 4\nmodels: {m-1: {answers: {mh: {boolean: ["Yes", "No"], base: 0.4, case_sd: 1}}, refusal: {rate: 0.1}}}\n')
        study = folder / "study.yaml"
        study.write_text('study: plain\ncases: {file: cases.csv}\nprompt: {user: "{{case.text}} {{question.ask}}"}\nquestions:\n'
                         '  - {name: q, ask: "?", answer: {mh: {boolean: ["Yes", "No"], truth: y}}}\nrepeats: 5\nmodels: [m]\n')
        harness.must(self.box.clinsafe("run", study, "--workers", 1, timeout=60))
        table = folder / "outputs.csv"
        harness.must(self.box.clinsafe("export", study, "--out", table))
        page = folder / "report.html"
        said = harness.must(self.box.clinsafe("report", study, "--out", page)).out
        report = harness.must(self.box.clinsafe("report", study, "--json")).json()

        answers = {}
        for row in read(table):
            answers.setdefault(row["case_id"], []).append(row["answer.mh"])
        means = [statistics.fmean(a == "Yes" for a in of) for of in answers.values()]
        rate = report["rates"][0]
        self.assertEqual((len(report["rates"]), rate["clusters"], rate["factor"], rate["level"]), (1, 12, "", ""))
        self.assertAlmostEqual(rate["rate"], statistics.fmean(means), 9)
        low, high = t_interval(means)
        self.assertAlmostEqual(rate["ci"][0], low, 6)
        self.assertAlmostEqual(rate["ci"][1], high, 6)
        hit = [[a == labels[int(case[1:])] for a in of if a] for case, of in answers.items()]
        self.assertAlmostEqual(report["labels"][0]["agreement"], statistics.fmean(statistics.fmean(h) for h in hit if h), 9)
        self.assertEqual(report["usable"][0]["usable"], sum(a != "" for of in answers.values() for a in of))
        self.assertIsNotNone(next(f for f in report["floors"] if f["kind"] == "asking again")["disagreement"])
        self.assertNotIn("no usable answer at all", said)
        self.assertIn("The study varies nothing", said)
        self.assertRegex(said, r"mh: [0-9.]+ % \([0-9.]+ to [0-9.]+\), equal to the label in [0-9.]+ %, 60 answers")
        self.assertIn("all answers", page.read_text())
        self.assertRegex(page.read_text(), "<em>mh</em>: \u201cYes\u201d in [0-9.]+")
        for section in ("heat-map", "moved", "interactions", "verdicts"):
            self.assertNotIn(f'id="{section}"', page.read_text(), "what is about comparisons only takes no room")


@harness.short
class Lost(Lab):
    """A complete study of 20 cases, whose table is then told another end of some trials."""

    @classmethod
    def prepare(cls):
        box = cls.shared()
        cls.study = lay_out(box.dir / "lost", cases=20, repeats=5)
        harness.must(box.clinsafe("run", cls.study, "--workers", 1, timeout=120))
        cls.table = box.dir / "lost" / "outputs.csv"
        harness.must(box.clinsafe("export", cls.study, "--out", cls.table))

    def told(self, change):
        """The report of the table with each row changed; its words in self.said and on self.page."""
        rows = read(self.table)
        for i, row in enumerate(rows):
            change(i, row)
        table, page = write(self.box.dir / "changed.csv", rows), self.box.dir / "page.html"
        done = self.box.clinsafe("report", self.study, "--from", table, "--out", page)
        self.said, self.page = done.out, page.read_text()
        return self.box.clinsafe("report", self.study, "--from", table, "--json").json(), rows

    @staticmethod
    def end(row, outcome):
        row.update({"outcome": outcome, "answer.visit": "", "answer.urgency": "", "text": ""})

    def test_an_arm_that_fails_more_often_is_a_finding_and_has_no_verdict(self):
        def change(i, row):
            if row["factor.group"] == "a" and row["answer.visit"] == "Yes" and i % 3:
                self.end(row, "timeout" if i % 2 else "provider_error")
        report, rows = self.told(change)
        lost = {(r["level"], r["kind"]): r for r in report["lost"]}
        gaps = []
        for case in sorted({r["case_id"] for r in rows}):
            share = {level: statistics.fmean(r["outcome"] in ("timeout", "provider_error") for r in rows
                                             if (r["case_id"], r["factor.group"]) == (case, level)) for level in ("a", "plain")}
            gaps.append(100 * (share["a"] - share["plain"]))
        row = lost["a", "missing"]
        self.assertEqual((row["differs"], row["clusters"], len(report["lost"])), (True, 20, 1))
        self.assertAlmostEqual(row["gap"], statistics.fmean(gaps), 6)
        low, high = t_interval(gaps)
        self.assertAlmostEqual(row["ci"][0], low, 4)
        self.assertAlmostEqual(row["ci"][1], high, 4)
        sentence = r'under "a" [0-9.]+ % of the trials ended in a timeout or a failure, under the control 0.0 %: a gap of \+[0-9.]+ points'
        self.assertRegex(self.said, sentence)
        self.assertRegex(self.page, sentence.replace('"', "&quot;"))
        c = self.contrast(report)
        self.assertEqual((c["verdict"], c["why"]), ("none", "over 5 % of a side ended in timeouts or failures"))
        self.assertAlmostEqual(c["lost_level"], statistics.fmean(gaps) / 100, 6)
        self.assertNotEqual(self.contrast(report, level="b")["verdict"], "none", "the other arm lost nothing")

    def test_failures_that_could_turn_a_finding_leave_no_verdict(self):
        """The arm says yes once more in every other case. 4 % of both arms are lost, and with the answers that they may have been it does not."""
        def moved(lose):
            def change(i, row):
                case, repeat, level = int(row["case_id"][1:]), int(row["repeat"]), row["factor.group"]
                if level == "b":
                    return
                row["answer.visit"] = "Yes" if repeat <= (2 if level == "a" or case % 2 == 0 else 1) else "No"
                if lose and case % 2 and (level, repeat) == (("a", 1) if case < 8 else ("plain", 5) if case < 16 else ()):
                    self.end(row, "timeout" if case % 3 else "transport")
            return self.told(change)[0]
        self.assertTrue(self.contrast(moved(False))["verdict"].startswith("different"))
        c = self.contrast(moved(True))
        self.assertEqual((c["lost_level"], c["lost_comparator"]), (0.04, 0.04))
        self.assertLess(c["p_adjusted"], 0.05)
        self.assertAlmostEqual(c["bounds"][0], 2, 6)
        self.assertEqual((c["verdict"], c["why"]), ("none", "timeouts and failures could change the verdict"))

    def test_few_failures_alike_in_all_arms_are_no_finding(self):
        report, _ = self.told(lambda i, row: self.end(row, "timeout") if i % 37 == 0 else None)
        self.assertGreater(len(report["lost"]), 0)
        self.assertEqual([r for r in report["lost"] if r["differs"]], [])
        self.assertNotIn("ended in a timeout", self.said)

    def test_a_served_model_that_changed_is_said_first(self):
        report, _ = self.told(lambda i, row: row.update(model_resolved="m-1-new") if i % 4 == 0 else None)
        self.assertIn("m: the served model changed, 2 different ones answered: m-1 (225 answers), m-1-new (75 answers)", self.said)
        item = next(p for p in report["provenance"] if p["item"].startswith("18 updating"))
        self.assertTrue(item["filled"])
        self.assertIn("m-1-new, 75 answers from 2", item["text"])

    def test_ticks_are_only_for_what_the_ledger_holds(self):
        report = harness.must(self.box.clinsafe("report", self.study, "--json")).json()
        held = {(p["guideline"][0], p["item"].split()[0].rstrip(",")): "yes" if p["filled"] else "partly" if p["partly"] else "author"
                for p in report["provenance"]}
        want = {("T", "1"): "author", ("T", "4"): "author", ("T", "6a"): "partly", ("T", "6b"): "author", ("T", "6c"): "yes",
                ("T", "6e"): "partly", ("T", "7a"): "yes", ("T", "7b"): "author", ("T", "7c"): "yes", ("T", "7d"): "author",
                ("T", "7e"): "author", ("T", "9a"): "author", ("T", "14c"): "partly", ("T", "14f"): "author", ("T", "16a-16d"): "author",
                ("T", "18"): "yes", ("T", "19c-19g"): "author", ("C", "3a"): "partly", ("C", "4a-4c"): "author", ("C", "5a"): "author",
                ("C", "5b"): "yes", ("C", "6a"): "yes", ("C", "6b"): "partly", ("C", "6c"): "yes", ("C", "6d"): "yes", ("C", "8"): "author",
                ("C", "9a"): "yes", ("C", "10a-10c"): "partly", ("C", "12c"): "author"}
        self.assertEqual({k: held[k] for k in want}, want)
        for p in report["provenance"]:
            self.assertEqual(bool(p["ask"]), p["partly"], p)


@harness.short
class Changed(Lab):
    def test_a_study_file_that_was_edited_since_is_said_first(self):
        self.run_study()
        self.assertNotIn("was edited", self.said)
        whole = self.study.read_text()
        self.study.write_text(whole.replace('ask: "?"', 'ask: "What now?"'))
        self.look()
        self.assertRegex(self.said, r"The study file was edited after it ran: this is the finding of generation 1 of 2\S+, .*"
                                    r"Its `analysis:` part is the same\.")
        self.assertIn("was edited after it ran", self.page)
        self.study.write_text(whole.replace("5 points", "9 points"))
        self.look()
        self.assertIn("Its `analysis:` part is another one too.", self.said)
        self.study.write_text(whole.replace("repeats: 3", "repeats: few"))
        self.look()
        self.assertIn("The study file cannot be read as it is now (", self.said)
        self.study.write_text(whole)
        self.look()
        self.assertNotIn("study file", self.said)

    def test_a_pipeline_is_told_by_the_exit_status(self):
        shifted = """{visit: {boolean: ["Yes", "No"], base: 0.5, case_sd: 0.2, shift: {a: 4}},
            urgency: {ordinal: [low, middle, high], base: [0.3, 0.4, 0.3]}}"""
        self.run_study(cases=10, repeats=6, planted=shifted)
        for options, code, words in ((("--fail-on", "different"), 3, "1 primary comparison is different"),
                                     (("--fail-on", "beyond-margin"), 3, "1 primary comparison is different, beyond the margin"),
                                     (("--fail-on", "incomplete"), 0, ""), ((), 0, ""),
                                     (("--fail-on", "bias"), harness.EXIT_USAGE, "different, beyond-margin or incomplete")):
            done = self.box.clinsafe("report", self.study, *options)
            self.assertExit(done, code)
            self.assertIn(words, done.err)
        table = self.box.dir / "part.csv"
        harness.must(self.box.clinsafe("export", self.study, "--out", table))
        write(table, read(table)[:-1])
        for what in ("different", "incomplete"):
            self.assertExit(self.box.clinsafe("report", self.study, "--from", table, "--fail-on", what), 2)

    def test_a_small_study_says_what_it_could_not_see(self):
        report = self.run_study(cases=8, repeats=1)
        c = [self.contrast(report, level=level) for level in ("a", "b")]
        self.assertEqual({x["verdict"] for x in c}, {"inconclusive"})
        n = max(x["detectable"] for x in c)
        self.assertGreater(n, 5)
        said = re.search(r"visit: .*\(too small to see less than about (\S+) points\)", self.said)
        self.assertAlmostEqual(float(said.group(1)), n, delta=n / 10)
        self.assertIn("too small to see less than about", self.page)
        self.assertNotIn("no difference shown", self.page)


if __name__ == "__main__":
    harness.main()
