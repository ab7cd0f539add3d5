#!/usr/bin/env python3
"""The report of studies that are not as the textbook has them: each odd thing gets a sentence, and no number that misleads. Below that,
studies of every kind of answer, with clusters of several cases, strata, blocks and the other adjustments, compared with numbers that are
computed here from the export."""
import collections
import math
import re
import statistics
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib")]
import harness

LEVELS = {"plain": ("control", ""), "a": ("", "Note A is filed."), "b": ("", "Note B is filed.")}
ANALYSIS = "{primary: {visit: {margin: 5 points}, urgency: {margin: 0.2 levels}}, contrasts: [{factor: group, each: control}]}"
ANSWERS = '{visit: {boolean: ["Yes", "No"]}, urgency: {ordinal: [low, middle, high]}}'
PLANTED = '{visit: {boolean: ["Yes", "No"], base: 0.4, case_sd: 0.5}, urgency: {ordinal: [low, middle, high], base: [0.3, 0.4, 0.3]}}'


def lay_out(folder, cases=8, levels=LEVELS, repeats=3, models=("m",), analysis=ANALYSIS, answers=ANSWERS, planted=PLANTED, refusal="",
            more="", factors="", case_row=None, columns="", derive="", files={}):
    """A study of `cases` cases that differ in their text only, and its planted truth."""
    folder.mkdir()
    case_row = case_row or (lambda i: "")
    rows = [f"c{i:02},Patient {i:02} coughs. It began {i:02} hours ago.{case_row(i)}" for i in range(cases)]
    (folder / "cases.csv").write_text("\n".join(["case_id,text" + columns, *rows]) + "\n")
    for name, text in files.items():
        (folder / name).write_text(text)
    rows = [f"{id},{role},{text}" for id, (role, text) in levels.items()]
    (folder / "groups.csv").write_text("\n".join(["id,role,sentence", *rows]) + "\n")
    (folder / "providers.yaml").write_text(
        "accounts: {simulated: {provider: simulated, truth: truth.yaml}}\nmodels:\n" +
        "".join(f"  {m}: {{account: simulated, model: {m}-1, price: {{input: 1, output: 1}}}}\n" for m in models))
    answered = "".join(f"  {m}-1: {{answers: {planted}{refusal}}}\n" for m in models)
    (folder / "truth.yaml").write_text(f"""seed: 5
cases: {{file: cases.csv, id: case_id, text: text, after_first: ". "}}
levels: {{file: groups.csv, id: id, text: sentence}}
models:
{answered}""")
    (folder / "study.yaml").write_text(f"""study: odd
cases: {{file: cases.csv, id: [case_id]{", " + more if more.startswith(("cluster", "strata")) else ""}}}
factors:
  - {{name: group, file: groups.csv, insert: {{into: case.text, after_first: ". ", text: sentence}}}}
{factors}prompt: {{user: "{{{{case.text}}}} {{{{question.ask}}}}"}}
questions:
  - {{name: q, ask: "?", answer: {answers}{derive}}}
repeats: {repeats}
models: [{", ".join(models)}]
{"" if more.startswith(("cluster", "strata")) else more}
{"analysis: " + analysis if analysis else ""}
""")
    return folder / "study.yaml"


class Lab(harness.TestCase):
    def run_study(self, name="odd", code=0, **how):
        self.study = lay_out(self.box.dir / name, **how)
        self.ran = self.box.clinsafe("run", self.study, "--workers", 1, timeout=120)
        return self.look(code)

    def look(self, code=0):
        """The report as JSON; its words, in the terminal and on the page, in self.said and self.page."""
        page = self.study.parent / "report.html"
        done = self.box.clinsafe("report", self.study, "--json")
        self.assertExit(done, code)
        text = self.box.clinsafe("report", self.study, "--out", page)
        self.assertExit(text, code)
        self.said, self.page = text.out, page.read_text()
        for word in ("nan", "NaN", "-inf", "inf "):
            self.assertNotIn(word, self.said)
            self.assertNotIn(f">{word}", self.page)
        return done.json()

    def contrast(self, report, outcome="visit", level="a", model="m", **more):
        found = [c for c in report["contrasts"] if (c["outcome"], c["level"], c["model"]) == (outcome, level, model)
                 and all(c[k] == v for k, v in more.items())]
        self.assertEqual(len(found), 1, found)
        return found[0]

    def assertNoVerdict(self, report, *words):
        for c in report["contrasts"]:
            self.assertEqual(c["verdict"], "none", c)
            for word in words:
                self.assertIn(word, c["why"])


@harness.short
class Odd(Lab):
    def test_no_control_and_no_contrasts(self):
        levels = {"a": LEVELS["a"], "b": LEVELS["b"]}
        report = self.run_study(levels=levels, analysis="{primary: {visit: {margin: 5 points}}}")
        self.assertEqual(report["contrasts"], [])
        self.assertIn('Factor "group" has no control and the study declares no contrasts: its levels are counted, not compared.', self.said)
        self.assertIn("There is nothing to compare", self.page)
        self.assertEqual(len([r for r in report["rates"] if r["outcome"] == "visit"]), 2)

    def test_no_control_but_pairs(self):
        levels = {"a": LEVELS["a"], "b": LEVELS["b"]}
        report = self.run_study(levels=levels, analysis="{primary: {visit: {margin: 5 points}}, contrasts: [{factor: group, pairs: [[a, b]]}]}")
        c = self.contrast(report)
        self.assertEqual((c["against"], c["comparator"], c["clusters"]), ("level", "b", 8))
        self.assertNotEqual(c["verdict"], "none")

    def test_levels_are_called_by_their_labels(self):
        """A column `label` of the table is how people call a level; it changes no answer and no id."""
        self.study = lay_out(self.box.dir / "labelled")
        groups = self.study.parent / "groups.csv"
        rows = groups.read_text().splitlines()
        groups.write_text("\n".join([rows[0] + ",label", *(row + (",people of A" if row.startswith("a,") else ",") for row in rows[1:])]) + "\n")
        self.box.clinsafe("run", self.study, "--workers", 1, timeout=120)
        report = self.look()
        self.assertIn(">people of A</a>", self.page)
        self.assertIn(">b</a>", self.page)
        self.assertEqual(self.contrast(report)["level"], "a")
        given = [g for g in report["given"] if (g["outcome"], g["level"]) == ("visit", "a")]
        self.assertEqual(len(given), 1)
        counts = {answer["answer"]: answer["n"] for answer in given[0]["answers"]}
        self.assertEqual(sum(counts.values()), given[0]["asked"])
        self.assertEqual(given[0]["asked"], 8 * 3)

    def test_one_repeat(self):
        report = self.run_study(repeats=1)
        c = self.contrast(report)
        self.assertIsNotNone(c["p_mcnemar"], "one pair a cluster: flips are counted")
        self.assertLessEqual(c["flips_b"] + c["flips_c"], 8)
        for part in report["components"]:
            if part["outcome"] == "visit":
                self.assertEqual((part["case_sd"], part["noise"]), (None, None), part)
                self.assertIn("fewer than two answers", part["why"])
        self.assertIn("fewer than two answers", self.page)

    def test_a_level_that_one_model_was_never_asked(self):
        blocks = "blocks:\n  - {factors: {group: [plain, a]}}\n  - {factors: {group: [b]}, models: [n]}"
        report = self.run_study(models=("m", "n"), more=blocks)
        c = self.contrast(report, level="b", model="m")
        self.assertEqual((c["clusters"], c["shift"], c["p"], c["verdict"]), (0, None, None, "none"))
        self.assertEqual(c["why"], "no case has usable answers on both sides")
        self.assertEqual(self.contrast(report, level="b", model="n")["clusters"], 8)

    def test_a_level_that_is_always_refused(self):
        report = self.run_study(refusal=", refusal: {rate: 0.000001, shift: {b: 50}}")
        silence = "no usable answer on one side: all refused, filtered, unreadable or failed"
        for outcome in ("visit", "urgency"):
            c = self.contrast(report, outcome=outcome, level="b")
            self.assertEqual((c["clusters"], c["shift"], c["rate_level"], c["p"], c["verdict"], c["why"]), (0, None, None, None, "none", silence))
            self.assertEqual(c["usable_gap"], -100)
            self.assertIsNone(next(r for r in report["rates"] if (r["outcome"], r["level"]) == (outcome, "b"))["rate"])
        self.assertEqual(self.contrast(report, level="a")["why"], "")
        lost = next(r for r in report["lost"] if r["level"] == "b")
        self.assertEqual((lost["kind"], lost["share"], lost["gap"], lost["differs"]), ("declined", 1, 100, True))
        self.assertIn('under "b" 100.0 % of the trials were refused or filtered, under the control 0.0 %: a gap of +100.0 points', self.said)
        self.assertIn(silence, self.page)

    def test_everything_refused(self):
        report = self.run_study(refusal=", refusal: {rate: 1}")
        self.assertTrue(report["complete"])
        for outcome in ("visit", "urgency"):
            c = self.contrast(report, outcome=outcome)
            self.assertEqual((c["rate_level"], c["rate_comparator"], c["ratio"], c["verdict"]), (None, None, None, "none"))
            self.assertIn("no usable answer on one side", c["why"])
        self.assertEqual([r for r in report["lost"] if r["differs"]], [], "the control is refused as often")

    def test_combinations_without_a_partner_are_left_out_and_counted(self):
        factors = '  - {name: arm, levels: [{id: warm, role: control}, {id: cold, system: "Be brief."}]}\n'
        blocks = "blocks:\n  - {factors: {group: all}}\n  - {factors: {group: [a], arm: [cold]}}"
        report = self.run_study(factors=factors, more=blocks)
        c = self.contrast(report)
        self.assertEqual((c["clusters"], c["unmatched"]), (8, 8), "a was asked under `cold` too, the control was not")
        self.assertEqual((c["answers"], c["answers_comparator"]), (24, 24))
        self.assertEqual(self.contrast(report, level="b")["unmatched"], 0)
        self.assertRegex(self.page, "(?i)unmatched")

    def test_fewer_than_five_clusters(self):
        report = self.run_study(cases=4, repeats=20)
        self.assertNoVerdict(report, "fewer than 5 clusters")
        self.assertRegex(self.said, "(?i)4 clusters")
        self.assertIn("fewer than 5 clusters", self.page)

    def test_one_case(self):
        report = self.run_study(cases=1, repeats=5)
        self.assertNoVerdict(report)
        c = self.contrast(report)
        self.assertEqual((c["clusters"], c["ci"], c["p"]), (1, None, None))
        self.assertIsNotNone(c["shift"])

    def test_a_rate_of_zero(self):
        planted = '{visit: {boolean: ["Yes", "No"], base: 0}, urgency: {ordinal: [low, middle, high], base: [0.3, 0.4, 0.3]}}'
        report = self.run_study(planted=planted)
        c = self.contrast(report)
        self.assertEqual((c["shift"], c["rate_level"], c["rate_comparator"]), (0, 0, 0))
        self.assertIsNone(c["ratio"], "nothing times nothing")
        self.assertIsNone(c["ratio_ci"])
        self.assertGreater(c["ci"][1], 5, "8 cases without a yes do not show that there is none")
        self.assertEqual(c["verdict"], "inconclusive")

    def test_all_answers_the_same(self):
        planted = '{visit: {boolean: ["Yes", "No"], base: 1}, urgency: {ordinal: [low, middle, high], base: [0, 0, 1]}}'
        report = self.run_study(planted=planted, cases=12)
        for outcome in ("visit", "urgency"):
            c = self.contrast(report, outcome=outcome)
            self.assertEqual(c["shift"], 0)
            self.assertLess(c["ci_simultaneous"][0], c["ci_simultaneous"][1], "no variance seen is not no variance")
            self.assertEqual(c["verdict"], "inconclusive")
        missing = 1 - 0.025 ** (1 / 12) # the share of cases that may be otherwise, at 100 % as at 0 %
        for r in (r for r in report["rates"] if r["outcome"] in ("visit", "urgency")):
            top = 1 if r["outcome"] == "visit" else 2
            self.assertEqual((r["clusters"], r["rate"]), (12, top))
            self.assertAlmostEqual(r["ci"][0], top * (1 - missing))
            self.assertEqual(r["ci"][1], top)

    def test_a_single_model(self):
        report = self.run_study()
        self.assertEqual(report["ranges"], [])
        self.assertIn("One model was asked; nothing can be said about others.", self.page)

    def test_an_incomplete_study(self):
        # The worst case of a block of calls is reserved before it starts, many times what it then costs: some blocks are never asked.
        report = self.run_study(code=2, more="parameters: {max_output_tokens: 50}\nbudget_usd: 0.013", cases=60)
        self.assertFalse(report["complete"])
        self.assertGreater(report["terminal"], 0)
        self.assertLess(report["terminal"], report["planned"])
        self.assertNoVerdict(report)
        self.assertEqual({c["why"] for c in report["contrasts"] if c["clusters"] > 0}, {"the study is not complete"})
        self.assertTrue(any(c["ci"] for c in report["contrasts"]), "intervals are shown")
        self.assertIn("Not complete", self.page)

    def test_two_controls_are_refused_when_the_study_is_read(self):
        study = lay_out(self.box.dir / "odd", levels=LEVELS | {"second": ("control", "Note C is filed.")})
        for command in ("plan", "run"):
            done = self.box.clinsafe(command, study)
            self.assertExit(done, harness.EXIT_INVALID)
            self.assertOneLine(done.err, "control")

    def test_no_analysis_declared(self):
        report = self.run_study(analysis="")
        self.assertNoVerdict(report, "declares no analysis")
        self.assertTrue(all(c["ci"] is not None for c in report["contrasts"]), "described all the same")
        self.assertIn("declares no", self.said)


RICH = """{visit: {boolean: ["Yes", "No"]}, urgency: {ordinal: [low, middle, high], insufficient: unknown},
      place: {nominal: [ward, clinic, home]}, percent: {number: {min: 0, max: 100}}, why: text,
      choice: {options: [opt_a, opt_b], order: order}}"""
RICH_PLANTED = """{visit: {boolean: ["Yes", "No"], base: 0.4, case_sd: 0.6, shift: {a: 1.5}, shift_sd: 0.4},
    urgency: {ordinal: [low, middle, high, unknown], base: [0.3, 0.3, 0.3, 0.1], case_sd: 0.4, shift: {a: 0.8}},
    place: {nominal: [ward, clinic, home], base: [0.5, 0.3, 0.2], case_sd: 0.3, shift: {a: {home: 1.5}}}}"""
RICH_ANALYSIS = """{adjust: %s,
  primary: {visit: {margin: 5 points}, urgency: {margin: 0.2 levels}, place: {margin: 10 points}, percent: {margin: 10 units},
            picks_cue: {margin: 10 points}, worth: {margin: 0.5 units}},
  contrasts: [{factor: group, each: control, by: [setting]}, {factor: group, pairs: [[a, b]], family: exploratory}]}"""


RICH_DERIVE = """, derive: {picks_cue: {equals: [choice, case.cue_option]},
    worth: {lookup: {file: values.csv, by: {case_id: case.case_id, place: place}, value: worth}},
    note: {lookup: {file: values.csv, by: {case_id: case.case_id, place: place}, value: note}, as: text},
    flags: {count: [visit, {equals: [place, home]}, {equals: [choice, opt_a]}]}, chars: {length: why},
    calm: {all: [{not: visit}, {differs: [place, ward]}]}, not_home: {not: {equals: [place, home]}},
    hex_a: {matches: [why, "[[:space:]][^[:space:]]*a[^[:space:]]*$"]}, braces: {contains: [reply, ['"VISIT"', nothing]]},
    tail: {matches: [why, "([^ ]+)$"], as: text}, digits: {matches: [why, "([0-9]+)"], as: number}}"""


def worth_of(case, place):
    return {"ward": 3, "clinic": 2.25, "home": -1}[place] + int(case[1:]) / 8


RICH_VALUES = "place,worth,note,case_id\n" + "".join(
    f"{place},{worth_of(f'c{i:02}', place)},{'' if place == 'clinic' else place + '!'},c{i:02}\n"
    for i in range(20) for place in ("home", "ward", "clinic"))

T_9 = 2.2621571627409915  # two-sided 5 %, 9 degrees of freedom


def bh(p, q=1.0):
    """Adjusted p of Benjamini-Hochberg; times q for Benjamini-Yekutieli."""
    order, best, out = sorted(range(len(p)), key=lambda i: -p[i]), 1.0, [0.0] * len(p)
    for rank, i in enumerate(order):
        best = min(best, p[i] * q * len(p) / (len(p) - rank))
        out[i] = best
    return out


def holm(p):
    order, worst, out = sorted(range(len(p)), key=lambda i: p[i]), 0.0, [0.0] * len(p)
    for rank, i in enumerate(order):
        worst = max(worst, min(1.0, p[i] * (len(p) - rank)))
        out[i] = worst
    return out


    def test_a_refusal_as_no_and_as_missing(self):
        report = self.run_study(refusal=", refusal: {rate: 0.1, shift: {b: 1.5}}", repeats=6)
        rows = harness.rows_csv(harness.must(self.box.clinsafe("export", self.study, "--format", "csv")).out)
        for refusals in ("no", "missing"):
            cells = collections.defaultdict(list)
            for r in rows:
                if refusals == "no" or r["outcome"] == "ok":
                    cells[r["case_id"], r["factor.group"]].append(100.0 * (r["answer.visit"] == "Yes"))
            cases = [c for c, g in cells if g == "b" and (c, "plain") in cells]
            d = [statistics.fmean(cells[c, "b"]) - statistics.fmean(cells[c, "plain"]) for c in cases]
            found, = [v for v in report["variants"] if (v["outcome"], v["level"], v["refusals"], v["answers"]) ==
                      ("visit", "b", refusals, "as they stand")]
            self.assertEqual((found["clusters"], found["reported"]), (len(d), refusals == "no"))
            self.assertAlmostEqual(found["shift"], statistics.fmean(d), 8)
        self.assertEqual({v["refusals"] for v in report["variants"] if v["outcome"] == "urgency"}, {""})
        self.assertIn("Counted in other ways", self.page)


@harness.short
class Rich(Lab):
    """10 clusters of 2 cases, two strata, two orders of options, every kind of answer; the same outputs under each adjustment."""
    LEVELS = LEVELS | {"c": ("placebo", "Note C is filed."), "plain_aa": ("aa", "")}

    @classmethod
    def prepare(cls):
        box = cls.shared()
        cls.study = lay_out(box.dir / "rich", cases=20, files={"values.csv": RICH_VALUES}, levels=cls.LEVELS, repeats=2, answers=RICH, planted=RICH_PLANTED,
                            analysis=RICH_ANALYSIS % "holm", columns=",base,setting,opt_a,opt_b,cue_option",
                            case_row=lambda i: f",k{i // 2},{'town' if i < 12 else 'country'},A,B,opt_a",
                            more="cluster: base, strata: [setting]",
                            factors="  - {name: order, levels: [{id: one, order: [1, 2]}, {id: two, order: [2, 1]}]}\n",
                            derive=RICH_DERIVE)
        harness.must(box.clinsafe("run", cls.study, "--workers", 1, timeout=120))
        cls.table = box.dir / "rich.csv"
        harness.must(box.clinsafe("export", cls.study, "--out", cls.table))
        cls.rows = harness.rows_csv(cls.table.read_text())
        cls.by = {}
        for adjust in ("holm", "max-t", "bh", "by", "none"):
            path = cls.study.parent / f"{adjust}.yaml"
            path.write_text(cls.study.read_text().replace(RICH_ANALYSIS % "holm", RICH_ANALYSIS % adjust))
            cls.by[adjust] = harness.must(box.clinsafe("report", path, "--from", cls.table, "--json")).json()

    def family(self, adjust):
        found = [c for c in self.by[adjust]["contrasts"] if c["family"] == "primary" and c["p"] is not None]
        self.assertGreater(len(found), 20)
        return found

    VALUES = {
        "visit": lambda r: 100.0 * (r["answer.visit"] == "Yes"),
        "urgency": lambda r: {"low": 0, "middle": 1, "high": 2}.get(r["answer.urgency"]),
        "place=home": lambda r: 100.0 * (r["answer.place"] == "home"),
        "percent": lambda r: float(r["answer.percent"]),
        "choice=opt_a": lambda r: 100.0 * (r["answer.choice"] == "opt_a"),
        "picks_cue": lambda r: 100.0 * (r["derived.picks_cue"] == "true"),
        "worth": lambda r: worth_of(r["case_id"], r["answer.place"]),
        "flags": lambda r: (r["answer.visit"] == "Yes") + (r["answer.place"] == "home") + (r["answer.choice"] == "opt_a"),
        "chars": lambda r: len(r["answer.why"]),
        "calm": lambda r: 100.0 * (r["answer.visit"] == "No" and r["answer.place"] != "ward"),
        "hex_a": lambda r: 100.0 * ("a" in r["answer.why"].split()[-1]),
        "braces": lambda r: 100.0,
    }

    def test_derived_answers_in_the_export(self):
        """Each kind of rule, computed again from the answers of the row."""
        for row in self.rows:
            home, why = row["answer.place"] == "home", row["answer.why"]
            self.assertEqual(float(row["derived.worth"]), worth_of(row["case_id"], row["answer.place"]))
            self.assertEqual(row["derived.note"], "" if row["answer.place"] == "clinic" else f"{row['answer.place']}!")
            self.assertEqual(float(row["derived.flags"]), self.VALUES["flags"](row))
            self.assertEqual(row["derived.calm"] == "true", row["answer.visit"] == "No" and row["answer.place"] != "ward")
            self.assertEqual(row["derived.not_home"] == "true", not home)
            self.assertEqual(row["derived.tail"], why.split()[-1])
            first = re.search("[0-9]+", why)
            self.assertEqual(row["derived.digits"], str(int(first[0])) if first else "")

    def variants(self, **key):
        found = [v for v in self.by["holm"]["variants"] if all(v[k] == x for k, x in key.items())]
        self.assertTrue(found, key)
        return found

    def test_counted_in_other_ways(self):
        """Each primary comparison under every combination: half the repeats, cases as units, the placebo in the control's place."""
        for outcome in ("visit", "urgency", "worth", "place=home"):
            value = self.VALUES[outcome]
            rows = self.variants(outcome=outcome, level="a", stratum_value="")
            self.assertEqual(len(rows), len({tuple(str(r[k]) for k in ("answers", "counted_by", "other_side")) for r in rows}))
            self.assertEqual(len(rows), 8, outcome)
            for row in rows:
                half, side = row["answers"] == "every second repeat", "c" if row["other_side"] == "placebo" else "plain"
                cells = collections.defaultdict(list)
                for r in self.rows:
                    if (v := value(r)) is not None and not (half and int(r["repeat"]) % 2):
                        cells[r["cluster"] if row["counted_by"] == "cluster" else r["case_id"], r["case_id"],
                              r["factor.order"], r["factor.group"]].append(v)
                units = collections.defaultdict(list)
                for (unit, case, order, group), v in cells.items():
                    if group == "a" and (other := cells.get((unit, case, order, side))):
                        units[unit].append(statistics.fmean(v) - statistics.fmean(other))
                d = [statistics.fmean(v) for v in units.values()]
                self.assertEqual(row["clusters"], len(d))
                self.assertAlmostEqual(row["shift"], statistics.fmean(d), 8, row)
            main, = [r for r in rows if r["reported"]]
            c = self.contrast(self.by["holm"], outcome=outcome, level="a", comparator="plain", stratum_value="")
            self.assertEqual((main["shift"], main["ci"], main["p"]), (c["shift"], c["ci"], c["p"]))

    def test_tables_know_kinds_and_units(self):
        kinds = {o["name"]: (o["kind"], o["unit"]) for o in self.by["holm"]["outcomes"]}
        self.assertEqual(kinds["worth"][1], "units")
        self.assertEqual(kinds["picks_cue"][1], "points")
        self.assertNotIn("tail", kinds)  # a text is there to be read
        worth = self.contrast(self.by["holm"], outcome="worth", level="a", comparator="plain", stratum_value="")
        self.assertEqual((worth["unit"], worth["family"]), ("units", "primary"))

    def test_a_table_without_a_study_knows_them_too(self):
        alone = harness.must(self.shared().clinsafe("report", "--from", self.table, "--json")).json()
        for outcome in ("worth", "calm", "flags"):
            there, here = (self.contrast(r, outcome=outcome, level="a", comparator="plain", stratum_value="")
                           for r in (self.by["holm"], alone))
            self.assertAlmostEqual(there["shift"], here["shift"], 8, outcome)

    def cluster_shift(self, value, level, comparator, stratum=""):
        """By cluster: mean over its cases and orders of the difference of means; what has no partner is left out."""
        cells = collections.defaultdict(list)
        for row in self.rows:
            if stratum in ("", row["case.setting"]) and (v := value(row)) is not None:
                cells[row["cluster"], row["case_id"], row["factor.order"], row["factor.group"]].append(v)
        clusters = collections.defaultdict(list)
        for (cluster, case, order, group), values in cells.items():
            other = cells.get((cluster, case, order, comparator))
            if group == level and other:
                clusters[cluster].append(statistics.fmean(values) - statistics.fmean(other))
        return [statistics.fmean(v) for _, v in sorted(clusters.items())]

    def test_shifts_of_every_kind_of_answer(self):
        report = self.by["holm"]
        for outcome, value in self.VALUES.items():
            for level, comparator, stratum in (("a", "plain", ""), ("b", "plain", ""), ("a", "plain", "town"), ("a", "b", ""),
                                               ("c", "plain", ""), ("plain_aa", "plain", "")):
                with self.subTest(outcome=outcome, level=level, comparator=comparator, stratum=stratum):
                    c = self.contrast(report, outcome=outcome, level=level, comparator=comparator, stratum_value=stratum)
                    d = self.cluster_shift(value, level, comparator, stratum)
                    self.assertEqual(c["clusters"], len(d))
                    self.assertAlmostEqual(c["shift"], statistics.fmean(d), 8)
                    if statistics.stdev(d) > 1e-9:
                        self.assertAlmostEqual(c["se"], statistics.stdev(d) / len(d) ** 0.5, 8)

    def cluster_rates(self, level):
        """Share of "Yes" to visit, by cluster; mean over its cases and orders."""
        cells = collections.defaultdict(list)
        for row in self.rows:
            if row["factor.group"] == level:
                cells[row["cluster"], row["case_id"], row["factor.order"]].append(row["answer.visit"] == "Yes")
        clusters = collections.defaultdict(list)
        for (cluster, _, _), yes in cells.items():
            clusters[cluster].append(statistics.fmean(yes))
        return [statistics.fmean(v) for _, v in sorted(clusters.items())]

    def test_the_interval_of_a_ratio_and_of_the_case_specific_variance(self):
        c = self.contrast(self.by["holm"], outcome="visit", level="a", comparator="plain", stratum_value="")
        a, b = self.cluster_rates("a"), self.cluster_rates("plain")
        n, ratio = len(a), statistics.fmean(a) / statistics.fmean(b)
        off = [(x - ratio * y) / statistics.fmean(b) for x, y in zip(a, b)]
        reach = math.exp(T_9 * (sum(v * v for v in off) / (n - 1) / n) ** 0.5 / ratio)
        self.assertAlmostEqual(c["ratio"], ratio, 9)
        self.assertAlmostEqual(c["ratio_ci"][0], ratio / reach, 6)
        self.assertAlmostEqual(c["ratio_ci"][1], ratio * reach, 6)
        part = next(v for v in self.by["holm"]["components"] if (v["outcome"], v["level"]) == ("visit", "a"))
        middle = sum(part["case_variance_ci"]) / 2
        self.assertAlmostEqual(middle, part["case_variance"], 6)
        self.assertLess(part["case_variance_ci"][0], part["case_variance_ci"][1])

    def test_strata_have_their_own_clusters(self):
        clusters = {c["stratum_value"]: c["clusters"] for c in self.by["holm"]["contrasts"]
                    if (c["outcome"], c["level"], c["comparator"]) == ("visit", "a", "plain")}
        self.assertEqual(clusters, {"": 10, "town": 6, "country": 4})
        few = self.contrast(self.by["holm"], outcome="visit", level="a", comparator="plain", stratum_value="country")
        self.assertEqual((few["verdict"], few["why"]), ("none", "fewer than 5 clusters"))

    @staticmethod
    def is_category(c):
        return "=" in c["outcome"]

    def units(self, adjust, family):
        """Tests of a family: comparisons of answers that are one difference, and each unordered answer once, by its own p."""
        alone = [c for c in self.by[adjust]["contrasts"] if c["family"] == family and not self.is_category(c)]
        primary = [t for t in self.by[adjust]["category_tests"] if (t["comparator"] == "b") == (family == "exploratory")]
        places = [t for t in primary if t["field"] == "place"]
        mirrored = [c for c in self.by[adjust]["contrasts"] if c["family"] == family and c["outcome"] == "choice=opt_a"]
        return alone, places, mirrored

    def test_adjusted_p_of_every_method(self):
        """An answer with unordered words is one test: two words are one difference, three are judged by their common p first."""
        raw = [c["p"] for c in self.family("none")]
        for x, y in zip([c["p_adjusted"] for c in self.family("none")], raw, strict=True):
            self.assertAlmostEqual(x, y, 9)
        alone, places, choice = self.units("holm", "primary")

        def common(t):
            """Too few clusters for the common test: the smallest p of its three words, three times."""
            words = [c["p"] for c in self.by["holm"]["contrasts"] if c["outcome"].startswith("place=") and c["p"] is not None
                     and all(c[k] == t[k] for k in ("level", "comparator", "stratum_value"))]
            return t["p"] if t["p"] is not None else min(1, 3 * min(words))

        p = [1 if c["p"] is None else c["p"] for c in alone] + [common(t) for t in places] + [c["p"] for c in choice]
        self.assertEqual(self.by["holm"]["family"], len(p))
        harmonic = sum(1 / (i + 1) for i in range(len(p)))
        for adjust, want in (("holm", holm(p)), ("bh", bh(p)), ("by", [min(1, x) for x in bh(p, harmonic)])):
            alone, places, choice = self.units(adjust, "primary")
            got = [1 if c["p"] is None else c["p_adjusted"] for c in alone] + [t["p_adjusted"] for t in places] + [
                c["p_adjusted"] for c in choice]
            for x, y in zip(got, want, strict=True):
                self.assertAlmostEqual(x, y, 9, adjust)

    def test_a_word_is_no_clearer_than_its_answer(self):
        for adjust in ("holm", "bh", "by"):
            gates = {(t["level"], t["comparator"], t["stratum_value"]): t["p_adjusted"]
                     for t in self.by[adjust]["category_tests"] if t["field"] == "place"}
            words = [c for c in self.by[adjust]["contrasts"] if c["outcome"].startswith("place=") and c["p"] is not None
                     and not c["floor"]]
            self.assertGreater(len(words), 5)
            for c in words:
                self.assertGreaterEqual(c["p_adjusted"], gates[c["level"], c["comparator"], c["stratum_value"]] - 1e-9)

    def test_max_t_lies_between_raw_and_bonferroni(self):
        raw, got = self.family("none"), self.family("max-t")
        self.assertEqual(len(raw), len(got))
        for a, b in zip(raw, got):
            self.assertGreaterEqual(b["p_adjusted"] + 0.01, a["p"])
            self.assertLessEqual(b["p_adjusted"], min(1, len(raw) * a["p"]) + 0.05)
            if b["ci"] and b["ci_simultaneous"]:
                self.assertLessEqual(b["ci_simultaneous"][0], b["shift"])
                self.assertGreaterEqual(b["ci_simultaneous"][1], b["shift"])
        order = sorted(range(len(raw)), key=lambda i: raw[i]["p"])
        self.assertGreater(got[order[-1]]["p_adjusted"], got[order[0]]["p_adjusted"])

    def test_verdicts_agree_with_their_intervals(self):
        for adjust, report in self.by.items():
            for c in report["contrasts"]:
                by = c["decided_by"]
                if c["verdict"] == "none":
                    self.assertIsNone(by)
                    continue
                self.assertTrue(by is None or (by["why"] and c["why"]))
                if c["why"] and not (by and by["why"] == c["why"]):
                    continue
                lo, hi = c["ci_simultaneous"]
                margin = next(o["margin"] for o in report["outcomes"] if o["name"] == c["outcome"])
                with self.subTest(adjust=adjust, contrast=(c["outcome"], c["level"], c["stratum_value"])):
                    different = c["verdict"].startswith("different")
                    self.assertEqual(different, c["p_adjusted"] <= 0.05)
                    self.assertTrue(not different or lo >= 0 or hi <= 0)
                    self.assertEqual(c["verdict"] == "different-beyond-margin", different and (lo > margin or hi < -margin))
                    if c["verdict"] == "equivalent":
                        self.assertLessEqual(c["p_equivalence_adjusted"], 0.05)
                    if margin and not different and not (c["why"] and "could change" in c["why"]):
                        lo, hi = (by["low"], by["high"]) if by else (lo, hi)
                        self.assertEqual(c["verdict"] == "equivalent", -margin < lo and hi < margin, c)

    def test_the_exploratory_pair_is_judged_apart(self):
        for adjust in ("holm", "bh"):
            pairs = [c for c in self.by[adjust]["contrasts"] if c["family"] == "exploratory" and c["p"] is not None]
            self.assertEqual({(c["level"], c["comparator"]) for c in pairs}, {("a", "b")})
            alone, places, choice = self.units(adjust, "exploratory")
            p = [c["p"] for c in alone] + [t["p"] for t in places] + [c["p"] for c in choice]
            got = [c["p_adjusted"] for c in alone + places + choice]
            for x, want in zip(got, bh(p), strict=True):
                self.assertAlmostEqual(x, want, 9)

    def test_unordered_answers_are_tested_at_once(self):
        tests = [t for t in self.by["holm"]["category_tests"] if t["field"] == "place" and t["level"] == "a" and t["comparator"] == "plain"
                 and t["stratum_value"] == ""]
        self.assertEqual(len(tests), 1)
        self.assertEqual((tests[0]["df"], tests[0]["clusters"]), (2, 10))
        self.assertTrue(0 <= tests[0]["p"] <= 1)

    def test_insufficient_information_is_an_answer_with_a_gap(self):
        c = self.contrast(self.by["holm"], outcome="urgency", level="a", comparator="plain", stratum_value="")
        shares = {}
        for group in ("a", "plain"):
            said = [r["answer.urgency"] == "unknown" for r in self.rows if r["factor.group"] == group]
            shares[group] = statistics.fmean(said)
        self.assertAlmostEqual(c["insufficient_gap"], 100 * (shares["a"] - shares["plain"]), 6)


if __name__ == "__main__":
    harness.main()
