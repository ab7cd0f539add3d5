#!/usr/bin/env python3
"""What is paid for is not paid for again: said beforehand by `plan`, borrowed from other studies, and kept when the pass that takes
it over is killed. The simulator outlives the runs and counts what was asked."""
import json
import os
import re
import signal
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
from expected import Study

TRIALS = 252
NEW_LEVEL = ("homeless,housing", "insured,insurance,,The patient has health insurance.\nhomeless,housing")
NEW_LEVEL_TRIALS = 6 * 3 * 2


class Reuse(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.first = self.box.copy("small", "first")
        self.truth = self.box.copy("small", "truth")
        self.sim = self.box.simulator("--truth", self.truth.parent / "truth.yaml", "--latency-ms", 0)

    def run_study(self, study, *args):
        done = self.box.clinsafe("run", study, "--workers", 2, "--slots", 8, "--simulator", self.sim.url, "--json", *args)
        self.assertExit(done)
        return json.loads(done.out)

    def rows(self, study):
        done = self.box.clinsafe("export", study, "--format", "jsonl")
        self.assertExit(done)
        return {r["digest"]: r for r in harness.rows_jsonl(done.out)}

    def replace(self, study, file, old, new):
        path = study.parent / file
        self.assertIn(old, path.read_text())
        path.write_text(path.read_text().replace(old, new, 1))

    def paid(self, study, *args):
        """What `plan` says beforehand: looked up, own, borrowed, over all models; None when there is nothing to look into."""
        done = self.box.clinsafe("plan", study, "--json", *args)
        self.assertExit(done)
        lanes = [lane.get("paid") for lane in done.json()["lanes"]]
        if None in lanes:
            return None
        return tuple(sum(lane[key] for lane in lanes) for key in ("looked_up", "own", "borrowed"))

    @property
    def requests(self):
        return self.sim.stats()["requests"]


@harness.short
class Plan(Reuse):
    def test_plan_says_what_is_paid_for(self):
        self.assertIsNone(self.paid(self.first))
        self.run_study(self.first)
        self.assertEqual(self.paid(self.first), (TRIALS, TRIALS, 0))
        self.replace(self.first, "groups.csv", *NEW_LEVEL)
        self.assertEqual(self.paid(self.first), (TRIALS + NEW_LEVEL_TRIALS, TRIALS, 0))
        before = self.requests
        self.run_study(self.first)
        self.assertEqual(self.requests - before, NEW_LEVEL_TRIALS, "plan told the truth")
        text = self.box.clinsafe("plan", self.first)
        self.assertExit(text)
        self.assertRegex(text.out, r"Paid for already:\n  model-a +144 trials, 100\.0 %; left to pay \$0\.00 - \$0\.00")

    def test_plan_counts_what_another_study_has(self):
        self.run_study(self.first)
        second = self.box.copy("small", "second")
        self.replace(second, "groups.csv", *NEW_LEVEL)
        self.assertEqual(self.paid(second, "--reuse", self.first.with_suffix(".clinsafe")),
                         (TRIALS + NEW_LEVEL_TRIALS, 0, TRIALS))
        gone = self.box.clinsafe("plan", second, "--reuse", self.box.dir / "nothing")
        self.assertExit(gone, harness.EXIT_MISSING)
        self.assertOneLine(gone.err, "nothing", "no outputs there")


@harness.short
class Edits(Reuse):
    """Kinds of edits that test_edit.py does not have."""

    def setUp(self):
        super().setUp()
        self.run_study(self.first)
        self.before = self.rows(self.first)
        self.paid_before = self.requests

    def assertPaysFor(self, new_trials):
        self.run_study(self.first)
        wanted = {t.digest for t in Study(self.first).trials()}
        self.assertEqual(len(wanted - self.before.keys()), new_trials, "the test's own arithmetic")
        self.assertEqual(self.requests - self.paid_before, new_trials)
        self.assertEqual(self.rows(self.first).keys(), wanted)
        self.assertEqual(self.sim.stats()["paid_again"], 0)
        self.assertExit(self.box.clinsafe("verify", self.first))

    def test_a_new_key_account_and_price_buy_nothing_again(self):
        path = self.first.parent / "providers.yaml"
        path.write_text(path.read_text().replace("simulated: {provider: simulated,", "rotated: {provider: simulated,")
                        .replace("account: simulated", "account: rotated").replace("output: 0.60", "output: 0.70"))
        self.assertPaysFor(0)

    def test_a_changed_prompt_is_asked_anew(self):
        self.replace(self.first, "study.yaml", "Rely only on the case.", "Use only the case.")
        self.assertPaysFor(TRIALS)

    def test_a_new_case(self):
        path = self.first.parent / "cases.csv"
        lines = path.read_text().splitlines()
        name, rest = lines[1].split(",", 1)
        path.write_text("\n".join([*lines, f"extra,{rest.replace('. ', ', as told. ', 1)}"]) + "\n")
        self.assertPaysFor(TRIALS // 6)


@harness.short
class Borrow(Reuse):
    def setUp(self):
        super().setUp()
        self.run_study(self.first)
        self.lent = self.rows(self.first)
        self.paid_before = self.requests
        self.second = self.box.copy("small", "second")
        self.replace(self.second, "study.yaml", "study: small", "study: small-again")
        self.replace(self.second, "groups.csv", *NEW_LEVEL)
        self.source = self.first.with_suffix(".clinsafe")

    def assertBorrowed(self, generation):
        rows = self.rows(self.second)
        self.assertEqual(rows.keys(), {t.digest for t in Study(self.second).trials()})
        self.assertEqual(len(rows.keys() & self.lent.keys()), TRIALS)
        for digest, row in rows.items():
            self.assertEqual(row["generation"], generation)
            self.assertEqual(row["borrowed"], digest in self.lent)
            self.assertEqual(row["adopted"], digest in self.lent)
            for column in ("text", "started", "committed", "request_id", "worker", "cost_usd", "model_resolved"):
                if digest in self.lent:
                    self.assertEqual(row.get(column), self.lent[digest].get(column), column)
        self.assertEqual(self.sim.stats()["paid_again"], 0)
        self.assertExit(self.box.clinsafe("verify", self.second))

    def test_another_study_lends_its_answers(self):
        summary = self.run_study(self.second, "--reuse", self.source)
        self.assertEqual(self.requests - self.paid_before, NEW_LEVEL_TRIALS)
        self.assertEqual(summary["done"], TRIALS + NEW_LEVEL_TRIALS)
        self.assertBorrowed(1)
        self.assertEqual(self.rows(self.first), self.lent, "the lender is as it was")
        self.run_study(self.second, "--reuse", self.source)
        self.run_study(self.second)
        self.assertEqual(self.requests - self.paid_before, NEW_LEVEL_TRIALS)
        self.assertBorrowed(1)

    def test_a_study_that_has_begun_borrows_for_what_is_left(self):
        self.sim.control(latency={"median_ms": 50})  # so that it is not over before it is interrupted
        run = self.box.start("clinsafe", "run", self.second, "--workers", 1, "--slots", 1, "--simulator", self.sim.url)
        harness.wait_for(lambda: self.requests >= self.paid_before + 10, what="some answers", process=run)
        run.signal(signal.SIGINT)
        self.assertExit(run.wait(), harness.EXIT_INTERRUPTED)
        self.sim.control(latency={"median_ms": 0})
        own = self.rows(self.second)
        self.run_study(self.second, "--reuse", self.source)
        rows = self.rows(self.second)
        self.assertEqual({r["generation"] for r in rows.values()}, {2})
        self.assertEqual({d for d, r in rows.items() if r["borrowed"]}, self.lent.keys() - own.keys())
        for digest, row in own.items():
            self.assertEqual(rows[digest]["output_id"], row["output_id"], "its own answers stay")
        self.assertEqual(self.requests - self.paid_before, len(rows.keys() - self.lent.keys() | own.keys() & self.lent.keys()))
        self.assertExit(self.box.clinsafe("verify", self.second))

    def test_what_cannot_lend_is_named(self):
        for source, words in ((self.box.dir / "nothing", "no outputs there"), (self.source, "own store")):
            study = self.first if source == self.source else self.second
            done = self.box.clinsafe("run", study, "--workers", 1, "--simulator", self.sim.url, "--reuse", source)
            self.assertNotEqual(done.code, 0)
            self.assertIn(words, done.err + (study.with_suffix(".clinsafe") / "logs" / "coordinator.log").read_text())
        self.assertEqual(self.requests, self.paid_before)


class Killed(Reuse):
    """The pass that takes answers over is killed in the middle, and goes on where it was."""

    TIME_LIMIT_S = 300

    def test_the_pass_goes_on_after_a_kill(self):
        self.replace(self.first, "study.yaml", "\nrepeats: 3\n", "\nrepeats: 600\n")
        self.run_study(self.first, "--slots", 64)
        planned, log = self.requests, self.first.with_suffix(".clinsafe") / "logs" / "coordinator.log"
        middle = 0
        for attempt in range(8):
            self.replace(self.first, "study.yaml", "title: ", f"title: {attempt}, ")
            begun = log.read_text().count("ev=generation_begun")
            run = self.box.start("clinsafe", "run", self.first, "--workers", 1, "--simulator", self.sim.url)
            harness.wait_for(lambda: log.read_text().count("ev=generation_begun") > begun, what="the pass", process=run)
            time.sleep(0.02 * attempt)  # until something is on disk
            try:
                os.kill(self.coordinator(), signal.SIGKILL)
            except (OSError, StopIteration):
                pass  # it was over before
            run.wait()
            lines = log.read_text().splitlines()
            last = [line for line in lines if "ev=generation_" in line][-1]
            middle += "ev=generation_built" not in last
            self.run_study(self.first)
            resumed = re.findall(r"ev=generation_begun gen=\d+ trials=\d+ from=(\d+)", log.read_text())
            if middle and int(resumed[-1]) > 0:
                break
        self.assertGreater(middle, 0, "no kill came in the middle of the pass")
        print(f"         killed in the middle: {middle} times; the last pass went on from trial {resumed[-1]} of {planned}")
        self.assertEqual(self.requests, planned, "nothing was paid again")
        self.assertEqual(len(self.rows(self.first)), planned)
        self.assertExit(self.box.clinsafe("verify", self.first))

    def coordinator(self):
        processes = json.loads((self.first.with_suffix(".clinsafe") / "run.json").read_text())["processes"]
        return next(p["pid"] for p in processes
                    if Path(f"/proc/{p['pid']}/comm").read_text().strip() == "clinsafe-coordi")


if __name__ == "__main__":
    harness.main()
