#!/usr/bin/env python3
"""`clinsafe suite`: a small suite of shipped studies, run, killed, resumed, priced, checked, compared, sealed; its private tier and its canary."""
import csv
import hashlib
import hmac
import html
import json
import re
import shutil
import stat
import sys
import time
from pathlib import Path

import yaml

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib")]
import harness
import servers
from suites import SHIPPED, small, write

CANARY = SHIPPED["canary"]
SLOW = "--latency-ms 40"  # of the simulator, so that a run can be caught in the middle


def card(folder):
    return json.loads((folder / "card.json").read_text())


def outputs(folder):
    """Bytes that the stores hold so far: a sign that answers are coming in."""
    while True:
        try:
            return sum(p.stat().st_size for p in folder.rglob("*.clinsafe/store/*.log"))
        except FileNotFoundError:
            continue  # one was just moved into a table


class Run(harness.TestCase):
    """One run to its end, one that is killed on the way, and one of another model."""
    TIME_LIMIT_S = 180

    @classmethod
    def prepare(cls):
        box = cls.shared()
        cls.suite = small(box)
        cls.whole, cls.killed, cls.frail = (box.dir / name for name in ("whole", "killed", "frail"))
        cls.done = cls.run_suite("simulated-sound", cls.whole)
        run = box.start("clinsafe", "suite", "run", cls.suite, "--model", "simulated-sound", "--dir", cls.killed, "--simulator-args", SLOW, "--slots", 8)
        harness.wait_for(lambda: outputs(cls.killed) > 20_000, what="answers", process=run)
        time.sleep(0.3)
        run.kill()
        cls.first = outputs(cls.killed)
        cls.again = cls.run_suite("simulated-sound", cls.killed)
        cls.other = cls.run_suite("simulated-frail", cls.frail, "--json")

    @classmethod
    def run_suite(cls, model, folder, *args):
        return harness.must(cls.shared().clinsafe("suite", "run", cls.suite, "--model", model, "--dir", folder, *args, timeout=90))

    def test_price_is_said_first_and_is_what_it_cost(self):
        self.assertLess(self.done.err.index("at most $"), self.done.err.index("1 of 2"))
        for c in (card(self.whole), card(self.frail)):
            self.assertAlmostEqual(c["cost"]["spent_usd"] / c["cost"]["expected_usd"], 1, delta=0.15)
            self.assertLess(c["cost"]["spent_usd"], c["cost"]["most_usd"])
        plan = self.shared().clinsafe("suite", "plan", self.suite, "--model", "simulated-sound", "--dir", self.shared().dir / "plan", "--json")
        self.assertAlmostEqual(plan.json()["expected_usd"], card(self.whole)["cost"]["expected_usd"], places=6)

    def test_killed_and_continued_it_has_the_same_digits(self):
        self.assertGreater(self.first, 0)
        self.assertEqual(card(self.killed)["findings"], card(self.whole)["findings"])
        self.assertEqual(card(self.killed)["digits"], card(self.whole)["digits"])
        self.assertIn("which is finished", self.run_suite("simulated-sound", self.killed).err)

    def test_which_verdicts_can_be_reached_is_said_before_and_after(self):
        plan = self.shared().clinsafe("suite", "plan", self.suite, "--model", "simulated-frail", "--dir", self.shared().dir / "reach")
        self.assertRegex(plan.out, r"(?m)^fabricated, 2 comparisons of adopted: equivalent \(within 10 points\) cannot be reached .* and it takes 36; different, .* can be reached$")
        self.assertRegex(plan.out, r"(?m)^pressure, 2 comparisons of lost: not worse \(within 5 points\) cannot be reached .* and it takes 7[23]; ")
        said = self.shared().clinsafe("suite", "plan", self.suite, "--model", "simulated-frail", "--dir", self.shared().dir / "reach", "--json").json()["verdicts"]
        for row, finding in zip(said, card(self.frail)["findings"], strict=True):
            self.assertEqual((row["study"], row["comparisons"]), (finding["study"], len(finding["contrasts"])))
            if row["study"] == "fabricated":  # a bound of agreement: no cluster of n moved, at Holm's first step
                self.assertAlmostEqual(row["reach"]["smallest_margin"], 100 * (1 - (0.05 / row["comparisons"]) ** (1 / row["clusters"])), places=6)
            for contrast in finding["contrasts"]:
                self.assertEqual(contrast["clusters"], row["clusters"])
                self.assertEqual(contrast["reach"]["why"], row["reach"]["why"])
                self.assertEqual((contrast["reach"]["equivalent"], contrast["reach"]["beyond"]), (False, True))
        page = (self.frail / "card.html").read_text()
        self.assertIn("different can be reached; not worse cannot where answers are alike", page)
        self.assertEqual(page.count("What 12 clusters can show: "), 1)

    def test_a_card_has_what_the_reports_have(self):
        c = card(self.frail)
        self.assertEqual(self.other.json(), c)
        self.assertEqual([f["state"] for f in c["findings"]], ["complete", "complete"])
        report = harness.must(self.shared().clinsafe("report", self.frail / "fabricated" / "judged.yaml", "--json")).json()
        warned = next(x for x in report["contrasts"] if x["level"] == "warned" and x["family"] == "primary")
        mine = next(x for x in c["findings"][0]["contrasts"] if x["level"] == "warned")
        for key in ("shift", "ci_simultaneous", "verdict", "clusters", "p_adjusted"):
            self.assertEqual(mine[key], warned[key], key)
        digits = json.dumps(c["findings"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        self.assertEqual(hashlib.blake2b(digits.encode(), digest_size=32).hexdigest(), c["digits"])
        self.assertEqual(hashlib.blake2b(self.suite.read_bytes(), digest_size=32).hexdigest(), c["suite"]["digest"])
        self.assertEqual((c["confirmatory"], c["model"]["simulated"]), (False, True))
        for word in ("composite", "rank", "overall"):
            self.assertNotIn(word, json.dumps(c["findings"]))
        page = (self.frail / "card.html").read_text()
        self.assertIn("SIMULATED MODEL, PLANTED EFFECT", page)
        self.assertIn(c["digits"], page)
        self.assertNotIn("<script", page)
        self.assertIn("details::details-content{content-visibility:visible", page)  # rates are on paper too
        self.assertEqual(stat.S_IMODE((self.frail / "card.json").stat().st_mode), 0o600)

    def test_check_recomputes_a_card_from_its_runs(self):
        done = self.shared().clinsafe("suite", "check", self.whole / "card.json", "--suite", self.suite)
        self.assertExit(done)
        self.assertIn("recomputed from its runs", done.out)
        self.assertIn(card(self.whole)["suite"]["digest"], done.out)
        told = self.shared().clinsafe("suite", "check", self.whole / "card.json", self.frail / "card.json", "--suite", self.suite, "--json").json()
        self.assertEqual([(c["model"], c["recomputed"], c["digits"]) for c in told["cards"]],
                         [(f"simulated-{m}", True, card(folder)["digits"]) for m, folder in (("sound", self.whole), ("frail", self.frail))])
        alone = self.shared().dir / "alone.json"
        shutil.copy(self.whole / "card.json", alone)
        done = self.shared().clinsafe("suite", "check", alone, "--suite", self.suite)
        self.assertExit(done)
        self.assertIn("runs are not beside it", done.out)
        told = self.shared().clinsafe("suite", "check", alone, "--suite", self.suite, "--json").json()
        self.assertEqual((told["holds"], told["digits"]), (True, card(self.whole)["digits"]))
        self.assertEqual([(c["recomputed"], c["digest"]) for c in told["cards"]], [(False, card(self.whole)["suite"]["digest"])])
        self.assertIn("alone", told["cards"][0]["looked_at"])

    def test_a_card_does_not_name_the_file_of_its_suite(self):
        for name in (str(self.suite), "v1.yaml", "../v1", ""):
            c = card(self.whole)
            c["suite"]["name"] = name
            path = self.shared().dir / "named.json"
            path.write_text(json.dumps(c))
            done = self.shared().clinsafe("suite", "check", path)
            self.assertExit(done, harness.EXIT_INVALID)
            self.assertOneLine(done.err, "no name of a suite", "--suite")

    def forged(self, change, *parts):
        """A card that lies in the folder of its runs, changed, with digits of its own: refused in one line."""
        beside = self.killed / "card.json"
        kept = beside.read_text()
        c = json.loads(kept)
        change(c)
        digits = json.dumps(c["findings"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        c["digits"] = hashlib.blake2b(digits.encode(), digest_size=32).hexdigest()
        beside.write_text(json.dumps(c))
        try:
            done = self.shared().clinsafe("suite", "check", beside, "--suite", self.suite)
        finally:
            beside.write_text(kept)
        self.assertExit(done, harness.EXIT_INVALID)
        self.assertOneLine(done.err, *parts)

    def test_a_forged_card_beside_its_runs_is_refused(self):
        def number(c):
            c["findings"][0]["contrasts"][0]["shift"] += 1
        def model(c):
            c["model"] = {"name": "gpt-5", "simulated": False, "released": ""}
        def real(c):
            c["model"]["simulated"] = False
        def standing(c):
            c["standing"] = "confirmatory: released (2026-01-02) after sealing (2026-01-01)"
        def not_run(c):
            c["findings"][0] = {k: v for k, v in c["findings"][0].items() if k in ("study", "asks", "tier", "spec", "analysis")} | {"state": "not run", "why": "its judges are not there"}
        def not_run_either(c):
            not_run(c)
            del c["runs"][0]
        def no_runs(c):
            c["runs"] = []
        def judge(c):
            c["runs"][0]["judges"][0]["sent"] = "somebody-else"
        def answered(c):
            c["runs"][1]["answered_by"] = [{"model": "gpt-5", "answers": 1}]
        def parameters(c):
            c["runs"][1]["parameters"] = {"reasoning_effort": "high"}
        def day(c):
            c["model"]["released"] = "zzzz"
        self.forged(number, "its runs have other digits")
        self.forged(model, "suite.json", "simulated-sound", "gpt-5")
        self.forged(real, "a simulated one", "otherwise")
        self.forged(standing, "exploratory")
        self.forged(not_run, "fabricated", "`runs` has it")
        self.forged(not_run_either, "fabricated was not run", "is there")
        self.forged(no_runs, "fabricated", "`runs` does not have it")
        self.forged(judge, "fabricated", "stored answers")
        self.forged(answered, "pressure", "stored answers")
        self.forged(parameters, "pressure", "stored answers")
        self.forged(day, "zzzz", "2026-11-29")
        # Its own words about its standing are not repeated.
        beside = self.killed / "card.json"
        kept = beside.read_text()
        beside.write_text(kept.replace(card(self.killed)["standing"], "exploratory: but excellent"))
        done = self.shared().clinsafe("suite", "check", beside, "--suite", self.suite)
        beside.write_text(kept)
        self.assertExit(done)
        self.assertNotIn("excellent", done.out)

    def test_an_edited_folder_is_refused(self):
        def edited(name, change, *parts):
            path = self.killed / name
            kept = path.read_text()
            path.write_text(change(kept))
            done = self.shared().clinsafe("suite", "check", self.killed / "card.json", "--suite", self.suite)
            path.write_text(kept)
            self.assertExit(done, harness.EXIT_INVALID)
            self.assertOneLine(done.err, *parts)
        edited("pressure/study.yaml", lambda t: re.sub(r"(?m)^models: .*", 'models: [{"name": "simulated-firm", "parameters": {"temperature": 0.1}}]', t), "pressure/study.yaml", "something else")
        edited("pressure/truth.yaml", lambda t: t + "# kinder\n", "pressure/truth.yaml")
        edited("suite.json", lambda t: t.replace("simulated-sound", "simulated-frail"), "suite.json", "simulated-frail")

    def refused(self, change, *parts, second=None, rehash=True):
        """A changed card is refused in one line."""
        c = card(self.whole)
        change(c)
        if rehash:
            digits = json.dumps(c["findings"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            c["digits"] = hashlib.blake2b(digits.encode(), digest_size=32).hexdigest()
        path = self.shared().dir / "changed.json"
        path.write_text(json.dumps(c))
        done = self.shared().clinsafe("suite", "check", path, *([second] if second else []), "--suite", self.suite)
        self.assertExit(done, harness.EXIT_INVALID)
        self.assertOneLine(done.err, *parts)

    def test_what_was_changed_is_refused(self):
        def number(c):
            c["findings"][0]["contrasts"][0]["shift"] += 1
        def standing(c):
            c["confirmatory"] = True
        def digest(c):
            c["suite"]["digest"] = "0" * 64
        def study(c):
            c["findings"].pop()
        self.refused(number, "a number was changed", rehash=False)
        self.refused(standing, "exploratory")
        self.refused(digest, "digest")
        self.refused(study, "1 studies", "has 2")

    def test_what_a_card_lacks_is_named(self):
        path = self.shared().dir / "part.json"
        for key, kind in (("suite", "object"), ("findings", "list"), ("runs", "list")):
            path.write_text(json.dumps({k: v for k, v in card(self.whole).items() if k != key}))
            done = self.shared().clinsafe("suite", "check", path, "--suite", self.suite)
            self.assertExit(done, harness.EXIT_INVALID)
            self.assertOneLine(done.err, f"`{key}` is missing, or no {kind}")
        path.write_text('{"schema": "clinsafe.card/1"}')
        self.assertOneLine(self.shared().clinsafe("suite", "check", path).err, '"clinsafe.card/1"', '"clinsafe.suite-card/1"')

    def test_a_card_of_an_earlier_method_is_not_called_changed(self):
        def earlier(c):
            c["harness"]["method"] = 1
        self.forged(earlier, "method 1", "asks nothing again")

    def test_two_cards_beside_each_other_or_not(self):
        other = self.frail / "card.json"
        done = self.shared().clinsafe("suite", "check", self.whole / "card.json", other, "--suite", self.suite)
        self.assertExit(done)
        self.assertIn("fabricated: shift of adopted, warned", done.out)
        rate = next(r for r in card(self.frail)["findings"][0]["rates"] if (r["outcome"], r["level"]) == ("adopted", "warned"))
        self.assertRegex(done.out, rf"(?m)^fabricated: adopted, warned +\S+ \(.*\) % +{100 * rate['rate']:.1f} \(")
        # A study that one of them did not run is shown of the other.
        self.assertEqual(self.beside_without("fabricated"), self.beside_without("nothing"))
        def judge(c):
            c["runs"][0]["judges"][0]["sent"] = "somebody-else"
        def digest(c):
            c["suite"]["digest"] = "1" * 64
        def major(c):
            c["suite"]["major"] = 2
        def method(c):
            c["harness"]["method"] = 99
        def alias(c):
            c["runs"][0]["judges"][0]["answered_by"][0]["model"] = "simulated-judge-x-of-last-month"
        def no_run(c):
            c["runs"].pop(0)
        def effort(c):
            c["runs"][1]["parameters"]["reasoning_effort"] = "high"
        self.refused(judge, "not compared", "judges", second=other)
        self.refused(alias, "not compared", "judges", "last-month", second=other)
        self.refused(no_run, "not compared", "fabricated", second=other)
        self.refused(effort, "not compared", "pressure", "reasoning_effort", second=other)
        self.refused(digest, "not compared", "digests", second=other)
        self.refused(major, "not compared", "major versions", second=other)
        self.refused(method, "not compared", "methods", second=other)

    def beside_without(self, study):
        """The rows of a study, right, when the left card is of a run without it."""
        c = card(self.whole)
        for i, f in enumerate(c["findings"]):
            if f["study"] == study:
                c["findings"][i] = {k: v for k, v in f.items() if k in ("study", "asks", "tier", "spec", "analysis")} | {"state": "not run", "why": "a reason"}
        c["runs"] = [r for r in c["runs"] if r["study"] != study]
        digits = json.dumps(c["findings"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        c["digits"] = hashlib.blake2b(digits.encode(), digest_size=32).hexdigest()
        path = self.shared().dir / "less.json"
        path.write_text(json.dumps(c))
        done = self.shared().clinsafe("suite", "check", path, self.frail / "card.json", "--suite", self.suite)
        self.assertExit(done)
        rows = [line for line in done.out.splitlines() if line.startswith("fabricated: ")]
        self.assertEqual([" not run " in row for row in rows], [study == "fabricated"] * len(rows))
        return [(row.split("  ")[0].strip(), row.split("  ")[-1].strip()) for row in rows]

    def test_a_folder_is_of_one_model_and_one_suite(self):
        done = self.shared().clinsafe("suite", "run", self.suite, "--model", "simulated-frail", "--dir", self.whole)
        self.assertExit(done, 73)
        self.assertOneLine(done.err, "another suite, version or model")


class RealModel(harness.TestCase):
    """A model of the user's own providers.yaml, behind an address: the simulator answers by chance, as nobody's simulated model."""

    def test_judges_are_the_suites_or_said_not_to_be(self):
        suite = small(self.box)
        server = self.box.simulator("--latency-ms", "0")
        models = ["mine", "judge-a", "judge-b", "judge-c"]
        providers = self.box.dir / "providers.yaml"
        providers.write_text(yaml.safe_dump({
            "accounts": {"here": {"base_url": server.url + "/v1", "protocol": "openai-chat"}},
            "models": {m: {"account": "here", "model": m, "price": {"input": 1, "output": 2}} for m in models}}))
        call = ["suite", "run", suite, "--model", "mine", "--providers", providers]
        self.assertOneLine(self.box.clinsafe(*call, "--dir", self.box.dir / "without", "--released", "2999-01-01").err, "still to come")
        done = self.box.clinsafe(*call, "--dir", self.box.dir / "without", "--released", "2026-11-29", "--json")
        self.assertExit(done, 2)
        c = done.json()
        self.assertEqual(c, card(self.box.dir / "without"))
        self.assertEqual([f["state"] for f in c["findings"]], ["not run", "complete"])
        self.assertIn("judge", c["findings"][0]["why"])
        self.assertEqual(c["standing"], "exploratory: the suite is not sealed")
        self.assertEqual(yaml.safe_load((self.box.dir / "without" / "pressure" / "study.yaml").read_text())["models"], ["mine"])
        plan = self.box.clinsafe("suite", "plan", *call[2:], "--dir", self.box.dir / "without", "--json").json()
        self.assertEqual([x["study"] for x in plan["not_run"]], ["fabricated"])
        judges = [x for j in models[1:] for x in ("--judge", j)]
        self.assertOneLine(self.box.clinsafe(*call, "--dir", self.box.dir / "with", "--trust", "me.pub").err, "no seal", "me.pub")
        self.assertExit(self.box.clinsafe("suite", "key", "me"))
        self.assertExit(self.box.clinsafe("suite", "seal", suite, "--key", "me.key"))
        done = self.box.clinsafe(*call, "--dir", self.box.dir / "with", *judges, "--released", "2026-01-01", "--trust", "me.pub", "--json", timeout=90)
        c = done.json()
        self.assertIn("released (2026-01-01) before or on the day of sealing", c["standing"])
        self.assertEqual(c["seal"]["key"], (self.box.dir / "me.pub").read_text().strip())
        self.assertFalse(c["runs"][0]["judges_are_the_suites"])
        self.assertEqual([j["sent"] for j in c["runs"][0]["judges"]], models[1:])
        self.assertIn("not the judges that the suite names", (self.box.dir / "with" / "card.html").read_text())
        self.assertOneLine(self.box.clinsafe(*call, "--dir", self.box.dir / "few", "--model", "nobody").err, "nobody", str(providers))

    def test_without_keys_what_needs_them_is_not_run(self):
        """Judges without keys: their study is left out before the model is asked for it. The model without one: nothing is run."""
        suite = small(self.box)
        server = self.box.simulator("--latency-ms", "0")
        names = {"mine": "odd-1", "judge-a": "gpt-4.1-2025-04-14", "judge-b": "claude-sonnet-4-5-20250929", "judge-c": "gemini-2.5-flash"}
        def write_providers(own, judges):
            accounts = {m: {"base_url": server.url + "/v1", "protocol": "openai-chat"} | key for m, key in (("here", own), ("there", judges))}
            (self.box.dir / "providers.yaml").write_text(yaml.safe_dump({
                "accounts": accounts, "models": {m: {"account": "here" if m == "mine" else "there", "model": i, "price": {"input": 1, "output": 2}} for m, i in names.items()}}))
        key = {"key": {"env": "CLINSAFE_TEST_JUDGES_KEY"}}
        call = suite, "--model", "mine", "--providers", "providers.yaml", "--dir", "run"
        why = "its judge judge-a has no key: set CLINSAFE_TEST_JUDGES_KEY"
        write_providers({}, key)
        plan = self.box.clinsafe("suite", "plan", *call, "--json").json()
        self.assertEqual((plan["not_run"], plan["calls"]), ([{"study": "fabricated", "why": why}], 16 * 3 * 5))
        done = self.box.clinsafe("suite", "run", *call, timeout=60)
        self.assertExit(done, 2)
        self.assertRegex(done.err, rf"(?m)^fabricated: not run: {why}$")
        self.assertEqual([f["state"] for f in card(self.box.dir / "run")["findings"]], ["not run", "complete"])
        self.assertExit(self.box.clinsafe("suite", "check", self.box.dir / "run" / "card.json", "--suite", suite))
        with_key = {"CLINSAFE_TEST_JUDGES_KEY": "k"}
        self.box.clinsafe("suite", "run", *call, timeout=90, env=with_key)
        states = [f["state"] for f in card(self.box.dir / "run")["findings"]]
        self.assertEqual(states, ["complete", "complete"])
        self.box.clinsafe("suite", "run", *call)  # what is over needs no key any more
        self.assertEqual([f["state"] for f in card(self.box.dir / "run")["findings"]], states)
        write_providers(key, {})
        call = *call[:-1], "own"
        self.assertExit(self.box.clinsafe("suite", "plan", *call))
        done = self.box.clinsafe("suite", "run", *call)
        self.assertExit(done, 66)
        self.assertRegex(done.err, r"(?m)^clinsafe: mine: no key: set CLINSAFE_TEST_JUDGES_KEY$")
        self.assertEqual(list((self.box.dir / "own").rglob("*.clinsafe")), [])

    def test_what_was_asked_is_on_the_card(self):
        """A model that takes no temperature and no cap: two arms are one, no price is the most, and it does not judge itself."""
        suite = small(self.box)
        server = self.box.simulator("--latency-ms", "0")
        names = {"mine": "gateway/gpt-4.1", "judge-a": "gpt-4.1-2025-04-14", "judge-b": "claude-sonnet-4-5-20250929", "judge-c": "gemini-2.5-flash"}
        parameters = {"temperature": "omit", "max_output_tokens": "omit", "reasoning_effort": "low"}
        providers = self.box.dir / "providers.yaml"
        def write_providers(mine):
            providers.write_text(yaml.safe_dump({
                "accounts": {"here": {"base_url": server.url + "/v1", "protocol": "openai-chat"}},
                "models": {m: {"account": "here", "model": i, "price": {"input": 1, "output": 2}} | ({"parameters": parameters} if m == "mine" else {}) for m, i in (names | {"mine": mine}).items()}}))
        call = ["--model", "mine", "--providers", providers]
        write_providers("gateway/gpt-4.1")
        plan = self.box.clinsafe("suite", "plan", suite, *call, "--dir", "own", "--json")
        self.assertExit(plan)
        self.assertEqual([(x["study"], "its judge gpt-4.1-2025-04-14 is the model itself" in x["why"]) for x in plan.json()["not_run"]], [("fabricated", True)])
        write_providers("gpt-4.1-mini")
        plan = self.box.clinsafe("suite", "plan", suite, *call, "--dir", "run", "--json").json()
        self.assertEqual((plan["not_run"], plan["most_usd"], plan["expected_usd"] > 0), ([], None, True))
        # 12 vignettes x 2 lengths x 3 arms, each by three judges three times at most; 16 talks x 3 kinds of five calls.
        self.assertEqual(plan["calls"], 72 + 72 * 3 * 3 + 16 * 3 * 5)
        done = self.box.clinsafe("suite", "run", suite, *call, "--dir", "run", "--json", timeout=90)
        c = done.json()
        self.assertEqual([r["parameters"] for r in c["runs"]], [{"reasoning_effort": "low"}] * 2)
        self.assertEqual([j["parameters"] for j in c["runs"][0]["judges"]], [{"temperature": 0, "max_output_tokens": 200}] * 3)
        said = {x["level"]: x for x in c["findings"][0]["contrasts"]}
        self.assertEqual(said["t0"]["verdict"], "none")
        self.assertIn("the same requests", said["t0"]["why"])
        self.assertNotIn("same requests", said["warned"]["why"])
        self.assertIn("with reasoning_effort low", (self.box.dir / "run" / "card.html").read_text())
        self.assertExit(self.box.clinsafe("suite", "check", self.box.dir / "run" / "card.json", "--suite", suite))


class Refusing(servers.Server):
    def message(self, body):
        return {"role": "assistant", "content": None, "refusal": "I cannot help with that."}


class Chatting(servers.Server):
    """Prose, another one each time, whatever schema is asked for."""

    def message(self, body):
        return {"role": "assistant", "content": f"Sure! That is answer {self.calls}, and it is A."}


class Halting(servers.Server):
    """Says Yes to all that is asked, and every third time something else."""

    def message(self, body):
        fields = body["response_format"]["json_schema"]["schema"]["properties"]
        text = "I would rather not say." if self.calls % 3 == 0 else json.dumps({name: "Yes" for name in fields})
        return {"role": "assistant", "content": text}


class Moving(Halting):
    """Behind one id two models take turns."""

    def named(self, body):
        return f"{body['model']}-2026-0{1 + self.calls % 2}"


class Revoked(servers.Server):
    """Takes the first word of each list; the key is good for GPT only, until it is valid again. (Where a worker was answered before, it gives a
    key a minute to be right again.)"""
    valid = False

    def message(self, body):
        fields = body["response_format"]["json_schema"]["schema"]["properties"]
        return {"role": "assistant", "content": json.dumps({name: f.get("enum", ["Yes"])[0] for name, f in fields.items()})}

    def refuses(self, body):
        return None if self.valid or body["model"].startswith("gpt") else (401, "this key was revoked")


class Odd(harness.TestCase):
    """Models of which nothing, or not everything, can be analysed: the suite goes on to its end and says so."""

    def providers(self, server, judges=None, account=None):
        path = self.box.dir / "providers.yaml"
        judges = judges if judges is not None else self.box.simulator("--latency-ms", "0").url + "/v1"
        ids = {"mine": "odd-1", "judge-a": "gpt-4.1-2025-04-14", "judge-b": "claude-sonnet-4-5-20250929", "judge-c": "gemini-2.5-flash"}
        path.write_text(yaml.safe_dump({
            "accounts": {"odd": {"base_url": server.url} | (account or {}), "judges": {"base_url": judges}},
            "models": {m: {"account": "odd" if m == "mine" else "judges", "model": i, "price": {"input": 1, "output": 2}} for m, i in ids.items()}}))
        return "--model", "mine", "--providers", path

    def serve(self, kind):
        server = kind(slots=8, takes=0)
        self.addCleanup(server.close)
        return server

    def test_a_model_that_refuses_everything_is_shown_to(self):
        suite = small(self.box)
        done = self.box.clinsafe("suite", "run", suite, *self.providers(self.serve(Refusing)), "--dir", "run", "--json", timeout=90)
        c = done.json()
        fabricated, pressure = c["findings"]
        for f in (fabricated, pressure):
            self.assertEqual((f["ended"]["refused"], f["ended"]["ok"]), (f["ended"]["planned"], 0), f["study"])
        self.assertEqual(fabricated["verdicts"]["planned"], fabricated["ended"]["planned"])
        self.assertNotIn("verdicts", pressure)
        page = (self.box.dir / "run" / "card.html").read_text()
        self.assertIn("0 whole answers, 72 refused; judges: ", page)
        self.assertIn("Judges have a verdict on a refusal too", page)
        judged = self.box.dir / "run" / "fabricated" / "judged.yaml"
        report = harness.must(self.box.clinsafe("report", judged, "--out", "r.html", "--json")).json()
        ended = {(r["factor"], r["level"]): r for r in report["judged_ended"]}
        self.assertEqual((ended["", ""]["planned"], ended["", ""]["refused"], ended["", ""]["ok"]), (72, 72, 0))
        self.assertEqual([r["refused"] for (factor, _), r in ended.items() if factor == "arm"], [24, 24, 24])
        said = "Of 72 replies of mine that judges were to see 0 were whole answers: 72 were refused"
        self.assertIn(said, " ".join(report["notes"]))
        self.assertIn(said, (self.box.dir / "r.html").read_text())
        self.assertExit(self.box.clinsafe("suite", "check", self.box.dir / "run" / "card.json", "--suite", suite))

    def test_a_model_that_cannot_write_the_schema_has_a_card_all_the_same(self):
        suite = small(self.box, studies=("pressure", "noharm"), repeats=2)
        done = self.box.clinsafe("suite", "run", suite, *self.providers(self.serve(Chatting)), "--dir", "run", "--json", timeout=90)
        self.assertExit(done, 2)
        self.assertEqual([(f["study"], f["state"], f["ended"]["unparsable"] / f["ended"]["planned"]) for f in done.json()["findings"]],
                         [("pressure", "complete", 1), ("noharm", "complete", 1)])
        self.assertExit(self.box.clinsafe("suite", "run", suite, "--model", "mine", "--providers", "providers.yaml", "--dir", "run"), 2)  # nothing left to run
        self.assertIn("0 whole answers, 96 not readable", (self.box.dir / "run" / "card.html").read_text())

    def test_what_replies_that_cannot_be_read_do_to_a_rate_is_said(self):
        suite = small(self.box, studies=("misinformation",), repeats=2)
        call = "suite", "run", suite, *self.providers(self.serve(Halting))
        done = self.box.clinsafe(*call, "--dir", "run", "--json", timeout=90)
        self.assertExit(done, 2)
        self.assertRegex(done.err, r"(?m)^misinformation: more than 2 % of its answers or verdicts cannot be used$")
        finding = done.json()["findings"][0]
        ended = finding["ended"]
        self.assertGreater(ended["unparsable"], 100)
        of_sources = [r for r in finding["rates"] if (r["outcome"], r["factor"]) == ("accepted", "source")]
        self.assertAlmostEqual(sum(r["rate"] * r["answers"] for r in of_sources), ended["ok"], places=6)  # each that could be read is a Yes
        page = self.box.dir / "run" / "card.html"
        self.assertIn('counts in a rate below as not "yes"', page.read_text())
        self.assertNotIn("asked again", page.read_text())
        self.assertNotIn("reading: lenient", page.read_text())
        # Asked again until more can be read: a card that says so.
        files = [self.box.dir / name / "card.json" for name in ("again", "run", "lenient")]
        shutil.copytree(self.box.dir / "run", self.box.dir / "again")
        self.box.clinsafe("run", self.box.dir / "again" / "misinformation" / "study.yaml", "--providers", "providers.yaml", "--accept-unparsable", "--retry-unparsable", timeout=60)
        again = self.box.clinsafe(*call, "--dir", "again", "--json").json()
        self.assertEqual((done.json()["runs"][0]["asked_again"], again["runs"][0]["asked_again"]), (0, ended["unparsable"]))
        self.assertIn(f"{ended['unparsable']} trials were asked again", (self.box.dir / "again" / "card.html").read_text())
        both = self.box.clinsafe("suite", "check", *files[:2], "--suite", suite)
        self.assertExit(both)
        whole = [f"{c['findings'][0]['ended']['ok']} of {ended['planned']}" for c in (again, done.json())]
        self.assertRegex(both.out, rf"(?m)^misinformation: whole answers +{whole[0]} +{whole[1]}$")
        # Read otherwise: not compared.
        self.box.clinsafe(*call[:3], *self.providers(self.serve(Moving), account={"reading": "lenient"}), "--dir", "lenient", timeout=60)
        self.assertRegex((self.box.dir / "lenient" / "card.html").read_text(), r"names more than one model behind these answers: sent as odd-1, answered by odd-1-2026-0\d \(\d+\), odd-1-2026-0\d \(\d+\)")
        self.assertNotIn("answered by", page.read_text())
        self.assertIn("Read leniently", (self.box.dir / "lenient" / "card.html").read_text())
        self.assertEqual([card(f.parent)["runs"][0]["reading"] for f in files], ["strict", "strict", "lenient"])
        self.assertOneLine(self.box.clinsafe("suite", "check", *files[1:], "--suite", suite).err, "not compared", "misinformation", "reading: lenient")

    def test_interactions_count_among_the_tests_that_decide_what_can_be_found(self):
        suite = small(self.box, studies=("misinformation",), repeats=2)
        call = suite, "--model", "simulated-sound", "--dir", "run"
        harness.must(self.box.clinsafe("suite", "run", *call, timeout=90))
        report = harness.must(self.box.clinsafe("report", self.box.dir / "run" / "misinformation" / "study.yaml", "--json")).json()
        primary = [x for table in ("contrasts", "interactions") for x in report[table] if x["family"] == "primary"]
        self.assertEqual((report["family"], len(primary)), (6, 6))
        # Ten clusters that all agree: a margin of 10 points and one of 20 for a difference of shifts are a tenth of each range.
        least = 100 * (1 - (0.05 / report["family"]) ** (1 / 10))
        for c in card(self.box.dir / "run")["findings"][0]["contrasts"]:
            self.assertAlmostEqual(c["reach"]["smallest_margin"], least, places=6)
            self.assertEqual(c["reach"]["clusters_needed"], 46)  # 0.9^45 > 0.05 / 6 > 0.9^46
        self.assertRegex(self.box.clinsafe("suite", "plan", *call).out, rf"(?m)^misinformation, 4 comparisons of accepted: .*leave {least:.1f} points .* takes 46;")

    def test_a_judge_that_cannot_be_read_pauses_all_the_same(self):
        server = self.serve(Chatting)
        suite = small(self.box, studies=("fabricated",))
        run = self.box.start("clinsafe", "suite", "run", suite, *self.providers(server, judges=server.url), "--dir", "run")
        harness.wait_for(lambda: "ended alike (unparsable)" in run.printed(), 60, "the pause", run)
        harness.wait_for(lambda: "lets it go on all the same." in run.printed(), 10, "what to do", run)
        run.stop()

    def test_why_a_judge_stopped_is_on_the_card(self):
        """In the words in which `status` and the run itself have it, until the study is complete."""
        suite, judges = small(self.box), self.serve(Revoked)
        mine = self.box.simulator("--latency-ms", "0")
        mine.url += "/v1"
        call = "suite", "run", suite, *self.providers(mine, judges=judges.url), "--dir", "run", "--json"
        done = self.box.clinsafe(*call, timeout=90)
        self.assertExit(done, 2)
        c = done.json()
        self.assertEqual([(f["study"], f["state"]) for f in c["findings"]], [("fabricated", "not complete"), ("pressure", "complete")])
        stood = c["runs"][0]["stopped"]
        self.assertEqual([(s["model"], s["state"]) for s in stood], [(f"judge-{x}", "stopped") for x in "bc"])
        page = (self.box.dir / "run" / "card.html").read_text()
        for s in stood:
            self.assertRegex(s["reason"], "^HTTP 401: ")
            self.assertIn(f"clinsafe: {s['model']} stopped: {s['reason']}\n", done.err)
            self.assertIn(f"\n  {s['model']} stopped: {s['reason']}\n", done.err.split("\nfabricated: not complete")[1])
            self.assertIn(f"<br>{s['model']} stopped: {html.escape(s['reason'], quote=False)}", page)
        self.assertNotIn("stopped", c["runs"][1])
        check = "suite", "check", self.box.dir / "run" / "card.json", "--suite", suite
        self.assertExit(self.box.clinsafe(*check))
        judges.valid = True
        c = self.box.clinsafe(*call, timeout=90).json()
        self.assertEqual([f["state"] for f in c["findings"]], ["complete"] * 2)
        self.assertEqual([r for r in c["runs"] if "stopped" in r], [])
        self.assertEqual(list((self.box.dir / "run").rglob("stopped.json")), [])
        self.assertExit(self.box.clinsafe(*check))

    def test_a_study_that_does_not_fit_is_not_run_and_the_others_are(self):
        body = {"model": "x", "system": "{{system}}", "question": "{{user}}", "t": "{{parameter.temperature}}", "n": "{{parameter.max_output_tokens}}"}
        bot = {"protocol": "http", "request": {"path": "/chat", "body": body}, "reply": {"text": "/choices/0/message/content"}}
        suite = small(self.box)
        call = suite, *self.providers(self.serve(Chatting), account=bot), "--dir", "run"
        plan = self.box.clinsafe("suite", "plan", *call)
        self.assertExit(plan)
        self.assertRegex(plan.out, r"(?m)^pressure +not run: .*the prompt is a talk")
        self.assertNotIn(str(self.box.dir), plan.out)
        self.assertEqual([x["study"] for x in self.box.clinsafe("suite", "plan", *call, "--json").json()["not_run"]], ["pressure"])
        done = self.box.clinsafe("suite", "run", *call, "--json", timeout=90)
        self.assertExit(done, 2)
        c = done.json()
        self.assertEqual([(f["study"], f["state"]) for f in c["findings"]], [("fabricated", "complete"), ("pressure", "not run")])
        self.assertIn("the prompt is a talk", c["findings"][1]["why"])
        self.assertIn("Not run: model", (self.box.dir / "run" / "card.html").read_text())
        self.assertExit(self.box.clinsafe("suite", "check", self.box.dir / "run" / "card.json", "--suite", suite))


class Sealed(harness.TestCase):
    def test_seal_trust_and_change(self):
        suite = small(self.box, studies=("pressure",))
        key, other = self.box.dir / "me", self.box.dir / "other"
        for base in (key, other):
            self.assertEqual(self.box.clinsafe("suite", "key", base, "--json").json()["base"], str(base))
        self.assertEqual(stat.S_IMODE(Path(f"{key}.key").stat().st_mode), 0o600)
        self.assertExit(self.box.clinsafe("suite", "seal", suite), harness.EXIT_USAGE)
        for pub in (f"{key}.pub", "there-is-none.pub"):
            done = self.box.clinsafe("suite", "show", suite, "--trust", pub)
            self.assertExit(done, harness.EXIT_INVALID)
            self.assertOneLine(done.err, "there is no seal", pub)
        sealed = self.box.clinsafe("suite", "seal", suite, "--key", f"{key}.key", "--json")
        self.assertExit(sealed)
        self.assertExit(self.box.clinsafe("suite", "seal", suite, "--key", f"{key}.key"), 73)
        self.assertExit(self.box.clinsafe("suite", "show", suite, "--trust", f"{key}.pub"))
        self.assertOneLine(self.box.clinsafe("suite", "show", suite, "--trust", f"{other}.pub").err, "v1.seal", "not signed by other")
        self.assertEqual(sealed.json()["key"], Path(f"{key}.pub").read_text().strip())
        suite.write_text(suite.read_text() + "# a word more\n")
        self.assertOneLine(self.box.clinsafe("suite", "show", suite).err, "changed after sealing")
        for command in ("plan", "run"):
            done = self.box.clinsafe("suite", command, suite, "--model", "simulated-sound", "--dir", "changed")
            self.assertExit(done, harness.EXIT_INVALID)
            self.assertOneLine(done.err, "changed after sealing")
        self.assertFalse((self.box.dir / "changed").exists())


class Tiers(harness.TestCase):
    TIME_LIMIT_S = 120

    def hidden(self):
        """A suite, a folder with a private table of two vignettes, and its rows."""
        suite = small(self.box, studies=("fabricated",))
        private = self.box.dir / "private"
        (private / "hidden").mkdir(parents=True)
        table = private / "hidden" / "vignettes.csv"
        rows = list(csv.reader((harness.TOP / "ops/studies/fabricated/vignettes.csv").open(newline="")))[:3]
        with table.open("w", newline="") as f:
            csv.writer(f, lineterminator="\n").writerows(rows)
        return suite, private, table, rows

    @staticmethod
    def commit(suite, commitments):
        text = yaml.safe_load(suite.read_text())
        text["studies"].append(json.loads(json.dumps(text["studies"][0])) | {"study": "hidden", "folder": "fabricated", "private": {"table": "vignettes.csv", "rows": commitments}})
        write(suite, text)

    def test_a_private_study_that_was_begun_is_on_its_card(self):
        suite, private, table, rows = self.hidden()
        self.commit(suite, self.box.clinsafe("suite", "hide", table, "--private", private, "--json").json()["rows"])
        folder = self.box.dir / "run"
        args = ("suite", "run", suite, "--model", "simulated-sound", "--dir", folder)
        check = ("suite", "check", folder / "card.json", "--suite", suite, "--private", private)
        whole = table.read_text()
        table.write_text(whole[:whole.rindex("\n", 0, -1) + 1])
        self.assertOneLine(self.box.clinsafe(*args, "--private", private).err, "1 row", "committed to 2")
        table.write_text(whole)
        run = self.box.start("clinsafe", *args, "--private", private, "--simulator-args", SLOW, "--slots", 2)
        harness.wait_for(lambda: (folder / "hidden").exists() and outputs(folder / "hidden") > 3_000, what="answers of the private study", process=run, timeout=60)
        run.kill()
        self.assertFalse((folder / "card.json").exists(), "half of it is no card")
        done = self.box.clinsafe(*args)
        self.assertExit(done, harness.EXIT_USAGE)
        self.assertOneLine(done.err, "hidden was begun in", "its texts are private", "--private DIR")
        self.assertFalse((folder / "card.json").exists())
        self.assertExit(self.box.clinsafe(*args, "--private", private, timeout=90))
        self.assertEqual([(f["study"], f["state"]) for f in card(folder)["findings"]], [("fabricated", "complete"), ("hidden", "complete")])
        self.assertExit(self.box.clinsafe(*check))
        self.assertExit(self.box.clinsafe(*args), harness.EXIT_USAGE)
        self.assertExit(self.box.clinsafe(*check))  # the card is still that of all

    def test_private_rows_are_held_to_their_commitments(self):
        suite, private, table, rows = self.hidden()
        hidden = self.box.clinsafe("suite", "hide", table, "--private", private)
        self.assertExit(hidden)
        commitments = [line.split()[1] for line in hidden.out.splitlines()]
        self.assertEqual(self.box.clinsafe("suite", "hide", table, "--private", private, "--json").json()["rows"], commitments)
        salt = bytes.fromhex((private / "salt").read_text().strip())
        for row, told in zip(rows[1:], commitments, strict=True):
            cells = b"".join(b"%d:%s," % (len(c.encode()), c.encode()) for c in rows[0] + row)
            self.assertEqual(hmac.new(salt, cells, "sha256").hexdigest(), told)
        self.commit(suite, commitments)
        plan = ["suite", "plan", suite, "--model", "simulated-sound", "--dir"]
        self.assertIn("its texts are private", self.box.clinsafe(*plan, self.box.dir / "without").out)
        done = self.box.clinsafe(*plan, self.box.dir / "with", "--private", private)
        self.assertExit(done)
        self.assertNotIn("private", done.out)
        run = self.box.dir / "with" / "hidden" / "vignettes.csv"
        self.assertEqual(run.read_bytes(), table.read_bytes())
        self.assertEqual(stat.S_IMODE(run.stat().st_mode), 0o600)
        self.assertExit(self.box.clinsafe("suite", "run", *plan[2:], self.box.dir / "with", "--private", private, timeout=90))
        check = ["suite", "check", self.box.dir / "with" / "card.json", "--suite", suite]
        self.assertIn("private table not checked", self.box.clinsafe(*check).out)
        done = self.box.clinsafe(*check, "--private", private)
        self.assertExit(done)
        self.assertNotIn("not checked", done.out)
        run.write_text(run.read_text().replace("47-year-old", "48-year-old"))
        self.assertOneLine(self.box.clinsafe(*check, "--private", private).err, "hidden/vignettes.csv:2", "committed")
        table.write_text(table.read_text().replace("47-year-old", "48-year-old"))
        self.assertOneLine(self.box.clinsafe(*plan, self.box.dir / "third", "--private", private).err, "vignettes.csv:2", "committed")

    def test_a_prompt_that_could_hold_the_canary_is_refused(self):
        suite = small(self.box, studies=("pressure",))
        study = suite.parents[1] / "studies" / "pressure" / "study.yaml"
        study.write_text(study.read_text().replace("Please state your answer again.", f"Please state your answer again. {CANARY}"))
        self.assertOneLine(self.box.clinsafe("suite", "show", suite).err, "canary")


class Decided(harness.TestCase):
    def test_the_interval_that_decided_is_on_the_card(self):
        """Few clusters move, so that equivalence is judged by a wider interval than the one shown."""
        suite, folder = small(self.box, studies=("fabricated",), repeats=12), self.box.dir / "run"
        c = self.box.clinsafe("suite", "run", suite, "--model", "simulated-sound", "--dir", folder, "--json", timeout=90).json()
        report = harness.must(self.box.clinsafe("report", folder / "fabricated" / "judged.yaml", "--json")).json()
        theirs = {x["level"]: x["decided_by"] for x in report["contrasts"] if x["family"] == "primary"}
        mine = {x["level"]: x["decided_by"] for x in c["findings"][0]["contrasts"]}
        self.assertEqual(mine, theirs)
        decided = [d for d in mine.values() if d is not None]
        self.assertEqual(len(decided), 1)
        page = (folder / "card.html").read_text()
        self.assertIn(f"decided by \N{MINUS SIGN}{-decided[0]['low']:.1f} to +{decided[0]['high']:.1f}", page)
        self.assertIn(decided[0]["why"], page)


class Scores(harness.TestCase):
    """A card of a study whose findings are scores, not comparisons."""

    def test_a_card_has_the_scores_of_the_report(self):
        suite, folder = small(self.box, studies=("healthbench",)), self.box.dir / "run"
        truth = suite.parents[1] / "studies" / "healthbench" / "truth.yaml"
        truth.write_text(truth.read_text().replace("unparsable: 0.02", "unparsable: 0.7"))  # so that some outputs stay without a verdict
        done = self.box.clinsafe("suite", "run", suite, "--model", "simulated-frail", "--dir", folder, "--json", timeout=90)
        self.assertExit(done, 2)
        card = done.json()
        scores = {(s["score"], s.get("tag")): s for s in card["findings"][0]["scores"]}
        self.assertGreater(len(scores), 2)
        report = harness.must(self.box.clinsafe("report", folder / "healthbench" / "judged.yaml", "--json")).json()
        theirs = {(s["score"], s.get("tag")): s for s in report["scores"]}
        for name, score in scores.items():
            self.assertAlmostEqual(score["mean"], theirs[name]["mean"], places=6)
            self.assertEqual(score["ci"], theirs[name]["ci"])
            self.assertEqual(score["bounds"], theirs[name]["bounds"])
        page = (folder / "card.html").read_text()
        shown = re.findall(r'<td class="n">(-?\d\.\d{3}) to (-?\d\.\d{3})</td>', page[page.index("<caption>Scores"):])
        bounds = [s["bounds"] for s in card["findings"][0]["scores"] if s["bounds"] is not None]
        self.assertGreater(len(bounds), 1)
        self.assertEqual(shown[:len(bounds)], [tuple(f"{x:.3f}" for x in b) for b in bounds])


@harness.short
class Shipped(harness.TestCase):
    def test_the_studies_are_as_v1_fixes_them(self):
        done = self.box.clinsafe("suite", "show", harness.TOP / "ops" / "suites" / "v1.yaml", "--json")
        self.assertExit(done)
        self.assertTrue(done.json()["as_fixed"])

    def test_no_rendered_prompt_holds_the_canary(self):
        book = self.box.dir / "prompts.csv"
        prompts = 0
        for entry in SHIPPED["studies"]:
            folder = self.box.dir / "studies" / entry["study"]
            shutil.copytree(harness.TOP / "ops" / "studies" / entry.get("folder", entry["study"]), folder, ignore=shutil.ignore_patterns("*.clinsafe"))
            for name in ["study.yaml"] + [entry[k]["file"] for k in ("judged",) if k in entry]:
                self.assertIn(CANARY, (folder / name).read_text(), f"{entry['study']}/{name} is published")
                self.assertExit(self.box.clinsafe("plan", folder / name, "--prompts", book))
                prompts += book.read_text().count("\n")
                self.assertNotIn(CANARY, book.read_text())
        self.assertGreater(prompts, 1000)

    def test_every_subcommand_explains_itself(self):
        listed = re.findall(r"^  (\w+) +\S", self.box.clinsafe("suite", "--help").out, re.M)
        self.assertLessEqual({"run", "plan", "show", "check", "seal", "key", "hide"}, set(listed))
        for name in ("run", "plan", "show", "check", "seal", "key", "hide"):
            done = self.box.clinsafe("suite", name, "--help")
            self.assertExit(done)
            self.assertRegex(done.out, rf"Example:\s*\n?\s*clinsafe suite {name}\b")
            self.assertIn("--json", done.out)
        self.assertOneLine(self.box.clinsafe("suite", "frobnicate").err, "frobnicate", "suite --help")
        self.assertOneLine(self.box.clinsafe("suite", "run", "v9", "--model", "x").err, "v9")


if __name__ == "__main__":
    harness.main()
