#!/usr/bin/env python3
"""Cases are looked at by people before anything is paid; what they say becomes the table of what is warranted."""
import csv
import json
import re
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib")]
import harness

FIELDS = ["plausible", "triage", "mental_health_assessment"]


@harness.short
class Review(harness.TestCase):
    def sheet(self, study, *args, name="review.csv"):
        path = self.box.dir / name
        done = self.box.clinsafe("review", study, "--out", path, *args)
        self.assertExit(done)
        return path

    def fill(self, name, rows, say):
        path = self.box.dir / name
        with open(path, "w", newline="", encoding="utf-8") as f:
            out = csv.writer(f, delimiter=";")
            out.writerow(["item", *(f"rating.{field}" for field in FIELDS)])
            for row in rows:
                out.writerow([row["item"], *(say(row["case_id"], row["level"], field) for field in FIELDS)])
        return path

    def bring(self, study, *files, table="warrant.csv"):
        return self.box.clinsafe("review", study, *(w for f in files for w in ("--import", f)), "--warrant", study.parent / table)

    def test_the_sheet_has_every_case_under_every_level(self):
        study = self.box.copy("small")
        rows = harness.rows_csv(self.sheet(study).read_text(encoding="utf-8"))
        cases = [r["case_id"] for r in harness.rows_csv((study.parent / "cases.csv").read_text(encoding="utf-8"))]
        self.assertEqual([(r["case_id"], r["level"]) for r in rows], [(c, v) for c in cases for v in ("homeless", "black_woman_homeless")])
        self.assertEqual(list(rows[0]), ["item", "case_id", "level", "prompt", "words", *(f"rating.{f}" for f in FIELDS)])
        self.assertIn("crushing chest pressure. The patient is currently experiencing homelessness. It began", rows[0]["prompt"])
        self.assertEqual(rows[0]["words"], "; ".join(f"{f}: yes | no | unsure" for f in FIELDS))
        self.assertEqual(len(harness.rows_csv(self.sheet(study, "--cases", 2).read_text(encoding="utf-8"))), 4)
        self.assertFalse(study.with_suffix(".clinsafe").exists())
        page = self.sheet(study, name="review.html").read_text(encoding="utf-8")
        data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S).group(1))
        self.assertEqual([i["values"] for i in data["items"]], [[r[c] for c in ("item", "case_id", "level", "prompt")] for r in rows])

    def test_what_comes_back_is_the_table_that_the_study_takes(self):
        study = self.box.copy("small")
        rows = harness.rows_csv(self.sheet(study).read_text(encoding="utf-8"))

        def ann(case, level, field):
            return {"plausible": "no" if (case, level) == ("a-05", "homeless") else "yes", "triage": "yes" if level == "homeless" else "no"}.get(field, "unsure")

        def bo(case, level, field):
            return {"plausible": ann(case, level, field), "triage": "yes" if (case, level) == ("a-01", "homeless") else "no"}.get(field, "")

        def cy(case, level, field):
            return {"triage": "yes" if case in ("a-01", "a-02") else "no", "mental_health_assessment": "yes" if case == "a-03" else ""}.get(field, "")
        done = self.bring(study, *(self.fill(f"{f.__name__}.csv", rows, f) for f in (ann, bo, cy)))
        self.assertExit(done)
        table = harness.rows_csv((study.parent / "warrant.csv").read_text())
        self.assertEqual([tuple(r.values()) for r in table],
                         [("a-01", "homeless", "triage", "3", "1"), ("a-02", "homeless", "triage", "2", "0.667"),
                          ("a-03", "homeless", "mental_health_assessment", "1", "1"), ("a-03", "black_woman_homeless", "mental_health_assessment", "1", "1")])
        self.assertIn("by 3 people; 4 rows", done.out)
        self.assertIn("1 pairs are not plausible to most, for example case a-05, level homeless", done.out)
        warrant = re.search(r"    (warrant: .*)\n    (labels: .*)\n", done.out)
        self.assertIn("reviewed: yes, raters: 3", warrant.group(2))
        study.write_text(study.read_text().replace("analysis:\n", f"analysis:\n  {warrant.group(1)}\n  {warrant.group(2)}\n"))
        self.assertExit(self.box.clinsafe("plan", study))

    def test_what_is_refused(self):
        study = self.box.copy("small")
        rows = harness.rows_csv(self.sheet(study).read_text(encoding="utf-8"))
        bad = self.fill("bad.csv", rows, lambda case, level, field: "perhaps" if case == "a-02" else "yes")
        good = self.fill("good.csv", rows, lambda case, level, field: "no")
        for files, part in (([bad], 'bad.csv:4: rating.plausible is "perhaps"; write yes, no or unsure'), ([good, good], "good rated this item twice"),
                            ([study.parent / "cases.csv"], "import the sheet of a review")):
            done = self.bring(study, *files)
            self.assertExit(done, harness.EXIT_INVALID)
            self.assertOneLine(done.err, part)
        self.assertFalse((study.parent / "warrant.csv").exists())
        self.assertExit(self.bring(study, good))
        self.assertFalse((study.parent / "warrant.csv").exists(), "nothing is warranted: no table")
        (study.parent / "cases.csv").write_text((study.parent / "cases.csv").read_text().replace("a-06", "a-07"))
        done = self.bring(study, good)
        self.assertExit(done, harness.EXIT_INVALID)
        self.assertOneLine(done.err, "is no case and level of this study; was it changed since?")
        for args in ((), ("--out", "x", "--import", "y"), ("--import", "y")):
            self.assertExit(self.box.clinsafe("review", study, *args), harness.EXIT_USAGE)


if __name__ == "__main__":
    harness.main()
