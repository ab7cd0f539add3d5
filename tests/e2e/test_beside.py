#!/usr/bin/env python3
"""An edit is prepared beside the running generation: workers go on, what they bring meanwhile counts in the new one, a kill loses nothing."""
import csv
import re
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
import local_fleet

A_REPEAT = 84  # trials of the small study


class Fleet(local_fleet.TestCase):
    LATENCY_MS, SLOTS, COPIES = 20, 16, 1

    def setUp(self):
        self.edits = 0
        super().setUp()

    def truth(self):
        self.study, truth = self.box.copy("small"), self.box.copy("small", "truth")
        if self.COPIES > 1:
            self.enlarge(self.study)
            self.enlarge(truth)
        return truth.parent / "truth.yaml"

    def repeats(self, n):
        self.study.write_text(self.study.read_text().replace("\nrepeats: 3\n", f"\nrepeats: {n}\n"))
        return n * A_REPEAT

    def enlarge(self, study):
        """So many copies of each case, each with a text of its own: all must be rendered, so that the pass takes a while."""
        path = study.parent / "cases.csv"
        with path.open(newline="") as file:
            head, *rows = csv.reader(file)
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([head, *([f"n{i}-{row[0]}", row[1], f"{row[2]} Bed {i}.", *row[3:]]
                                                for i in range(self.COPIES) for row in rows)])

    def edit(self):
        """Another generation, in which every request is as it was."""
        self.edits += 1
        self.study.write_text(self.study.read_text().replace("title: ", f"title: {self.edits} ", 1))

    def operator(self, *words, **more):
        return self.box.clinsafe(*words, "--coordinator", self.where["admin"], **more)

    def submit(self, *args):
        return self.box.start("clinsafe", "submit", self.study, "--coordinator", self.where["admin"], *args)

    def status(self):
        """As Redis has it; {}: nothing yet."""
        done = self.box.clinsafe("status", "--redis", self.redis, "--json")
        return done.json() if done.code == 0 else {}

    def list(self):
        return self.operator("list", "--json").json()["studies"][0]

    def events(self, what):
        return self.coordinator.printed().count(f"ev=generation_{what} ")


@harness.short
class Beside(Fleet):
    COPIES = 6000

    def test_workers_go_on_and_nothing_is_paid_twice(self):
        self.assertExit(self.operator("submit", self.study))
        self.start_worker()
        harness.wait_for(lambda: self.sim.stats()["answered"] > 300, what="answers", process=self.coordinator)
        self.edit()
        submit = self.submit()
        harness.wait_for(lambda: self.events("begun") == 2, what="the pass", process=self.coordinator)
        self.assertExit(self.operator("pause", "model-b"))
        begun = self.list()["done"]
        self.edit()
        refused = self.operator("submit", self.study)
        self.assertExit(refused, harness.EXIT_BUSY)
        self.assertOneLine(refused.err, "an earlier edit of the study is still being prepared")
        harness.wait_for(lambda: self.status().get("edit_gen") == 2, what="the edit in `status`", process=self.coordinator)
        self.assertIn("an edit is being prepared (generation 2)", self.box.clinsafe("status", "--redis", self.redis).out)
        harness.wait_for(lambda: self.list()["done"] > begun + 50, what="workers that do not stand still", process=self.coordinator)
        self.assertEqual(self.events("closed"), 0, "the pass was over before the test had looked: more trials are needed")
        harness.wait_for(lambda: self.events("built") == 2, what="the new generation", process=self.coordinator)
        self.assertExit(submit.wait())
        now = harness.wait_for(lambda: (s := self.status()).get("gen") == 2 and s["edit_gen"] == 0 and s, what="progress of it")
        self.assertEqual({l["model"]: l["state"] for l in now["lanes"]}, {"model-a": "open", "model-b": "paused"}, "a word said meanwhile")
        answered = self.sim.stats()["answered"]
        harness.wait_for(lambda: self.sim.stats()["answered"] > answered + 100, what="work on the new generation", process=self.coordinator)
        stats = self.sim.stats()
        self.assertEqual(stats["paid_again"], 0)
        self.assertEqual(stats["requests"], stats["unique_digests"])

    def test_cases_that_are_renamed_meanwhile_are_not_paid_twice(self):
        self.assertExit(self.operator("submit", self.study))
        self.start_worker()
        harness.wait_for(lambda: self.sim.stats()["answered"] > 300, what="answers", process=self.coordinator)
        cases = self.study.parent / "cases.csv"
        cases.write_text(re.sub(r"^n(\d+)-", r"m\1-", cases.read_text(), flags=re.M))
        self.assertExit(self.operator("submit", self.study))
        harness.wait_for(lambda: self.events("built") == 2, what="the new generation", process=self.coordinator)
        bought = self.list()["done"]
        self.assertGreater(bought, 300)
        harness.wait_for(lambda: self.list()["done"] > bought + 300, what="work on it", process=self.coordinator)
        self.assertEqual(self.sim.stats()["paid_again"], 0)

    def test_what_it_was_is_asked_no_more_if_so_wanted(self):
        self.assertExit(self.operator("submit", self.study))
        self.start_worker()
        harness.wait_for(lambda: self.sim.stats()["answered"] > 100, what="answers", process=self.coordinator)
        self.study.write_text(self.study.read_text().replace("[model-a, model-b]", "[model-c]"))
        self.assertExit(self.operator("submit", self.study, "--stop-old"))
        harness.wait_for(lambda: self.events("built") == 2, what="the new generation", process=self.coordinator)
        log = self.coordinator.printed()
        self.assertLess(log.index("ev=generation_closed "), log.rindex("ev=generation_begun "))


class Killed(Fleet):
    LATENCY_MS, SLOTS = 5, 16

    def test_killed_in_each_state(self):
        """Before the first batch, after the first round, closed, and with the new generation on its way: the old one or the new one runs."""
        planned = self.repeats(100)
        self.assertExit(self.operator("submit", self.study))
        self.start_worker()
        harness.wait_for(lambda: self.sim.stats()["answered"] > 100, what="answers", process=self.coordinator)
        for state in ("begun", "round", "closed", "last", "built"):
            self.edit()
            before = self.events(state)
            submit = self.submit()
            harness.wait_for(lambda: self.events(state) > before, what=state, process=self.coordinator)
            self.coordinator.kill()
            self.coordinator.wait()
            submit.kill()
            self.start_coordinator()
            harness.wait_for(lambda: self.list()["gen"] == self.edits + 1 and self.status().get("edit_gen") == 0, what="the edit")
        self.assertExit(self.operator("wait", "small", "--for", 60, timeout=70))
        stats = self.sim.stats()
        self.assertEqual((stats["requests"], stats["paid_again"]), (planned, 0))
        self.assertExit(self.box.clinsafe("verify", "--store", self.store, "--study", "small"))


if __name__ == "__main__":
    harness.main()
