#!/usr/bin/env python3
"""`report --from` on data of others: columns with other names, 0 and 1 for no and yes, JSON Lines, raters in columns, and an analysis declared
in a file of its own. Every figure is computed here from the rows."""
import csv
import json
import statistics
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib")]
import harness

CASES, MODELS, RACES, REPEATS = 12, ("left", "right"), ("white", "black", "asian"), 4
WORDS = ("low", "mid", "high")
MAP = "case_id=Q,model=llm,factor.race=Race,answer.visit=VISIT,answer.urgency=How urgent,case.label=gold,case.ward=Ward"
RATERS = ",rater.ann.visit=A,rater.bob.visit=B,rater.cy.visit=C"
DECLARED = """control: {race: white}
answers: {urgency: {ordinal: [low, mid, high], truth: label}}
analysis:
  primary: {visit: {margin: 40 points}, urgency: {margin: 0.8 levels}}
  contrasts: [{factor: race, each: control, by: [ward]}]
"""


def rows():
    """Numbers of no meaning that differ by case, race, and repeat."""
    for case in range(CASES):
        for m, model in enumerate(MODELS):
            for r, race in enumerate(RACES):
                for k in range(REPEATS):
                    h = (case * 7 + m * 3 + r * 5 + k * 11 + case * r) % 13
                    yield {"Q": f"q{case}", "llm": model, "Race": race, "VISIT": int(h < 5 + 2 * r), "How urgent": WORDS[(h + r) % 3],
                           "gold": WORDS[case % 3], "Ward": "north" if case % 2 else "south",
                           "A": int(h < 6), "B": int(h < 8), "C": "" if h == 12 else int(h < 7), "noise": h}


def fleiss(items):
    """Of 0/1 words: Fleiss, Psychol Bull 76 (1971) 378."""
    n = len(items[0])
    share = statistics.fmean(statistics.fmean(i) for i in items)
    chance = share ** 2 + (1 - share) ** 2
    agree = statistics.fmean((sum(i) ** 2 + (n - sum(i)) ** 2 - n) / (n * (n - 1)) for i in items)
    return agree, (agree - chance) / (1 - chance)


@harness.short
class Foreign(harness.TestCase):
    @classmethod
    def prepare(cls):
        box = cls.shared()
        cls.rows = list(rows())
        cls.table = box.dir / "theirs.csv"
        with open(cls.table, "w", newline="", encoding="utf-8") as f:
            out = csv.DictWriter(f, cls.rows[0].keys())
            out.writeheader()
            out.writerows(cls.rows)
        cls.declared = box.dir / "declared.yaml"
        cls.declared.write_text(DECLARED)

    def report(self, *args):
        done = self.box.clinsafe("report", "--json", *args)
        self.assertExit(done, 0)
        return done.json()

    def shift(self, model, race, value, base="white"):
        return statistics.fmean(
            statistics.fmean(value(r) for r in self.rows if (r["Q"], r["llm"], r["Race"]) == (f"q{case}", model, race)) -
            statistics.fmean(value(r) for r in self.rows if (r["Q"], r["llm"], r["Race"]) == (f"q{case}", model, base))
            for case in range(CASES))

    def test_columns_by_their_own_names_and_ones_are_yes(self):
        report = self.report("--from", self.table, "--map", MAP)
        kinds = {o["field"]: (o["kind"], o["up"]) for o in report["outcomes"] if o["field"] == "visit"}
        self.assertEqual(kinds["visit"], ("yes-no", 'more often "1"'))
        for rate in report["rates"]:
            if rate["outcome"] != "visit":
                continue
            mine = [r["VISIT"] for r in self.rows if (r["llm"], r["Race"]) == (rate["model"], rate["level"])]
            self.assertAlmostEqual(rate["rate"], statistics.fmean(mine), 9)
        self.assertEqual(report["planned"], len(self.rows))

    def test_what_is_declared_in_a_file_of_its_own_is_judged(self):
        report = self.report("--from", self.table, "--map", MAP, "--analysis", self.declared)
        seen = 0
        for c in report["contrasts"]:
            if c["stratum"]:
                continue
            seen += 1
            self.assertEqual((c["comparator"], c["family"], c["clusters"]), ("white", "primary", CASES))
            self.assertNotEqual(c["verdict"], "none")
            value = (lambda r: 100 * r["VISIT"]) if c["outcome"] == "visit" else (lambda r: WORDS.index(r["How urgent"]))
            self.assertAlmostEqual(c["shift"], self.shift(c["model"], c["level"], value), 9)
        self.assertEqual(seen, 2 * 2 * 2)
        self.assertEqual({c["stratum_value"] for c in report["contrasts"]}, {"", "north", "south"})
        label = next(x for x in report["labels"] if (x["model"], x["level"]) == ("left", "black"))
        mine = [r for r in self.rows if (r["llm"], r["Race"]) == ("left", "black")]
        self.assertAlmostEqual(label["agreement"], statistics.fmean(r["How urgent"] == r["gold"] for r in mine), 9)
        self.assertIn("nothing proves", report["declared"])

    def test_raters_from_columns(self):
        report = self.report("--from", self.table, "--map", MAP + RATERS)
        of = {(a["between"], a["who"]): a for a in report["agreements"]}
        raters = of["raters", "ann, bob, cy"]
        items = [[r["A"], r["B"], r["C"]] for r in self.rows if r["C"] != ""]
        agree, kappa = fleiss(items)
        self.assertEqual((raters["statistic"], raters["items"]), ("Fleiss' kappa", len(items)))
        self.assertAlmostEqual(raters["agreement"], agree, 9)
        self.assertAlmostEqual(raters["kappa"], kappa, 9)
        self.assertIn(("model", "left"), of)

    def test_json_lines_with_objects_inside(self):
        lines = self.box.dir / "theirs.jsonl"
        lines.write_text("".join(json.dumps({"Q": r["Q"], "llm": r["llm"], "given": {"Race": r["Race"]}, "said": {"VISIT": bool(r["VISIT"])}})
                                 + "\n" for r in self.rows))
        report = self.report("--from", lines, "--map", "case_id=Q,model=llm,factor.race=given.Race,answer.visit=said.VISIT",
                             "--analysis", self.written("control: {race: white}\nanalysis: {primary: {visit: {margin: 40 points}}}\n"))
        for c in report["contrasts"]:
            self.assertAlmostEqual(c["shift"], self.shift(c["model"], c["level"], lambda r: 100 * r["VISIT"]), 9)
        self.assertEqual(len(report["contrasts"]), 4)

    def written(self, text):
        path = self.box.dir / "other.yaml"
        path.write_text(text)
        return path

    def refused(self, *args, code=harness.EXIT_INVALID):
        done = self.box.clinsafe("report", *args)
        self.assertExit(done, code)
        self.assertOneLine(done.err)
        return done.err

    def test_all_bad_words_are_named_in_one_message(self):
        bad = self.box.dir / "bad.csv"
        lines = self.table.read_text().splitlines()
        lines[3] = lines[3].replace("low", "soon").replace("mid", "soon").replace("high", "soon")
        lines[9] = lines[9].replace("low", "soon").replace("mid", "soon").replace("high", "soon")
        lines[20] = lines[20].replace("low", "never").replace("mid", "never").replace("high", "never")
        for i in (3, 9, 20):  # the label column keeps its word
            cells = lines[i].split(",")
            cells[5] = WORDS[int(cells[0][1:]) % 3]
            lines[i] = ",".join(cells)
        bad.write_text("\n".join(lines) + "\n")
        err = self.refused("--from", bad, "--map", MAP, "--analysis", self.declared)
        self.assertIn('bad.csv:4: answer.urgency is "soon", which is none of its words (2 rows); '
                      'line 21: answer.urgency is "never", which is none of its words', err)

    def test_a_map_that_does_not_fit(self):
        err = self.refused("--from", self.table, "--map", "case_id=Question,model=LLM,answer.visit=VISIT")
        self.assertIn('theirs.csv:1: no column "Question", "LLM"; there are: Q, llm, Race', err)
        self.assertIn('there is no column "caseid"; did you mean "case_id"?',
                      self.refused("--from", self.table, "--map", "caseid=Q", code=harness.EXIT_USAGE))
        self.assertIn('"case_id" is no OURS=THEIRS', self.refused("--from", self.table, "--map", "case_id", code=harness.EXIT_USAGE))
        self.assertIn("--map case_id=COLUMN", self.refused("--from", self.table, "--map", "answer.visit=VISIT"))
        self.assertIn("go with --from", self.refused("--map", "case_id=Q", "--dir", "x", code=harness.EXIT_USAGE))

    def test_what_is_declared_must_be_there(self):
        for text, *parts in (("control: {race: green}\n", ":1:17:", 'factor "race" has no level "green"'),
                             ("control: {rac: white}\n", ":1:11:", 'there is no factor "rac"', 'did you mean "race"'),
                             ("answers: {urgenci: {ordinal: [low, mid, high]}}\n", 'the table has no answer "urgenci"', "urgency"),
                             ("analysis: {primary: {visits: {margin: 5 points}}}\n", 'no question has an answer "visits"'),
                             ("repeats: 3\n", "repeats")):
            err = self.refused("--from", self.table, "--map", MAP, "--analysis", self.written(text))
            for part in parts:
                self.assertIn(part, err)


if __name__ == "__main__":
    harness.main()
