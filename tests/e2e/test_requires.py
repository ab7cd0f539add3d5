#!/usr/bin/env python3
"""A level that `requires` something of a case: what it leaves out is not planned, priced, asked, missing or compared."""
import json
import sys
from pathlib import Path
from statistics import mean

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness

REQUIRES = "    requires: {homeless: {case.setting: [urban, suburban]}}\n"  # 4 of the 6 cases
KEPT = {"a-01", "a-04", "a-05", "a-06"}
ALL, LEFT_OUT = 252, 2 * 3 * 2  # trials; cases x repeats x models


def require(study):
    text = study.read_text()
    study.write_text(text.replace("    repeats: {control: 3x}\n", "    repeats: {control: 3x}\n" + REQUIRES, 1))


@harness.short
class Requires(harness.TestCase):
    @classmethod
    def prepare(cls):
        box = cls.shared()
        cls.study = box.copy("small")
        cls.sim = box.simulator("--truth", box.copy("small", "truth").parent / "truth.yaml", "--latency-ms", 0)
        require(cls.study)
        cls.summary = cls.run_study()
        cls.rows = cls.export()

    @classmethod
    def run_study(cls):
        return harness.must(cls.shared().clinsafe("run", cls.study, "--workers", 1, "--simulator", cls.sim.url, "--json")).json()

    @classmethod
    def export(cls, *options):
        return harness.rows_jsonl(harness.must(cls.shared().clinsafe("export", cls.study, "--format", "jsonl", *options)).out)

    def clinsafe(self, *args):
        done = self.shared().clinsafe(*args)
        self.assertExit(done)
        return done

    def test_the_plan_counts_what_is_asked(self):
        plan = self.clinsafe("plan", self.study, "--json").json()
        self.assertEqual(plan["trials"], ALL - LEFT_OUT)
        for model in plan["lanes"]:
            self.assertEqual((model["trials"], model["distinct_requests"]), (ALL // 2 - LEFT_OUT // 2, 5 * 6 - 2))
        self.assertEqual({l["id"]: l.get("cases") for l in plan["factors"][0]["levels"]}["homeless"], 4)
        text = self.clinsafe("plan", self.study).out
        self.assertIn("240 trials, one call each", text)
        self.assertIn("homeless (in 4 of 6 cases)", text)
        prompts = self.shared().dir / "prompts.csv"
        self.clinsafe("plan", self.study, "--prompts", prompts)
        asked = {r["case_id"] for r in harness.rows_csv(prompts.read_text()) if r["group"] == "homeless"}
        self.assertEqual(asked, KEPT)

    def test_power_is_that_of_the_cases_compared(self):
        power = self.clinsafe("plan", self.study, "--json").json()["power"]
        self.assertEqual({r["clusters"] for r in power["rows"]}, {4, 6}, power)

    def test_only_that_is_asked_and_nothing_is_missing(self):
        self.assertEqual((self.summary["done"], self.summary["planned"], self.summary["cancelled"]), (240, 240, 0))
        self.assertEqual(self.sim.stats()["requests"], 240)
        self.assertEqual({r["case_id"] for r in self.rows if r["factor.group"] == "homeless"}, KEPT)
        self.assertEqual(len(self.export("--all")), 240)
        shown = self.clinsafe("show", self.study, "a-02", "homeless").out
        self.assertEqual((shown.count("not asked, a level requires what this case has not"), shown.count("no output yet")), (6, 0))
        checked = self.clinsafe("verify", self.study, "--json").json()
        self.assertEqual((checked["planned"], checked["cancelled"], checked["missing"], checked["clean"]), (240, 0, 0, True))

    def test_the_report_compares_where_both_exist(self):
        report = self.clinsafe("report", self.study, "--json").json()
        self.assertTrue(report["complete"])
        self.assertEqual(report["planned"], 240)
        self.assertIn('group "homeless" applies to 4 of 6 cases', json.dumps(report["notes"]).replace('\\"', '"'))
        rows = harness.rows_csv(self.clinsafe("export", self.study, "--format", "csv").out)
        found = [c for c in report["contrasts"] if c["level"] == "homeless" and c["comparator"] == "control" and
                 c["outcome"] == "mental_health_assessment"]
        self.assertEqual(len(found), 2)
        for c in found:
            diffs = []
            for case in KEPT:
                arm = {l: [r["answer.mental_health_assessment"] == "Yes" for r in rows if r["model"] == c["model"] and
                           r["case_id"] == case and r["factor.group"] == l] for l in ("homeless", "control")}
                diffs.append(mean(arm["homeless"]) - mean(arm["control"]))
            self.assertEqual((c["clusters"], c["unmatched"]), (4, 0), c)
            self.assertAlmostEqual(c["shift"], 100 * mean(diffs), places=6)

    def test_a_table_with_such_a_row_is_refused(self):
        table = self.shared().dir / "theirs.csv"
        text = self.clinsafe("export", self.study, "--format", "csv").out
        rows = harness.rows_csv(text)
        row = next(r for r in rows if r["factor.group"] == "homeless")
        lines = [",".join(["case_id", "model", "factor.group", "answer.triage"]),
                 ",".join(["a-02", row["model"], "homeless", row["answer.triage"]])]
        table.write_text("\n".join(lines) + "\n")
        done = self.shared().clinsafe("report", self.study, "--from", table)
        self.assertExit(done, harness.EXIT_INVALID)
        self.assertIn('theirs.csv:2: the study leaves this level out in case "a-02" (requires)', done.err)

    def test_review_asks_only_about_these(self):
        sheet = self.shared().dir / "review.csv"
        self.clinsafe("review", self.study, "--out", sheet)
        pairs = harness.rows_csv(sheet.read_text())
        self.assertEqual({r["case_id"] for r in pairs if r["level"] == "homeless"}, KEPT)
        self.assertEqual(len({r["case_id"] for r in pairs if r["level"] == "black_woman_homeless"}), 6)


@harness.short
class Edited(Requires):
    """The same when the study was run without it before; and what is left out comes back for its price alone."""

    @classmethod
    def prepare(cls):
        box = cls.shared()
        cls.study = box.copy("small")
        cls.sim = box.simulator("--truth", box.copy("small", "truth").parent / "truth.yaml", "--latency-ms", 0)
        require(cls.study)
        cls.run_study()
        cls.study.write_text(cls.study.read_text().replace(REQUIRES, ""))
        cls.whole = cls.run_study()
        cls.paid = cls.sim.stats()["requests"]
        require(cls.study)
        cls.summary = cls.run_study()
        cls.rows = cls.export()

    def test_only_that_is_asked_and_nothing_is_missing(self):
        self.assertEqual((self.whole["done"], self.paid), (ALL, ALL), "the 12 others were paid for, once")
        self.assertEqual(self.sim.stats()["requests"], ALL, "and nothing more when they are left out again")
        self.assertEqual((self.summary["done"], self.summary["planned"], self.summary["cancelled"]), (240, 240, 0))
        self.assertTrue(all(r["adopted"] for r in self.rows))
        checked = self.clinsafe("verify", self.study, "--json").json()
        self.assertEqual((checked["planned"], checked["missing"], checked["clean"]), (240, 0, True))


@harness.short
class Inline(harness.TestCase):
    def test_written_at_a_level(self):
        study = self.box.copy("wide")
        done = self.box.clinsafe("plan", study, "--json")
        self.assertExit(done)
        text = study.read_text()
        self.assertIn("{id: warned,", text)
        columns = (study.parent / "cases.csv").read_text().splitlines()[0].split(",")
        first = harness.rows_csv((study.parent / "cases.csv").read_text())[0]
        study.write_text(text.replace("{id: warned,", f"{{id: warned, requires: {{case.{columns[0]}: {first[columns[0]]}}},", 1))
        less = self.box.clinsafe("plan", study, "--json")
        self.assertExit(less)
        self.assertLess(less.json()["trials"], done.json()["trials"])


if __name__ == "__main__":
    harness.main()
