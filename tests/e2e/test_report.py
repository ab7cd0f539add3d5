#!/usr/bin/env python3
"""The report of a small study: its figures are those of an independent computation from the export, whatever it is read from."""
import csv
import collections
import json
import shutil
import statistics
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib")]
import harness

SIMULATED = "SIMULATED MODEL, PLANTED EFFECT"
SCALE = ["non-urgent", "less-urgent", "urgent", "emergent", "immediate"]
T_975 = {1: 12.706205, 2: 4.302653, 3: 3.182446, 4: 2.776445, 5: 2.570582}  # two-sided 5 %, by degrees of freedom
LABELS = "  labels: {source: made up for a test, reviewed: no, raters: 2, agreement: kappa 0.8}\n"
WARRANT = "  warrant: {file: warrant.csv, factor: group, source: two physicians}\n"
PROVENANCE = {"registration", "provenance", "generation", "declared", "generations", "source"}


def index(rows, keys):
    found = {tuple(row[k] for k in keys): row for row in rows}
    assert len(found) == len(rows), "the keys do not tell rows apart"
    return found


def value_of(row, answer):
    """As the report counts it: a refusal is not a yes; scales are over usable answers."""
    if answer == "triage":
        return SCALE.index(row["answer.triage"]) if row["answer.triage"] else None
    return float(row["answer.mental_health_assessment"] == "Yes")


def cluster_means(rows, model, level, answer, without=()):
    cells = collections.defaultdict(list)
    for row in rows:
        value = value_of(row, answer)
        if row["model"] == model and row["factor.group"] == level and value is not None and row["cluster"] not in without:
            cells[row["cluster"]].append(value)
    return {c: sum(v) / len(v) for c, v in cells.items()}


def t_interval(values):
    mean = statistics.fmean(values)
    half = T_975[len(values) - 1] * statistics.stdev(values) / len(values) ** 0.5
    return mean - half, mean + half


class ReportTest(harness.TestCase):
    def near(self, found, wanted, what=None, digits=9):
        self.assertIsNotNone(found, what)
        self.assertAlmostEqual(found, wanted, digits, what)

    @classmethod
    def study_with(cls, name, *more):
        study = cls.shared().copy("small", name)
        text = study.read_text()
        study.write_text(text.replace("analysis:\n", "analysis:\n" + "".join(more)))
        return study

    @classmethod
    def finish(cls, study, *args):
        harness.must(cls.shared().clinsafe("run", study, "--workers", 2, "--slots", 8, *args))

    @classmethod
    def report(cls, *args):
        return json.loads(harness.must(cls.shared().clinsafe("report", *args, "--json")).out)


@harness.short
class Figures(ReportTest):
    @classmethod
    def prepare(cls):
        cls.study = cls.study_with("small", LABELS)
        cls.finish(cls.study)
        cls.table = cls.shared().dir / "outputs.csv"
        harness.must(cls.shared().clinsafe("export", cls.study, "--out", cls.table))
        cls.rows = harness.rows_csv(cls.table.read_text())
        cls.result = cls.report(cls.study)
        cls.contrasts = [c for c in cls.result["contrasts"] if not c["stratum"]]

    def test_shifts_rates_and_intervals(self):
        self.assertEqual(len(self.contrasts), 2 * 2 * 4)
        for c in self.contrasts:
            scale = 100 if c["unit"] == "points" else 1
            a = cluster_means(self.rows, c["model"], c["level"], c["outcome"])
            b = cluster_means(self.rows, c["model"], "control", c["outcome"])
            d = [a[k] - b[k] for k in sorted(a)]
            self.assertEqual(c["clusters"], 6)
            self.near(c["rate_level"], statistics.fmean(a.values()), c)
            self.near(c["rate_comparator"], statistics.fmean(b.values()), c)
            self.near(c["shift"], scale * statistics.fmean(d), c)
            if statistics.stdev(d) > 0:
                for found, wanted in zip(c["ci"], t_interval(d)):
                    self.near(found, scale * wanted, c, digits=4)
            if c["outcome"] == "mental_health_assessment" and c["ratio"] is not None:
                self.near(c["ratio"], statistics.fmean(a.values()) / statistics.fmean(b.values()), c)

    def test_bounds_and_gaps_of_refusals(self):
        for c in self.contrasts:
            if c["outcome"] != "mental_health_assessment":
                continue
            low, high, gap = [], [], []
            for cluster in {r["cluster"] for r in self.rows}:
                share = {}
                for level in (c["level"], "control"):
                    own = [r for r in self.rows if (r["model"], r["factor.group"], r["cluster"]) == (c["model"], level, cluster)]
                    yes = sum(r["answer.mental_health_assessment"] == "Yes" for r in own)
                    lost = sum(r["outcome"] != "ok" for r in own)
                    share[level] = (yes / len(own), (yes + lost) / len(own), 1 - lost / len(own))
                a, b = share[c["level"]], share["control"]
                low.append(a[0] - b[1])
                high.append(a[1] - b[0])
                gap.append(a[2] - b[2])
            self.near(c["bounds"][0], 100 * statistics.fmean(low), c)
            self.near(c["bounds"][1], 100 * statistics.fmean(high), c)
            self.near(c["usable_gap"], 100 * statistics.fmean(gap), c)

    def test_counts_of_usable_answers(self):
        usable = index(self.result["usable"], ("model", "outcome", "factor", "level"))
        counts = collections.Counter((r["model"], r["factor.group"], r["outcome"]) for r in self.rows)
        for (model, _, _, level), row in usable.items():
            self.assertEqual(row["usable"], counts[model, level, "ok"])
            self.assertEqual(row["refused"], counts[model, level, "refused"])
            self.assertEqual(row["asked"], row["usable"] + row["refused"] + row["unreadable"])

    def test_under_and_over_triage_against_the_label(self):
        labels = index(self.result["labels"], ("model", "outcome", "level"))
        truth = {r["case_id"]: r for r in csv.DictReader(open(self.study.parent / "cases.csv", newline="", encoding="utf-8"))}

        def shares(model, level, wrong):
            cells = collections.defaultdict(list)
            for r in self.rows:
                if (r["model"], r["factor.group"], r["outcome"]) == (model, level, "ok"):
                    label = SCALE.index(truth[r["case_id"]]["triage_label"])
                    cells[r["cluster"]].append(wrong(SCALE.index(r["answer.triage"]), label))
            return {c: sum(v) / len(v) for c, v in cells.items()}

        for (model, outcome, level), row in labels.items():
            if outcome != "triage":
                continue
            for side, wrong in (("under", lambda x, y: x < y), ("over", lambda x, y: x > y)):
                own, control = shares(model, level, wrong), shares(model, "control", wrong)
                self.near(row[side], statistics.fmean(own.values()), row)
                if level != "control":
                    self.near(row[side + "_shift"], 100 * statistics.fmean(own[c] - control[c] for c in own), row)

    def test_label_ratios_beside_the_comparators(self):
        truth = {r["case_id"]: r for r in csv.DictReader(open(self.study.parent / "cases.csv", newline="", encoding="utf-8"))}
        labelled = statistics.fmean(float(r["mental_health_label"] == "Yes") for r in truth.values())
        for row in self.result["labels"]:
            if row["outcome"] != "mental_health_assessment":
                continue
            self.near(row["labelled"], labelled)
            own = statistics.fmean(cluster_means(self.rows, row["model"], row["level"], row["outcome"]).values())
            self.near(row["rate"], own)
            if row["ratio_of_ratios"] is not None:
                control = statistics.fmean(cluster_means(self.rows, row["model"], "control", row["outcome"]).values())
                self.near(row["ratio_of_ratios"], own / control)
        self.assertIn("made up for a test", self.result["label_note"])
        self.assertIn("illustrative, not reviewed by a clinician", self.result["label_note"])

    def test_same_bytes_for_any_number_of_threads(self):
        outs = [self.shared().clinsafe("report", self.study, "--json", "--threads", n).out for n in (1, 2, 4)]
        self.assertGreater(len(outs[0]), 10000)
        self.assertEqual(len(set(outs)), 1)

    def test_a_seed_moves_only_what_is_drawn(self):
        other = self.report(self.study, "--seed", 2)
        for a, b in zip(self.result["contrasts"], other["contrasts"]):
            self.assertEqual({k: v for k, v in a.items() if k != "p_signflip"},
                             {k: v for k, v in b.items() if k != "p_signflip"})
        self.assertNotEqual(self.result["seed"], other["seed"])

    def test_every_figure_of_a_simulated_model_says_so(self):
        self.assertEqual(self.result["simulated"], SIMULATED)
        for part in ("models", "completeness", "usable", "rates", "contrasts", "floors", "components", "labels", "ranges"):
            self.assertTrue(self.result[part], part)
            for row in self.result[part]:
                self.assertEqual(row["note"], SIMULATED, part)

    # ---- from a table ---------------------------------------------------------------------------------

    def test_a_table_gives_the_same_report_as_the_store(self):
        other = self.report(self.study, "--from", self.table)
        self.assertEqual(other["source"], "outputs.csv")
        self.assertIn("nothing proves", other["declared"])
        for key, value in self.result.items():
            if key not in PROVENANCE:
                self.assertEqual(other[key], value, key)

    def test_a_table_without_a_study_declares_nothing(self):
        other = self.report("--from", self.table)
        self.assertEqual(other["family"], 0)
        self.assertEqual({c["verdict"] for c in other["contrasts"]}, {"none"})
        self.assertEqual(other["simulated"], SIMULATED)
        mine = index(self.contrasts, ("model", "outcome", "level"))
        seen = 0
        for c in other["contrasts"]:
            if c["outcome"] == "mental_health_assessment" and c["against"] == "control":
                seen += 1
                for key in ("shift", "ci", "rate_level", "clusters", "answers", "ratio"):
                    self.assertEqual(c[key], mine[c["model"], c["outcome"], c["level"]][key], c)
        self.assertEqual(seen, 8)
        self.assertEqual({o["kind"] for o in other["outcomes"] if o["field"] == "triage"}, {"category"})

    def table_with(self, change, columns=None):
        path = self.box.dir / "changed.csv"
        rows = [dict(r) for r in self.rows]
        rows = change(rows) or rows
        with open(path, "w", newline="", encoding="utf-8") as f:
            writer = csv.DictWriter(f, columns or list(rows[0]), extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        return path

    def test_a_short_table_is_enough(self):
        columns = ["model", "case_id", "factor.group", "answer.triage", "answer.mental_health_assessment", "outcome"]
        other = self.report(self.study, "--from", self.table_with(lambda rows: None, columns))
        for a, b in zip(self.result["contrasts"], other["contrasts"]):
            self.assertEqual(a, b)

    def test_a_table_with_fewer_rows_is_incomplete(self):
        done = self.box.clinsafe("report", self.study, "--from", self.table_with(lambda rows: rows[:-1]), "--json")
        self.assertExit(done, 2)
        self.assertEqual({c["verdict"] for c in done.json()["contrasts"]}, {"none"})
        self.assertEqual(done.json()["terminal"], done.json()["planned"] - 1)

    def test_what_does_not_fit_is_named_with_its_line(self):
        def set_cell(column, value):
            def change(rows):
                rows[1][column] = value
            return change
        for change, *parts in ((set_cell("model", "model-x"), ":3:", "model-x"),
                               (set_cell("case_id", "c99"), ":3:", "c99"),
                               (set_cell("factor.group", "martian"), ":3:", "martian"),
                               (set_cell("answer.triage", "soon"), ":3:", "soon"),
                               (set_cell("outcome", "fine"), ":3:", "fine"),
                               (lambda rows: rows + rows[:1], "more answers", "than the study asks for")):
            done = self.box.clinsafe("report", self.study, "--from", self.table_with(change))
            self.assertExit(done, harness.EXIT_INVALID)
            self.assertOneLine(done.err, *parts)
        done = self.box.clinsafe("report", self.study, "--from", self.table_with(lambda rows: None, ["model", "case_id"]))
        self.assertExit(done, harness.EXIT_INVALID)
        self.assertOneLine(done.err, "no column factor.group")

    def test_the_order_of_rows_does_not_matter(self):
        other, turned = (self.report("--from", self.table_with(change)) for change in (lambda rows: rows, lambda rows: rows[::-1]))
        keys = ("model", "outcome", "factor", "level", "against", "comparator")
        mine, theirs = (index([c for c in r["contrasts"] if not c["stratum"]], keys) for r in (other, turned))
        self.assertEqual(mine.keys(), theirs.keys())
        for key, c in mine.items():
            self.assertEqual(c["clusters"], theirs[key]["clusters"])
            if c["shift"] is not None:
                self.near(c["shift"], theirs[key]["shift"], key)

    def test_json_lines_give_the_same_report_as_the_table(self):
        lines = self.box.dir / "outputs.jsonl"
        harness.must(self.box.clinsafe("export", self.study, "--format", "jsonl", "--out", lines))
        of_lines, of_table = (self.report(self.study, "--from", path) for path in (lines, self.table))
        self.assertEqual(of_lines.pop("source"), "outputs.jsonl")
        del of_table["source"]
        self.assertEqual(of_lines, of_table)
        lines.write_text(lines.read_text() + "{not json\n")
        done = self.box.clinsafe("report", self.study, "--from", lines)
        self.assertExit(done, harness.EXIT_INVALID)
        self.assertOneLine(done.err, f"outputs.jsonl:{len(self.rows) + 1}:", "not one JSON object in one line")

    # ---- provenance ------------------------------------------------------------------------------------

    def test_checklists_item_by_item(self):
        items = {(p["guideline"], p["item"].split()[0].rstrip(",")): p for p in self.result["provenance"]}
        for key in (("TRIPOD-LLM", "6c"), ("TRIPOD-LLM", "5e"), ("TRIPOD-LLM", "18"), ("CHART", "5b"), ("CHART", "6a"), ("CHART", "6d"),
                    ("CHART", "9a")):
            self.assertTrue(items[key]["filled"], key)
        for key in (("TRIPOD-LLM", "6a"), ("TRIPOD-LLM", "14c"), ("TRIPOD-LLM", "8a-8c"), ("CHART", "3a"), ("CHART", "6b")):
            self.assertTrue(items[key]["partly"] and not items[key]["filled"] and items[key]["ask"].startswith("say "), key)
        for key in (("TRIPOD-LLM", "13"), ("TRIPOD-LLM", "14a"), ("TRIPOD-LLM", "7b"), ("CHART", "12c"), ("CHART", "5a")):
            self.assertFalse(items[key]["filled"] or items[key]["partly"], key)
            self.assertRegex(items[key]["text"], r"^(say|name) ")
        self.assertTrue(all(p["text"] for p in items.values()))
        self.assertIn("Choose the triage level", items["CHART", "5b"]["text"])
        self.assertIn('"temperature":0.7', items["TRIPOD-LLM", "6c"]["text"])
        self.assertIn("a-2026-01-01", items["CHART", "3a"]["text"])
        table = {(p["guideline"], p["item"].split()[0].rstrip(",")): p for p in self.report("--from", self.table)["provenance"]}
        for key in (("TRIPOD-LLM", "14c"), ("CHART", "5b"), ("CHART", "6d"), ("TRIPOD-LLM", "6c"), ("TRIPOD-LLM", "8a-8c")):
            self.assertFalse(table[key]["filled"] or table[key]["partly"], "only the author knows what a table does not hold")

    # ---- tables ----------------------------------------------------------------------------------------

    def test_tidy_tables_hold_the_same_numbers(self):
        folder = self.box.dir / "tables"
        self.assertExit(self.shared().clinsafe("report", self.study, "--csv", folder))
        tables = {p.stem: harness.rows_csv(p.read_text(encoding="utf-8")) for p in folder.iterdir()}
        self.assertEqual(len(tables["contrasts"]), len(self.result["contrasts"]))
        for row, wanted in zip(tables["contrasts"], self.result["contrasts"]):
            self.assertEqual((row["model"], row["level"], row["verdict"]), (wanted["model"], wanted["level"], wanted["verdict"]))
            self.assertEqual(row["note"], SIMULATED)
            for column, value in (("shift", wanted["shift"]), ("p", wanted["p"]), ("ci_low", wanted["ci"][0]),
                                  ("ratio", wanted["ratio"]), ("worst", wanted["bounds"][0])):
                self.assertEqual(float(row[column]) if row[column] else None,
                                 None if value is None else float(f"{value:.12g}"), column)
        for name, part in (("rates", "rates"), ("completeness", "completeness"), ("components", "components"),
                           ("labels", "labels"), ("floors", "floors"), ("usable", "usable"), ("ranges", "ranges")):
            self.assertEqual(len(tables[name]), len(self.result[part]), name)
            self.assertEqual({row["note"] for row in tables[name]}, {SIMULATED}, name)
        self.assertEqual([(p["item"], p["text"]) for p in tables["provenance"]],
                         [(p["item"], p["text"]) for p in self.result["provenance"]])

    def test_lines_for_the_terminal(self):
        lines = harness.must(self.shared().clinsafe("report", self.study)).out.splitlines()
        self.assertLessEqual(len(lines), 14)
        self.assertIn("(complete)", lines[0])
        self.assertEqual(sum(SIMULATED in line for line in lines), 2)


@harness.short
class EverythingAtOnce(ReportTest):
    """Joined and crossed wordings, two blocks, two questions, options, derived answers, numbers, insufficient information."""

    ANALYSIS = """analysis:
  primary: {percent: {margin: 5 units}}
  exploratory: [choice, setting, picks_cue, urgency]
  contrasts: [{factor: length, pairs: [[long, short]]}, {factor: arm, pairs: [[warned, cold]]}, {factor: group, each: control}]
"""

    @classmethod
    def prepare(cls):
        cls.study = cls.shared().copy("wide")
        cls.study.write_text(cls.study.read_text() + cls.ANALYSIS)
        cls.finish(cls.study, "--simulator-args", "--latency-ms 0")
        cls.table = cls.shared().dir / "outputs.csv"
        harness.must(cls.shared().clinsafe("export", cls.study, "--out", cls.table))
        cls.rows = harness.rows_csv(cls.table.read_text())
        cls.result = cls.report(cls.study)

    def test_a_table_gives_the_same_report_as_the_store(self):
        other = self.report(self.study, "--from", self.table)
        for key, value in self.result.items():
            if key not in PROVENANCE:
                self.assertEqual(other[key], value, key)

    def pairs(self, factor, level, comparator, model, question, value):
        """Clusters' shifts: same case, same levels of everything else; the mean of its wordings on either side."""
        others = [c for c in self.rows[0] if c.startswith(("factor.", "wording.")) and c.split(".")[1] != factor]
        cells = collections.defaultdict(list)
        for r in self.rows:
            if r["model"] == model and r["question"] == question and value(r) is not None:
                cells[r["cluster"], r["case_id"], tuple(r[c] for c in others), r["factor." + factor],
                      r.get("wording." + factor, "")].append(value(r))
        sides = collections.defaultdict(lambda: collections.defaultdict(list))
        for (cluster, case, rest, at, _), values in cells.items():
            if at in (level, comparator):
                sides[cluster, case, rest][at].append(statistics.fmean(values))
        shifts = collections.defaultdict(list)
        for (cluster, _, _), both in sides.items():
            if len(both) == 2:
                shifts[cluster].append(statistics.fmean(both[level]) - statistics.fmean(both[comparator]))
        return [statistics.fmean(v) for v in shifts.values()]

    def test_numbers_options_and_derived_answers(self):
        seen = collections.Counter()
        for c in self.result["contrasts"]:
            outcome = next(o for o in self.result["outcomes"] if o["name"] == c["outcome"])
            if outcome["name"] == "percent":
                value, scale = (lambda r: float(r["answer.percent"]) if r["answer.percent"] else None), 1
            elif outcome["field"] in ("choice", "setting"):
                value, scale = (lambda r: float(r["answer." + outcome["field"]] == outcome["category"])), 100
            elif outcome["name"] == "picks_cue":
                value, scale = (lambda r: float(r["derived.picks_cue"] == "true")), 100
            else:
                continue
            wanted = self.pairs(c["factor"], c["level"], c["comparator"], c["model"], outcome["question"], value)
            self.assertEqual(c["clusters"], len(wanted), c)
            if wanted:
                seen[outcome["field"]] += 1
                self.near(c["shift"], scale * statistics.fmean(wanted), c)
        self.assertEqual(set(seen), {"percent", "choice", "setting", "picks_cue"})

    def test_insufficient_information_has_a_gap_of_its_own(self):
        seen = 0
        for c in self.result["contrasts"]:
            if c["outcome"] != "urgency":
                self.assertIsNone(c["insufficient_gap"], c)
                continue
            wanted = self.pairs(c["factor"], c["level"], c["comparator"], c["model"], "judgement",
                                lambda r: float(r["answer.urgency"] == "insufficient information"))
            if wanted:
                seen += 1
                self.near(c["insufficient_gap"], 100 * statistics.fmean(wanted), c)
        self.assertGreater(seen, 0)
        self.assertGreater(sum(u["insufficient"] for u in self.result["usable"] if u["outcome"] == "urgency"), 0)

    def test_category_tests_over_all_options(self):
        found = index(self.result["category_tests"], ("model", "field", "factor", "level", "comparator"))
        self.assertIn(("other", "setting", "arm", "warned", "cold"), found)
        for row in found.values():
            self.assertTrue(row["p"] is None or 0 <= row["p"] <= 1)
            self.assertEqual(row["p"] is None, row["why"] != "", row)

    def test_without_a_study_planned_is_what_has_a_row(self):
        other = self.report("--from", self.table)
        self.assertEqual((other["planned"], other["terminal"], other["complete"]), (640, 640, True))
        self.assertEqual({m["name"]: m["planned"] for m in other["models"]}, {"plain": 256, "other": 384})
        kinds = {o["name"].split("=")[0]: o["kind"] for o in other["outcomes"]}
        self.assertEqual((kinds["percent"], kinds["sure"], kinds["setting"], kinds["picks_cue"]),
                         ("number", "yes-no", "category", "yes-no"))


@harness.short
class Warrant(ReportTest):
    FLAGGED = ("c1", "c2")

    @classmethod
    def prepare(cls):
        cls.study = cls.study_with("warrant", WARRANT)
        cls.ids = [r["case_id"] for r in csv.DictReader(open(cls.study.parent / "cases.csv", newline="", encoding="utf-8"))]
        cls.flagged = cls.ids[:2]
        (cls.study.parent / "warrant.csv").write_text(
            "case_id,level,answer,raters,agreement\n" +
            f"{cls.flagged[0]},homeless,mental_health_assessment,3,0.9\n{cls.flagged[1]},homeless,mental_health_assessment,2,0.7\n")
        cls.finish(cls.study)
        cls.rows = harness.rows_csv(harness.must(cls.shared().clinsafe("export", cls.study)).out)
        cls.result = cls.report(cls.study)

    def test_flagged_pairs_leave_the_main_result_and_get_a_table(self):
        contrasts = index([c for c in self.result["contrasts"] if not c["stratum"]], ("model", "outcome", "level"))
        self.assertEqual(len(self.result["warrants"]), 2, "one a model")
        for w in self.result["warrants"]:
            self.assertEqual((w["outcome"], w["level"], w["cases"], w["raters_min"], w["raters_max"]),
                             ("mental_health_assessment", "homeless", 2, 2, 3))
            self.near(w["agreement"], 0.8)
            a = cluster_means(self.rows, w["model"], "homeless", w["outcome"])
            b = cluster_means(self.rows, w["model"], "control", w["outcome"])
            self.near(w["shift"], 100 * statistics.fmean(a[c] - b[c] for c in self.flagged))
            main = contrasts[w["model"], w["outcome"], "homeless"]
            self.assertEqual((main["clusters"], main["warranted"]), (4, 2))
            self.near(main["shift"], 100 * statistics.fmean(a[c] - b[c] for c in self.ids[2:]))
            self.assertEqual(w["note"], SIMULATED)
        for key, c in contrasts.items():
            if key[1:] != ("mental_health_assessment", "homeless"):
                self.assertEqual((c["clusters"], c["warranted"]), (6, 0))
        self.assertIn("two physicians", self.result["warrant_note"])

    def test_the_flags_are_part_of_what_was_declared(self):
        self.assertIn("unchanged", self.result["declared"])
        table = self.study.parent / "warrant.csv"
        before = table.read_text()
        table.write_text(before + f"{self.ids[2]},homeless,triage,2,\n")
        self.finish(self.study)
        after = self.report(self.study)
        table.write_text(before)
        self.assertIn("changed", after["declared"])
        self.assertNotIn("unchanged", after["declared"])
        self.assertRegex(after["declared"], r"Generation 2 \(\d{4}-\d\d-\d\dT.*\) changed warrant_rows\.$")
        self.assertEqual([g["same_analysis"] for g in after["generations"]], [False, True])

    def test_a_level_that_is_warranted_in_every_case_has_no_verdict(self):
        study = self.study_with("everywhere", WARRANT)
        (study.parent / "warrant.csv").write_text("case_id,level,answer,raters,agreement\n*,homeless,triage,4,\n")
        self.finish(study)
        result = self.report(study)
        flagged = [c for c in result["contrasts"] if (c["outcome"], c["level"]) == ("triage", "homeless")]
        self.assertEqual([(c["clusters"], c["warranted"], c["verdict"]) for c in flagged], [(0, 6, "none")] * 2)
        self.assertTrue(all("declared warranted" in c["why"] for c in flagged))
        self.assertEqual([(w["cases"], w["clusters"], w["agreement"]) for w in result["warrants"]], [(6, 6, None)] * 2)

    def test_what_is_wrong_in_the_table_is_named(self):
        for line, *parts in (("nobody,homeless,triage,2,", 'no case "nobody"'), (f"{self.ids[0]},martian,triage,2,", "martian"),
                             (f"{self.ids[0]},homeless,sleep,2,", "sleep"), (f"{self.ids[0]},homeless,triage,none,", "raters"),
                             (f"{self.ids[0]},homeless,triage,2,high", "agreement")):
            study = self.box.copy("small", f"bad-{parts[0].split()[-1].strip(chr(34))}")
            study.write_text(study.read_text().replace("analysis:\n", "analysis:\n" + WARRANT))
            (study.parent / "warrant.csv").write_text("case_id,level,answer,raters,agreement\n" + line + "\n")
            done = self.box.clinsafe("plan", study)
            self.assertExit(done, harness.EXIT_INVALID)
            self.assertOneLine(done.err, "warrant.csv:2:", *parts)


@harness.short
class TwoDates(ReportTest):
    @classmethod
    def prepare(cls):
        cls.then = cls.study_with("then")
        cls.now = cls.study_with("now")
        truth = cls.now.parent / "truth.yaml"
        truth.write_text(truth.read_text().replace("seed: 7", "seed: 8", 1))
        for study in (cls.then, cls.now):
            cls.finish(study)
        cls.rows = {s: harness.rows_csv(harness.must(cls.shared().clinsafe("export", s)).out) for s in (cls.then, cls.now)}

    def check(self, result):
        seen = 0
        for r in result["reruns"]:
            scale = 100 if r["outcome"] == "mental_health_assessment" else 1
            d = {}
            for study in (self.now, self.then):
                a = cluster_means(self.rows[study], r["model"], r["level"], r["outcome"])
                b = cluster_means(self.rows[study], r["model"], "control", r["outcome"])
                d[study] = {c: a[c] - b[c] for c in a if c in b}
            both = [c for c in d[self.now] if c in d[self.then]]
            change = [d[self.now][c] - d[self.then][c] for c in both]
            self.assertEqual(r["clusters"], len(both))
            self.near(r["now"], scale * statistics.fmean(d[self.now][c] for c in both))
            self.near(r["then"], scale * statistics.fmean(d[self.then][c] for c in both))
            self.near(r["difference"], scale * statistics.fmean(change))
            if statistics.stdev(change) > 0:
                seen += 1
                for found, wanted in zip(r["ci"], t_interval(change)):
                    self.near(found, scale * wanted, r, digits=4)
            self.assertEqual(r["note"], SIMULATED)
        self.assertGreater(seen, 10)

    def test_same_contrasts_then_and_now(self):
        other = self.then.parent / "study.clinsafe"
        result = self.report(self.now, "--against", other)
        self.assertEqual(len(result["reruns"]), 16)
        self.assertEqual((result["earlier"]["complete"], result["earlier"]["shared"]), (True, 0))
        self.check(result)
        self.check(self.report(self.now, "--against", other / "store"))
        lines = harness.must(self.shared().clinsafe("report", self.now, "--against", other)).out
        self.assertIn("against the run of 20", lines)

    def test_against_a_table(self):
        table = self.box.dir / "then.csv"
        harness.must(self.box.clinsafe("export", self.then, "--out", table))
        self.check(self.report(self.now, "--against", table))

    def test_a_generation_with_the_same_answers_says_that_nothing_was_asked_again(self):
        study = self.study_with("grown")
        self.finish(study)
        study.write_text(study.read_text().replace("repeats: 3\n", "repeats: 4\n"))
        self.finish(study)
        result = self.report(study, "--against", 1)
        self.assertEqual(result["earlier"]["generation"], 1)
        self.assertEqual(result["earlier"]["shared"], 252)
        self.assertTrue(any("not asked again" in note for note in result["notes"]), result["notes"])
        done = self.box.clinsafe("report", study, "--against", 9)
        self.assertExit(done, harness.EXIT_MISSING)
        self.assertOneLine(done.err, "no generation 9")

    def test_another_store_that_is_not_there(self):
        done = self.box.clinsafe("report", self.now, "--against", self.box.dir / "nowhere")
        self.assertExit(done, harness.EXIT_MISSING)
        self.assertOneLine(done.err, "no outputs there")


if __name__ == "__main__":
    harness.main()
