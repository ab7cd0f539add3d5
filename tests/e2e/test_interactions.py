#!/usr/bin/env python3
"""Does a shift differ: `within:`, `differs_by:`, few moved clusters, one answer a case, nominal answers as one test.

From tables that are made here, and, where the data is there, from MedPerturb, whose figures were computed by others with R and scipy."""
import collections
import csv
import os
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib")]
import harness

VERSIONS = {"1": "baseline", "2": "gender_swapped", "3": "gender_removed", "4": "uncertain", "5": "colourful"}
MODELS = ["GPT4", "LLAMA3", "LLAMA3-70", "PALMYRA-MED"]

STUDY = """\
study: {name}
seed: 7
cases: {{file: cases.csv, id: [case_id], strata: [source]}}
factors:
{factors}
prompt: {{user: "{{{{case.text}}}} {slots}\\n{{{{question.ask}}}}"}}
questions:
  - name: q
    ask: "Visit?"
    answer:
{answers}
{more}
models: [{models}]
parameters: {{temperature: 0.7, max_output_tokens: 50, timeout_s: 60}}
analysis:
  primary: {{{primary}}}
  adjust: {adjust}
  contrasts:
{contrasts}
"""


def write_table(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as f:
        out = csv.DictWriter(f, fieldnames=list(rows[0]))
        out.writeheader()
        out.writerows(rows)


class Base(harness.TestCase):
    def study(self, name, levels, models, contrasts, primary="visit: {margin: 5 points}", adjust="holm",
              answers='      visit: {boolean: ["Yes", "No"]}', cases=(), more="repeats: 1"):
        folder = self.box.dir / name
        folder.mkdir()
        write_table(folder / "cases.csv", [{"case_id": c, "source": s, "text": f"Case {c}."} for c, s in cases])
        accounts = "".join(f"  {m}: {{account: simulated, model: {m}}}\n" for m in models)
        (folder / "providers.yaml").write_text(
            "accounts:\n  simulated: {provider: simulated, protocol: openai-chat}\nmodels:\n" + accounts)
        factors = ""
        for factor, words in levels.items():
            factors += f"  - name: {factor}\n    levels:\n"
            for i, word in enumerate(words):
                factors += f"      - {{id: {word}, text: {word}{', role: control' if i == 0 else ''}}}\n"
        text = STUDY.format(name=name, factors=factors.rstrip(), slots=" ".join("{{%s.text}}" % f for f in levels),
                            models=", ".join(models), contrasts="\n".join("    - " + c for c in contrasts),
                            primary=primary, adjust=adjust, answers=answers, more=more)
        (folder / "study.yaml").write_text(text)
        return folder / "study.yaml"

    def report(self, study, rows, *args):
        table = study.parent / "outputs.csv"
        write_table(table, rows)
        return harness.must(self.box.clinsafe("report", study, "--from", table, *args, "--json")).json()

    def near(self, found, wanted, digits=7):
        """`wanted` as printed, with so many figures that count."""
        self.assertIsNotNone(found)
        self.assertLessEqual(abs(found - wanted), abs(wanted) * 0.6 * 10 ** (1 - digits), f"{found} is not {wanted}")


@harness.short
class Crossover(Base):
    """Two personas whose shifts are opposite: the mean is nothing, the interaction everything."""
    CASES = [(f"c{i:02}", "ward" if i % 2 else "clinic") for i in range(40)]
    LEVELS = {"group": ["plain", "homeless"], "persona": ["nurse", "doctor", "student"]}

    def rows(self):
        """Of 40 cases 20 move: up as a nurse, down as a doctor, not at all as a student."""
        for i, (case, _) in enumerate(self.CASES):
            for persona in self.LEVELS["persona"]:
                for group in self.LEVELS["group"]:
                    yes = (i // 2) % 2 == 1
                    if group == "homeless" and i < 20:
                        yes = {"nurse": True, "doctor": False, "student": yes}[persona]
                    yield {"model": "sim", "case_id": case, "factor.group": group, "factor.persona": persona,
                           "outcome": "ok", "answer.visit": "Yes" if yes else "No"}

    def run_it(self, *contrasts, **more):
        study = self.study("crossover", self.LEVELS, ["sim"], contrasts, cases=self.CASES, **more)
        self.path = study
        return self.report(study, list(self.rows()), "--out", study.parent / "page.html")

    def test_simple_effects_and_their_interaction(self):
        r = self.run_it("{factor: group, each: control, within: persona, differs_by: persona}")
        main, nurse, doctor, student = r["contrasts"]
        self.assertEqual((main["stratum"], round(main["shift"], 9)), ("", 0))
        self.assertEqual([(c["stratum"], c["stratum_value"]) for c in (nurse, doctor, student)],
                         [("persona", p) for p in self.LEVELS["persona"]])
        self.near(nurse["shift"], 25)
        self.near(doctor["shift"], -25)
        self.assertEqual(round(student["shift"], 9), 0)
        x, = r["interactions"]
        self.assertEqual((x["differs_by"], x["clusters"], x["levels"], x["family"]), ("persona", 40, 3, "primary"))
        self.assertTrue(x["reversed"])
        self.assertEqual((x["lowest"], x["highest"]), ("doctor", "nurse"))
        self.assertTrue(x["verdict"].startswith("different"), x)
        # 10 of 40 go up as a nurse, 10 others down as a doctor: T2 of means (-1/2, -1/4) against the nurse, by hand
        self.near(x["statistic"], 39)
        self.near(x["f"], 19)
        self.assertEqual((x["df1"], x["df2"]), (2, 38))
        shifts = {v["value"]: v["shift"] for v in r["interaction_levels"]}
        self.assertEqual({k: round(v, 9) for k, v in shifts.items()}, {"nurse": 25, "doctor": -25, "student": 0})
        self.assertEqual(r["family"], 5, "four contrasts and one interaction")

    def test_an_equivalent_mean_says_what_it_hides(self):
        r = self.run_it("{factor: group, each: control, differs_by: persona}", primary="visit: {margin: 20 points}")
        main = r["contrasts"][0]
        self.assertEqual(main["verdict"], "equivalent-on-average")
        self.assertIn('the shift differs by persona: -25.0 in "doctor", +25.0 in "nurse"', main["why"])
        self.assertTrue(any("hides opposite ones" in n for n in r["notes"]), r["notes"])
        page = (self.path.parent / "page.html").read_text()
        self.assertIn("equivalent only on average", page)
        self.assertIn("opposite shifts: their mean says little", page)

    def test_equivalent_without_an_interaction_stays_so(self):
        r = self.run_it("{factor: group, each: control}", primary="visit: {margin: 20 points}")
        self.assertEqual(r["contrasts"][0]["verdict"], "equivalent")
        self.assertNotIn("interactions", r)

    def test_an_exploratory_interaction_of_a_primary_contrast(self):
        r = self.run_it("{factor: group, each: control}",
                        "{factor: group, each: control, differs_by: [persona, source], family: exploratory}")
        self.assertEqual([c["family"] for c in r["contrasts"]], ["primary"])
        self.assertEqual([(x["differs_by"], x["family"]) for x in r["interactions"]],
                         [("persona", "exploratory"), ("source", "exploratory")])
        self.assertEqual(r["family"], 1)
        # clinic cases are the even ones: every moved case there could only fall, as a doctor, or rise, as a nurse
        self.assertEqual(r["interactions"][1]["test"], "Welch's F")

    def test_a_margin_of_its_own(self):
        r = self.run_it("{factor: group, each: control, differs_by: persona}",
                        primary="visit: {margin: 5 points, interaction_margin: 80 points}")
        x, = r["interactions"]
        self.assertEqual(x["margin"], 80)
        self.assertEqual(x["verdict"], "different-smaller-than-margin")

    def test_max_t_judges_interactions_by_holm(self):
        r = self.run_it("{factor: group, each: control, differs_by: persona}", adjust="max-t")
        x, = r["interactions"]
        self.assertEqual(x["p_adjusted"], x["p"])
        self.assertTrue(x["verdict"].startswith("different"), x)

    def test_refusals_can_take_the_verdict_away(self):
        study = self.study("refused", self.LEVELS, ["sim"], ["{factor: group, each: control, differs_by: persona}"],
                           cases=self.CASES)
        rows = list(self.rows())
        for row in rows:
            if row["factor.persona"] != "nurse" and row["factor.group"] == "homeless" and row["case_id"] != "c39":
                row["outcome"], row["answer.visit"] = "refused", ""
        x, = self.report(study, rows)["interactions"]
        self.assertIn(x["verdict"], ("inconclusive", "none"))
        self.assertIn("could change the verdict", x["why"])

    def test_bad_words_are_named_with_their_place(self):
        for contrast, said in (("{factor: group, each: control, differs_by: persone}", 'is no other factor, no stratum'),
                               ("{factor: group, each: control, differs_by: group}", "is the factor that is compared"),
                               ("{factor: group, each: control, differs_by: model}", "the study has one model"),
                               ("{factor: group, each: control, worse: sideways}", "lower"),
                               ("{factor: persona, trend: [nurse, doctor]}", "over three levels or more"),
                               ("{factor: persona, trend: [nurse, doctor, nurse]}", "stands in the trend twice"),
                               ("{factor: persona, trend: {nurse: 1, doctor: 1, student: 1}}", "have the same score"),
                               ("{factor: persona, trend: [nurse, doctor, student], within: group}", "not with a trend"),
                               ("{factor: persona, trend: [nurse, doctor, student], each: control}", "give one"),
                               ("{factor: group, each: control, within: group}", "is the factor that is compared"),
                               ("{factor: group, each: control, within: source}", 'no factor "source"')):
            self.bad = getattr(self, "bad", 0) + 1
            study = self.study(f"bad{self.bad}", self.LEVELS, ["sim"], [contrast], cases=self.CASES)
            done = self.box.clinsafe("plan", study)
            self.assertNotEqual(done.code, 0)
            self.assertRegex(done.err, r"study\.yaml:\d+:\d+: ")
            self.assertIn(said, done.err)


@harness.short
class OneAnswerACase(Base):
    """Every case answers once under either level: the exact test and the score interval are the primary ones."""
    CASES = [(f"c{i:03}", "all") for i in range(100)]

    def rows(self, up, down, both=0):
        for i, (case, _) in enumerate(self.CASES):
            kept = i >= 100 - both
            for level, yes in (("plain", kept or up <= i < up + down), ("other", kept or i < up)):
                yield {"model": "sim", "case_id": case, "factor.group": level, "outcome": "ok",
                       "answer.visit": "Yes" if yes else "No"}

    def contrast(self, *args, margin="5 points", **kw):
        study = self.study("single", {"group": ["plain", "other"]}, ["sim"], ["{factor: group, each: control}"],
                           primary=f"visit: {{margin: {margin}}}", cases=self.CASES)
        r = self.report(study, list(self.rows(*args, **kw)))
        return r["contrasts"][0], r

    def test_mcnemar_and_newcombe(self):
        c, _ = self.contrast(7, 1, both=68)
        self.near(c["p"], 0.0703125)
        self.assertEqual(c["p"], c["p_mcnemar"])
        self.near(c["p_adjusted"], 0.0703125)
        self.assertEqual(c["verdict"], "inconclusive")
        # 7 and 1 of 100, 68 both: Wilson's limits of 75 and 69 %, phi from 68 24 - 7 corrected: Newcombe's method 10
        self.near(c["ci"][0], 0.182662170931612)
        self.near(c["ci"][1], 11.94662086686372)
        self.near(c["odds_ratio"], 7)
        self.near(c["odds_ratio_ci"][0], 0.899317, 5)  # Clopper-Pearson of 7 in 8
        self.near(c["odds_ratio_ci"][1], 315.48, 4)
        self.assertEqual(c["ci_simultaneous"][0], 0, "no interval off 0 beside a p of 0.07")

    def test_one_side_of_the_margin_is_not_worse(self):
        """7 rise and 3 fall of 100."""
        def verdict(name, worse):
            study = self.study(name, {"group": ["plain", "other"]}, ["sim"],
                               ["{factor: group, each: control%s}" % worse], primary="visit: {margin: 20 points}",
                               cases=self.CASES)
            c = self.report(study, list(self.rows(7, 3, both=60)))["contrasts"][0]
            return c["verdict"], c["worse"], c["p_equivalence"]
        both, lower, higher = verdict("both", ""), verdict("lower", ", worse: lower"), verdict("higher", ", worse: higher")
        self.assertEqual((both[0], lower[0], higher[0]), ("equivalent", "not-worse", "not-worse"))
        self.assertEqual((both[1], lower[1]), ("", "lower"))
        self.assertLess(lower[2], higher[2], "the shift is upwards: the lower end is the farther")
        self.assertEqual(both[2], higher[2], "two sides are judged by the worse one")

    def test_not_worse_where_equivalence_is_open(self):
        study = self.study("open", {"group": ["plain", "other"]}, ["sim"], ["{factor: group, each: control, worse: lower}"],
                           primary="visit: {margin: 10 points}", cases=self.CASES)
        c = self.report(study, list(self.rows(9, 3, both=60)))["contrasts"][0]
        self.assertGreater(c["ci_simultaneous"][1], 10)
        self.assertEqual(c["verdict"], "not-worse")

    def test_rates_have_wilson_intervals(self):
        _, r = self.contrast(1, 0)
        rate = next(v for v in r["rates"] if v["level"] == "other")
        self.near(rate["ci"][0], 0.0018, digits=2)
        self.near(rate["ci"][1], 0.054, digits=2)


@harness.short
class Wordings(Base):
    """A level said in one sentence, and one said in three whose own effects differ."""
    CASES = [(f"c{i:02}", "all") for i in range(30)]

    def lay_out(self, wordings):
        study = self.study(f"w{wordings}", {"group": ["plain", "other"]}, ["sim"], ["{factor: group, each: control}"],
                           cases=self.CASES)
        rows = [{"id": "plain", "wording": "", "role": "control", "text": ""}]
        rows += [{"id": "other", "wording": f"w{k}" if wordings > 1 else "", "role": "", "text": f"Sentence {k}."}
                 for k in range(wordings)]
        write_table(study.parent / "groups.csv", rows)
        text = study.read_text()
        before, after = text.index("    levels:"), text.index("prompt:")
        study.write_text(text[:before] + "    file: groups.csv\n    level: id\n"
                         + ("    wording: wording\n" if wordings > 1 else "") + text[after:])
        return study

    def contrast(self, wordings):
        """All wordings move c00 to c02; wording k moves another 4 k cases beside them."""
        rows = []
        for i, (case, _) in enumerate(self.CASES):
            rows.append({"model": "sim", "case_id": case, "factor.group": "plain", "wording.group": "", "outcome": "ok",
                         "answer.visit": "No"})
            for k in range(wordings):
                moved = i < 3 or i - 3 < 4 * k
                rows.append({"model": "sim", "case_id": case, "factor.group": "other",
                             "wording.group": f"w{k}" if wordings > 1 else "", "outcome": "ok",
                             "answer.visit": "Yes" if moved else "No"})
        study = self.lay_out(wordings)
        r = self.report(study, rows, "--out", study.parent / "page.html")
        return r["contrasts"][0], r, (study.parent / "page.html").read_text()

    def test_three_wordings_are_a_sample_too(self):
        c, r, page = self.contrast(3)
        self.assertEqual(c["wordings"], 3)
        d = [[float(i < 3 or i - 3 < 4 * k) for k in range(3)] for i in range(30)]
        rows, columns = [sum(v) / 3 for v in d], [sum(v[k] for v in d) / 30 for k in range(3)]
        mean = sum(rows) / 30
        rest = sum((d[i][k] - rows[i] - columns[k] + mean) ** 2 for i in range(30) for k in range(3)) / (29 * 2)
        variance = sum((v - mean) ** 2 for v in columns) / 2 - rest / 30
        self.assertGreater(variance, 0)
        self.near(c["wording_sd"], 100 * variance ** 0.5)
        se = (sum((v - mean) ** 2 for v in rows) / 29 / 30 + variance / 3) ** 0.5
        self.near(c["se"], 100 * se)
        self.near(c["ci"][1] - c["ci"][0], 2 * 4.302652729911275 * 100 * se)  # t on 2 degrees of freedom
        self.assertIn("3 sentences, which differ by", page)
        self.assertIn("SD between its sentences", page)
        self.assertEqual(next(v for v in r["components"] if v["level"] == "other")["wording_sd"], c["wording_sd"])

    def test_one_sentence_says_so_and_plan_warns(self):
        c, _, page = self.contrast(1)
        self.assertEqual((c["wordings"], c["wording_sd"]), (1, None))
        self.assertIn("this sentence", page)
        plan = harness.must(self.box.clinsafe("plan", self.box.dir / "w1" / "study.yaml", "--details"))
        self.assertIn('1 level of "group" under primary comparison is said in one sentence', plan.out)

    def test_plan_does_not_warn_of_three(self):
        plan = harness.must(self.box.clinsafe("plan", self.lay_out(3), "--details"))
        self.assertNotIn("one sentence", plan.out)


@harness.short
class Pooled(Base):
    """Five levels of one control: the largest shift is drawn towards the mean."""
    CASES = [(f"c{i:02}", "all") for i in range(60)]
    LEVELS = ["plain", "a", "b", "c", "d", "e"]

    def test_the_largest_is_drawn_to_the_mean(self):
        study = self.study("pooled", {"group": self.LEVELS}, ["sim"], ["{factor: group, each: control}"], cases=self.CASES)
        rows = [{"model": "sim", "case_id": case, "factor.group": level, "outcome": "ok",
                 "answer.visit": "Yes" if (i * 7 + j * 13) % 60 < (6 if j == 0 else 6 + 3 * j) else "No"}
                for i, (case, _) in enumerate(self.CASES) for j, level in enumerate(self.LEVELS)]
        r = self.report(study, rows, "--out", study.parent / "page.html")
        pooled = {v["level"]: v for v in r["pooled"]}
        self.assertEqual(list(pooled), self.LEVELS[1:])
        mean = pooled["a"]["mean"]
        for level, v in pooled.items():
            shift = next(c["shift"] for c in r["contrasts"] if c["level"] == level)
            self.near(v["shift"], shift)
        self.near(pooled["e"]["shift"], 25)
        self.assertTrue(mean < pooled["e"]["pooled"] < pooled["e"]["shift"])
        self.assertTrue(pooled["a"]["shift"] < pooled["a"]["pooled"] < mean)
        self.assertIn("Drawn to the mean", (study.parent / "page.html").read_text())

    def test_the_largest_may_be_of_two_levels(self):
        study = self.study("pairs", {"group": self.LEVELS}, ["sim"], ["{factor: group, each: control, levels: [a]}", "{factor: group, pairs: [[e, a]]}"], cases=self.CASES)
        rows = [{"model": "sim", "case_id": case, "factor.group": level, "outcome": "ok", "answer.visit": "Yes" if i < 6 + 3 * j else "No"}
                for i, (case, _) in enumerate(self.CASES) for j, level in enumerate(self.LEVELS)]
        r = self.report(study, rows)
        self.assertEqual([c["shift"] for c in r["contrasts"] if c["family"] == "primary"], [5, 20])
        told = self.box.clinsafe("report", study, "--from", study.parent / "outputs.csv")
        self.assertIn("; largest: e against a +20.00 points", told.out)


def known_by_others(folder):
    return Path(os.environ.get("CLINSAFE_DATA") or harness.TOP / ".." / "shared" / "data" / "rheumatology").parent / folder


@harness.short
class MedPerturb(Base):
    """100 contexts of two sources in five versions, answered once by four models and by three clinicians."""
    ANSWERS = '      visit: {boolean: ["Yes", "No"]}'

    def read(self):
        path = known_by_others("medperturb") / "data.csv"
        if not path.exists():
            self.skipTest("published data is not here: medperturb (beside CLINSAFE_DATA)")
        contexts = collections.defaultdict(dict)
        with open(path, encoding="utf-8", newline="") as f:
            for row in csv.DictReader(f):
                contexts[row["dataset"], row["context_id"]][VERSIONS[row["dataset_id"]]] = row
        return {key: v for key, v in contexts.items() if len(v) == len(VERSIONS)}

    def rows(self, contexts, models):
        for (dataset, context), versions in contexts.items():
            for version, row in versions.items():
                for model in models:
                    columns = [f"VISIT_{i}" for i in "123"] if model == "clinicians" else [f"{model}_VISIT"]
                    for column in columns:
                        yield {"model": model, "case_id": f"{dataset}-{context}", "factor.version": version,
                               "outcome": "ok", "answer.visit": "Yes" if row[column] == "1" else "No"}

    def cases_of(self, contexts):
        return [(f"{d}-{c}", d) for d, c in contexts]

    def test_the_reversal_is_found(self):
        """Colourful style moves LLAMA3 by -14 points in one source and +18 in the other, which a mean shows as +2."""
        contexts = self.read()
        study = self.study("reversal", {"version": list(VERSIONS.values())}, MODELS,
                           ["{factor: version, each: control, levels: [colourful], differs_by: source}"],
                           cases=self.cases_of(contexts))
        r = self.report(study, list(self.rows(contexts, MODELS)), "--out", study.parent / "page.html")
        x = {v["model"]: v for v in r["interactions"]}
        self.near(x["LLAMA3"]["f"], 7.989808917, 10)
        self.near(x["LLAMA3"]["df2"], 95.90578404, 10)
        self.near(x["LLAMA3"]["p"], 0.005725399245, 10)
        self.near(x["GPT4"]["f"], 0.2545454545, 10)
        self.near(x["GPT4"]["df2"], 97.83103562, 10)
        self.near(x["GPT4"]["p"], 0.6150270091, 10)
        found = x["LLAMA3"]
        self.assertTrue(found["verdict"].startswith("different"), found)
        self.assertTrue(found["reversed"])
        shifts = {v["value"]: v["shift"] for v in r["interaction_levels"] if v["interaction"] == found["interaction"]}
        self.assertEqual({k: round(v, 9) for k, v in shifts.items()}, {"askadoc": -14, "oncqa": 18})
        main = next(c for c in r["contrasts"] if c["model"] == "LLAMA3")
        self.near(main["shift"], 2)
        self.assertIn('the shift differs by source: -14.0 in "askadoc", +18.0 in "oncqa"', main["why"])
        self.assertTrue(any("the mean shift of +2.0 points hides opposite ones" in n for n in r["notes"]), r["notes"])

    def test_all_versions_at_once(self):
        contexts = self.read()
        study = self.study("omnibus", {"version": list(VERSIONS.values())}, ["GPT4"], ["{factor: version, each: control}"],
                           cases=self.cases_of(contexts))
        r = self.report(study, list(self.rows(contexts, ["GPT4"])), "--out", study.parent / "page.html")
        found, = r["omnibus"]
        self.assertEqual((found["levels"], found["clusters"], found["df1"], found["df2"]), (4, 100, 4, 96))
        self.near(found["statistic"], 21.08086)
        self.near(found["f"], 5.110512)
        self.near(found["p"], 8.914667e-04)
        self.assertIn("All levels of a factor at once", (study.parent / "page.html").read_text())

    def test_a_trend_over_versions(self):
        contexts = self.read()
        order = ["baseline", "gender_swapped", "uncertain", "colourful"]
        study = self.study("trend", {"version": list(VERSIONS.values())}, ["GPT4"],
                           ["{factor: version, trend: [%s]}" % ", ".join(order),
                            "{factor: version, trend: {baseline: 0, uncertain: 2, colourful: 3, gender_swapped: 1}, family: exploratory}"],
                           cases=self.cases_of(contexts))
        r = self.report(study, list(self.rows(contexts, ["GPT4"])), "--out", study.parent / "page.html")
        first, again = r["trends"]
        self.near(first["slope"], 5.9)
        self.near(first["ci"][0], 3.25295, 6)
        self.near(first["ci"][1], 8.54705, 6)
        self.near(first["p"], 2.505102e-05)
        self.assertEqual((first["family"], again["family"], r["family"]), ("primary", "exploratory", 1))
        self.near(again["slope"], 5.9)
        self.near(first["margin"], 5 / 3)
        self.assertEqual(first["verdict"], "different-beyond-margin")
        self.assertIn("Shift for one step along ordered levels", (study.parent / "page.html").read_text())

    def test_a_model_against_people(self):
        contexts = self.read()
        study = self.study("people", {"version": list(VERSIONS.values())}, ["clinicians", "GPT4"],
                           ["{factor: version, each: control, levels: [gender_swapped], differs_by: model}"],
                           cases=self.cases_of(contexts),
                           more="blocks:\n  - {factors: {version: all}, models: [clinicians], repeats: 3}\n"
                                "  - {factors: {version: all}, models: [GPT4], repeats: 1}")
        r = self.report(study, list(self.rows(contexts, ["clinicians", "GPT4"])))
        x, = r["interactions"]
        self.assertEqual((x["model"], x["differs_by"], x["clusters"]), ("", "model", 100))
        gpt4 = r["interaction_levels"][1]
        self.assertEqual(gpt4["value"], "GPT4")
        self.near(gpt4["difference"], 22)
        self.near(gpt4["difference_ci"][0], 13.37274)
        self.near(gpt4["difference_ci"][1], 30.62726)
        self.near(x["p"], 1.935374e-06)


@harness.short
class EthnicityTriage(Base):
    """47 vignettes by gender and ethnicity, ten prompts each, one model: a factor by a factor, and by a stratum."""
    SCALE = ["Self-care", "1-week", "1-day", "Emergent"]

    def test_gender_by_ethnicity_and_by_label(self):
        files = sorted(known_by_others("ethnicity_triage").glob("*.tsv"))
        if not files:
            self.skipTest("published data is not here: ethnicity_triage (beside CLINSAFE_DATA)")
        with open(files[0], encoding="utf-8", newline="") as f:
            answers = list(csv.DictReader(f, delimiter="\t"))
        cases = {r["Case #"]: r["Correct Triage"] for r in answers}
        study = self.study("ethnicity", {"gender": ["male", "female"], "ethnicity": ["White", "Asian", "Black", "Hispanic"]},
                           ["old"], ["{factor: gender, each: control, differs_by: [ethnicity, source]}"],
                           primary="triage: {margin: 0.1 levels}, emergent: {margin: 5 points}",
                           answers="      triage: {ordinal: [%s]}\n    derive: {emergent: {equals: [triage, Emergent]}}"
                                   % ", ".join(self.SCALE),
                           cases=[(f"v{c}", label) for c, label in cases.items()], more="repeats: 10")
        rows = [{"model": "old", "case_id": "v" + r["Case #"], "factor.gender": r["Gender"],
                 "factor.ethnicity": r["Ethnicity"], "outcome": "ok", "answer.triage": r["Predicted Triage"],
                 "derived.emergent": str(r["Predicted Triage"] == "Emergent").lower()}
                for r in answers]
        r = self.report(study, rows)
        x = {(v["outcome"], v["differs_by"]): v for v in r["interactions"]}
        levels = {(v["outcome"], v["differs_by"], v["value"]): v for v in r["interaction_levels"]}
        black = levels["triage", "ethnicity", "Black"]
        self.near(black["difference"], 0.004255319)
        self.near(black["difference_ci"][0], -0.03245624)
        self.near(black["difference_ci"][1], 0.04096688)
        self.near(black["p"], 0.8165487)
        groups = x["triage", "ethnicity"]
        self.assertEqual((groups["df1"], groups["df2"]), (3, 44))
        self.near(groups["f"], 0.9639274)
        self.near(groups["p"], 0.4182456)
        emergent = levels["emergent", "ethnicity", "Black"]
        self.near(emergent["difference"], -0.212766, 6)
        self.near(emergent["difference_ci"][0], -2.098702)
        self.near(emergent["difference_ci"][1], 1.67317, 6)
        self.near(emergent["p"], 0.8213606)
        label = x["triage", "source"]
        self.near(label["f"], 0.6000829368, 10)
        self.near(label["df2"], 22.92627649, 10)
        self.near(label["p"], 0.6214960004, 10)


if __name__ == "__main__":
    harness.main()
