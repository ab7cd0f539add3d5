#!/usr/bin/env python3
"""`clinsafe plan` on every study that is shipped: sizes, memory, example prompts."""
import json
import os
import re
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
from expected import Study

STUDIES = harness.TOP / "ops" / "studies"
MEMORY_KIB = 64 * 1024
DATA = Path(os.environ.get("CLINSAFE_DATA") or harness.TOP / ".." / "shared" / "data" / "rheumatology")


# Starts a program and writes down its peak memory in KiB. A process of its own, because a program that is started by a large
# one counts that one's memory as its own peak.
METER = """
import os, sys
pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(pid, 0)
open(sys.argv[1], "w").write(str(usage.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))
"""


def is_study(path):
    return re.search(r"^study:", path.read_text(), re.M) is not None


def shape(part):
    """The study of ops/studies/shapes whose name contains `part`."""
    found = [p for p in sorted((STUDIES / "shapes").rglob("*.yaml")) if part in p.name and is_study(p)]
    assert len(found) == 1, f"{part}: {found}"
    return found[0]


@harness.short
class Sizes(harness.TestCase):
    def plan(self, study, *args):
        peak = self.box.dir / "peak"
        done = self.box.clinsafe("plan", study, "--json", *args, prefix=[sys.executable, "-ISc", METER, peak])
        self.assertExit(done)
        kib = int(peak.read_text())
        print(f"         {study.relative_to(STUDIES)}: {done.seconds:.2f} s, {kib / 1024:.0f} MiB")
        if not harness.SANITIZED:
            self.assertLess(kib, MEMORY_KIB)
        plan = done.json()
        self.assertEqual(sum(lane["trials"] for lane in plan["lanes"]), plan["trials"])
        return plan

    def test_demo(self):
        plan = self.plan(STUDIES / "demo" / "study.yaml")
        self.assertEqual(plan["trials"], 24 * (360 + 5 * 120 + 4 * 16 + 26 * 8) * 2)
        self.assertEqual(plan["power"]["family"], 5 * 2 * 2)
        for row in plan["power"]["rows"]:
            self.assertGreater(row["power_equivalence"], 0.9, "what the demo says of its unbiased model, it can see")
        self.assertEqual([lane["model"] for lane in plan["lanes"]], ["simulated-biased", "simulated-unbiased"])

    def test_reference(self):
        plan = self.plan(STUDIES / "reference" / "study.yaml")
        self.assertEqual(plan["trials"], 1_728_000)
        self.assertEqual({lane["trials"] for lane in plan["lanes"]}, {192_000})
        self.assertEqual(len(plan["lanes"]), 9)

    def test_fabricated_details(self):
        self.assertEqual(self.plan(shape("fabricat"))["trials"], 10_800)

    def test_misinformation(self):
        self.assertEqual(self.plan(shape("misinformation"))["trials"], 3_476_000)

    def test_advertising(self):
        self.assertEqual(self.plan(shape("advertis"))["trials"], 112_320)

    def test_cues(self):
        plan = self.plan(shape("cue"))
        self.assertEqual(plan["trials"], 92_000 + 3_600)
        self.assertEqual(sorted({lane["trials"] for lane in plan["lanes"]}), [4_000, 5_200])

    def test_every_study_plans_and_can_be_read(self):
        for study in sorted(STUDIES.rglob("*.yaml")):
            if not is_study(study) or study.name == "rheumatology.yaml":
                continue
            with self.subTest(study=str(study.relative_to(STUDIES))):
                done = self.box.clinsafe("plan", study)
                self.assertExit(done)
                self.assertIn("trials", done.out)

    def test_rheumatology(self):
        if not DATA.is_dir():
            self.skipTest("published data is not here: rheumatology (CLINSAFE_DATA, default ../shared/data/rheumatology)")
        plan = self.plan(STUDIES / "rheumatology.yaml", "--data", DATA)
        self.assertEqual({lane["trials"] for lane in plan["lanes"]}, {36_000})
        self.assertEqual((plan["cases"], plan["clusters"]), (90, 30))


class Book(harness.TestCase):
    def compare_book(self, study, data=None):
        """The prompt book against an independent rendering of the study."""
        book = self.box.dir / "book.csv"
        self.assertExit(self.box.clinsafe("plan", study, "--prompts", book, *(["--data", data] if data else [])))
        wanted = set()
        for body in {t.body for t in Study(study, data).trials()}:
            messages = {m["role"]: m["content"] for m in json.loads(body)["messages"]}
            wanted.add((messages.get("system", ""), messages["user"]))
        text = book.read_text(encoding="utf-8")
        rows = [(r["case_id"], r["system"], r["user"]) for r in harness.rows_csv(text)]
        self.assertEqual(len(rows), len(set(rows)))
        self.assertEqual({row[1:] for row in rows}, wanted)


@harness.short
class Content(Book):
    def test_text_shows_what_a_reader_needs(self):
        study = self.box.copy("small")
        done = self.box.clinsafe("plan", study)
        self.assertExit(done)
        for part in ("252", "model-a", "model-b", "control_aa", "check_in", "black_woman_homeless", "crushing chest pressure"):
            self.assertIn(part, done.out)

    def test_levels_that_render_alike_are_named(self):
        study = self.box.copy("small")
        alike = self.box.clinsafe("plan", study, "--json").json()["identical_levels"]
        self.assertEqual([{pair["a"], pair["b"]} for pair in alike], [{"control", "control_aa"}])

    def test_prompt_book_holds_every_distinct_prompt_once(self):
        self.compare_book(self.box.copy("small"))
        self.compare_book(self.box.copy("wide"))

    def test_insertion_point_that_is_not_there(self):
        study = self.box.copy("small")
        cases = study.parent / "cases.csv"
        cases.write_text(cases.read_text().replace("with a cough. Fever", "with a cough; fever"))
        done = self.box.clinsafe("plan", study)
        if done.code == 0:
            self.assertIn("a-04", done.out, "a doubtful insertion point is shown")
        else:
            self.assertOneLine(done.err, "a-04", "group")


class Books(Book):
    """The prompts of the studies that are shipped."""

    def test_demo(self):
        self.compare_book(STUDIES / "demo" / "study.yaml")

    def test_advertising(self):
        self.compare_book(shape("advertis"))

    def test_cues(self):
        self.compare_book(shape("cue"))

    def test_rheumatology(self):
        if not DATA.is_dir():
            self.skipTest("published data is not here: rheumatology (CLINSAFE_DATA, default ../shared/data/rheumatology)")
        self.compare_book(STUDIES / "rheumatology.yaml", DATA)


POWER = """
study: power
cases: {generate: ed, n: 1000, seed: 1}
factors:
  - {name: group, levels: [{id: plain, role: control, text: ""}, {id: a, text: "A."}, {id: b, text: "B."}],
     insert: {into: case.text, after_first: ". "}}
prompt: {user: "{{case.text}} {{question.ask}}"}
questions:
  - {name: q, ask: "?", answer: {visit: {boolean: ["Yes", "No"]}, urgency: {ordinal: [low, high]}, score: number}}
repeats: %d
models: [m]
%s
"""
PROVIDERS = "accounts: {simulated: {provider: simulated}}\nmodels: {m: {account: simulated, model: m}}\n"
CONTRAST = "contrasts: [{factor: group, each: control, levels: [a]}, {factor: group, each: control, family: exploratory}]"


@harness.short
class Power(harness.TestCase):
    def power(self, analysis, repeats=3):
        folder = self.box.dir / f"power-{self.id().split('.')[-1]}-{repeats}"
        folder.mkdir(exist_ok=True)
        (folder / "providers.yaml").write_text(PROVIDERS)
        (folder / "study.yaml").write_text(POWER % (repeats, f"analysis: {{{analysis}}}" if analysis else ""))
        self.text = self.box.clinsafe("plan", folder / "study.yaml", "--details").out
        done = self.box.clinsafe("plan", folder / "study.yaml", "--json")
        self.assertExit(done)
        return done.json()["power"]

    def test_published_example(self):
        """1,000 cases, margin 2 points, rates of 10 %: 0, 62 and 94 % at 1, 3 and 6 repeats, unadjusted."""
        said = "primary: {visit: {margin: 2 points, tau: 5 points, noise: 18 points}}, adjust: none, " + CONTRAST
        for repeats, want in ((1, 0), (3, 0.62), (6, 0.94)):
            power = self.power(said, repeats)
            self.assertEqual((power["family"], power["alpha_each"], len(power["rows"])), (1, 0.05, 1))
            row = power["rows"][0]
            self.assertEqual((row["clusters"], row["answers"], row["answers_comparator"]), (1000, repeats, repeats))
            self.assertAlmostEqual(row["power_equivalence"], want, delta=0.015)
            # the smallest margin where no cluster moves; one pair of answers a cluster is judged by Newcombe's interval instead
            self.assertEqual("least_margin_none_moved" in row, repeats > 1)
            if repeats > 1:
                self.assertAlmostEqual(row["least_margin_none_moved"], 100 * (1 - 0.05 ** (1 / 1000)))
                self.assertGreater(row["least_margin_one_moved"], row["least_margin_none_moved"])
                self.assertIn("With 1000 clusters no margin below 0.299 points can be met where none of them moves", self.text)
            self.assertAlmostEqual(row["se"], 100 * ((0.05 ** 2 + 2 * 0.09 / repeats) / 1000) ** 0.5, places=9)

    def test_the_family_makes_every_test_stricter(self):
        said = "primary: {visit: {margin: 5 points}, urgency: {margin: 0.1 levels}}, adjust: %s, contrasts: [{factor: group, each: control}]"
        holm, by = self.power(said % "holm"), self.power(said % "by")
        self.assertEqual(holm["family"], 4)
        self.assertAlmostEqual(holm["alpha_each"], 0.05 / 4)
        self.assertAlmostEqual(by["alpha_each"], 0.05 / 4 / (1 + 1 / 2 + 1 / 3 + 1 / 4))
        self.assertLess(by["rows"][0]["power_at_margin"], holm["rows"][0]["power_at_margin"])

    def test_what_is_not_declared_is_assumed_and_said(self):
        power = self.power("primary: {visit: {margin: 5 points}, score: {margin: 1 units}}, " + CONTRAST)
        self.assertEqual([(r["outcome"], r["tau"], r["tau_declared"]) for r in power["rows"][:3]],
                         [("visit", tau, False) for tau in (0, 2.5, 5)])
        self.assertEqual({r["noise"] for r in power["rows"][:3]}, {50})
        self.assertNotIn("power_at_margin", power["rows"][-1], "nothing is known of the noise of a number")
        self.assertIn("the worst case", self.text)
        self.assertIn("score, margin 1 units: no power without `noise:`", self.text)

    def test_without_an_analysis_there_is_no_power(self):
        self.assertEqual(self.power("")["rows"], [])
        self.assertNotIn("Power of", self.text)


@harness.short
class Fleet(harness.TestCase):
    """What `--fleet` reckons, by hand: 3,000 requests a minute are 50 a second, 500 in flight at 10 s."""

    def planned(self, limits, *args):
        study = self.box.copy("small", f"s{len(list(self.box.dir.iterdir()))}")
        (study.parent / "providers.yaml").write_text(
            f"accounts:\n  a: {{base_url: 'https://h.example/v1', key: {{env: A_KEY}}, limits: {{{limits}}}}}\n"
            "models:\n  model-a: {account: a, model: x}\n  model-b: {account: a, model: y}\n")
        done = self.box.clinsafe("plan", study, "--fleet", "--json", *args)
        self.assertExit(done)
        return done.json()["fleet"]

    def test_what_it_takes(self):
        fleet = self.planned("requests_per_minute: 3000")
        self.assertEqual([(x["quota_per_s"], x["bound_by"], x["in_flight"]) for x in fleet["lanes"]], [(50, "requests_per_minute", 500)] * 2)
        self.assertEqual((fleet["workers"], fleet["slots"]), (1, 1100))
        tokens = self.planned("requests_per_minute: 3000, tokens_per_minute: 240000", "--latency", "2")["lanes"][0]  # 400 a call: its cap
        self.assertEqual((tokens["quota_per_s"], tokens["bound_by"], tokens["in_flight"]), (10, "tokens_per_minute", 20))
        calls = self.planned("requests_per_minute: 3000, concurrent: 8", "--latency", "0.5")["lanes"][0]
        self.assertEqual((calls["quota_per_s"], calls["bound_by"], calls["in_flight"]), (16, "concurrent", 8))

    def test_a_given_fleet(self):
        given = self.planned("requests_per_minute: 3000", "--workers", 2, "--slots", 100)
        self.assertEqual([(x["rate_per_s"], x["raise"]) for x in given["lanes"]], [(10, "--slots or --workers")] * 2)
        self.assertEqual(given["given"]["rate_per_s"], 20)
        enough = self.planned("requests_per_minute: 600", "--workers", 2, "--slots", 100)
        self.assertEqual([(x["rate_per_s"], x["raise"]) for x in enough["lanes"]], [(10, "requests_per_minute")] * 2)

    def test_what_it_costs_by_hand(self):
        """Two lanes of 10 a second, 2 workers: 10 calls a second each, which wake it up one by one; four questions of 8 commands a lane."""
        given = self.planned("requests_per_minute: 600", "--workers", 2, "--slots", 100)["given"]
        self.assertAlmostEqual(given["redis_per_s"], 2 * (2 * 4 * 8 + 2) + 10)
        self.assertAlmostEqual(given["memory_mb"], 2 * 17 + 200 * 40 / 1024 + 110 + 13)
        self.assertAlmostEqual(given["cpus"], 2 * (0.002 + 10 * 500e-6) + 0.002 + 20 * 365e-6 + 142 * 45e-6 * (1 + 2 / 80))

    def test_more_workers_than_redis_answers(self):
        study = self.box.copy("small", "many")
        (study.parent / "providers.yaml").write_text(
            "accounts:\n  a: {base_url: 'https://h.example/v1', key: {env: A_KEY}, limits: {requests_per_minute: 6000}}\n"
            "models:\n  model-a: {account: a, model: x}\n  model-b: {account: a, model: y}\n")
        for workers, too_many in ((50, False), (500, True)):
            text = self.box.clinsafe("plan", study, "--fleet", "--workers", workers, "--slots", 20).out
            self.assertEqual("ask more of Redis than one core answers" in text, too_many, text[-600:])

    def test_large_numbers_are_read_as_they_are_written(self):
        study = self.box.copy("small", "large")
        (study.parent / "providers.yaml").write_text(
            "accounts:\n  a: {base_url: 'https://h.example/v1', key: {env: A_KEY}}\n"
            "models:\n  model-a: {account: a, model: x, limits: {requests_per_minute: 100000}}\n  model-b: {account: a, model: y}\n")
        text = self.box.clinsafe("plan", study, "--fleet", "--workers", 40, "--slots", 2000).out
        self.assertRegex(text, r"model-a +1,667 calls a second by requests_per_minute, 16,667 in flight\n")
        self.assertRegex(text, r"  together, without what is found by trying, 1,667 calls a second: 5 workers with --slots \d+, ")
        self.assertNotIn("e+", text)

    def test_bad_options(self):
        for args, said in ((("--fleet", "--latency", "soon"), "want the seconds of a call"), (("--latency", "3"), "go with --fleet"),
                           (("--fleet", "--slots", "70000"), "at most")):
            done = self.box.clinsafe("plan", self.box.copy("small", f"b{len(said)}"), *args)
            self.assertExit(done, harness.EXIT_USAGE)
            self.assertOneLine(done.err, said)


if __name__ == "__main__":
    harness.main()
