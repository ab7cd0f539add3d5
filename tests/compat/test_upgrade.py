#!/usr/bin/env python3
"""An upgrade in the middle of things: stores of the older version are read and gone on with; a running study stays the generation it is."""
import json
import re
import shutil
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "golden" / "store-1")]
import versions
from provider import Provider
from versions import NEW, OLD, harness

GOLDEN = harness.TOP / "tests" / "golden" / "store-1"
ANSWERS = {"ok", "refused", "content_filtered", "truncated", "unparsable", "timeout"}


def format_now():
    """The format that our programs write."""
    found = [m for f in (harness.TOP / "store").glob("*.[ch]") for m in re.findall(r"\bCS_STORE_FORMAT = (\d+)", f.read_text())]
    assert len(set(found)) == 1, found
    return int(found[0])


def golden(box, name):
    """A copy of a golden store, and what the programs that wrote it say of it."""
    shutil.copytree(GOLDEN / name, box.dir / name)
    return box.dir / name / "study.yaml", json.loads((GOLDEN / name / "contents.json").read_text())


def lost_columns(old, new):
    """What a row said and says no more, or says otherwise. A column may be added."""
    return {k: (v, new.get(k)) for k, v in old.items() if new.get(k) != v}


@harness.short
class GoldenStores(harness.TestCase):
    """Needs no older program: the stores were written by them."""

    def test_our_programs_read_what_the_old_ones_read(self):
        for name in ("main", "twin", "accounts"):
            with self.subTest(name):
                study, contents = golden(self.box, name)
                done = self.box.clinsafe("export", study, "--dir", study.parent, "--format", "jsonl", "--all")
                self.assertExit(done)
                rows = harness.rows_jsonl(done.out)
                self.assertEqual(len(rows), len(contents["second"]))
                for old, new in zip(contents["second"], rows):
                    self.assertEqual(lost_columns(old, new), {})

    def test_verify_counts_as_the_old_one_did(self):
        study, contents = golden(self.box, "main")
        done = self.box.clinsafe("verify", study, "--dir", study.parent, "--json")
        old = contents["verify"]
        self.assertExit(done, old.pop("exit"))
        self.assertEqual(lost_columns(old, done.json()), {})


@harness.short
class GoingOn(harness.TestCase):
    """The golden store is gone on with: its second generation ends, and what was answered stays as it is."""

    def test_the_unfinished_generation_ends(self):
        study, contents = golden(self.box, "main")
        provider = Provider()
        self.addCleanup(provider.close)
        fleet = versions.Fleet(self.box, env={"GOLDEN_KEY": "any"}, store=study.parent / "store")
        fleet.serve(NEW, "--fresh-fleet")  # the worker that was killed does not come again
        fleet.submit(NEW, study)
        fleet.work(NEW, "new")
        harness.wait_for(lambda: all(r["state"] != "planned" for r in fleet.rows(NEW, "--all")), timeout=60, what="the rest",
                         process=fleet.coordinator)
        fleet.drain(NEW)
        rows, planned = fleet.rows(NEW, "--all"), [r for r in contents["second"] if r["state"] == "planned"]
        self.assertEqual(provider.calls, len(planned))
        self.assertNotIn("ev=generation_begun", fleet.coordinator.printed())
        self.assertEqual({r["generation"] for r in rows}, {2})
        self.assertEqual(versions.keys(rows), versions.keys(contents["second"]))
        for old, new in zip(contents["second"], rows):
            if old["state"] == "planned":
                self.assertIn(new["outcome"], ANSWERS)
            else:
                self.assertEqual(lost_columns(old, new), {})
        done = fleet.cli(NEW, "verify", study, "--store", fleet.store, "--json").json()
        self.assertEqual((done["faults"], done["missing"], done["clean"]), (0, 0, True))


class Rolling(versions.TestCase):
    """The older version is at work; its coordinator makes way for ours, the workers stay, and later make way too."""

    TRIALS = 1680

    def setUp(self):
        super().setUp()
        self.study = self.box.copy("small")
        text = self.study.read_text()
        self.study.write_text(text.replace("\nrepeats: 3\n", "\nrepeats: 20\n"))
        self.sim = self.box.simulator("--truth", self.study.parent / "truth.yaml", "--latency-ms", 60)
        self.fleet = versions.Fleet(self.box, self.sim)
        self.fleet.serve(OLD)
        self.fleet.submit(OLD, self.study)
        self.old = [self.fleet.work(OLD, "old-1"), self.fleet.work(OLD, "old-2")]
        self.fleet.wait_until(200, OLD)

    def assertUpgraded(self):
        """All trials have one answer, of one generation that was never built anew."""
        self.assertNotIn("ev=generation_begun", self.fleet.coordinator.printed())
        self.assertNotIn("ev=digest_mismatch", self.fleet.coordinator.printed())
        rows = self.fleet.rows(NEW, "--all")
        self.assertEqual((len(rows), len(set(versions.keys(rows)))), (self.TRIALS, self.TRIALS))
        self.assertLessEqual({r["outcome"] for r in rows}, ANSWERS)
        self.assertEqual({(r["generation"], r["adopted"]) for r in rows}, {(1, False)})
        done = self.fleet.cli(NEW, "verify", self.study, "--store", self.fleet.store, "--json").json()
        self.assertEqual((done["clean"], done["faults"], done["duplicates"]), (True, 0, 0))

    def test_the_coordinator_first_then_the_workers(self):
        self.fleet.coordinator.stop()
        before = {r["digest"]: r for r in self.fleet.rows(OLD)}
        self.assertLess(len(before), self.TRIALS)
        self.fleet.serve(NEW)
        self.fleet.submit(NEW, self.study)  # unchanged: goes on
        self.fleet.wait_until(len(before) + 200, NEW)
        self.assertIsNone(self.old[0].poll())
        self.fleet.work(NEW, "new")
        for worker in self.old:
            self.assertEqual(worker.stop(60).code, 0)
        self.fleet.wait_until(self.TRIALS, NEW)
        self.fleet.drain(NEW)
        self.assertUpgraded()
        rows = {r["digest"]: r for r in self.fleet.rows(NEW)}
        for digest, row in before.items():
            self.assertEqual(lost_columns(row, rows[digest]), {})
        self.assertEqual({r["worker"] for r in rows.values()}, {"old-1", "old-2", "new"})
        stats = self.sim.stats()
        self.assertEqual((stats["requests"], stats["paid_again"]), (self.TRIALS, 0), "a coordinator that ends costs nothing twice")

    def test_a_coordinator_that_was_killed(self):
        self.fleet.coordinator.kill()
        self.fleet.serve(NEW)
        self.fleet.wait_until(self.TRIALS, NEW)
        self.fleet.drain(NEW)
        self.assertUpgraded()
        self.assertEqual(self.sim.stats()["paid_again"], 0)


@harness.short
class Back(versions.TestCase):
    def test_older_programs_read_a_store_of_ours_or_refuse_it_with_its_format(self):
        study = self.box.copy("small")
        sim = self.box.simulator("--truth", study.parent / "truth.yaml", "--latency-ms", 0)
        fleet = versions.Fleet(self.box, sim)
        fleet.serve(NEW)
        fleet.submit(NEW, study)
        fleet.work(NEW, "new")
        fleet.wait_until(252, NEW)
        fleet.drain(NEW)
        if format_now() == 1:
            self.assertEqual(len(fleet.rows(OLD)), 252)
            fleet.serve(OLD)
            fleet.submit(OLD, study)  # an older one may have no ear for a signal yet
            self.assertEqual(fleet.coordinator.stop().code, 0)
            return
        refusal = f"has format {format_now()}, this program knows 1"
        for args in (["clinsafe", "export", "--store", fleet.store], ["clinsafe", "verify", study, "--store", fleet.store],
                     ["clinsafe-coordinator", "--dir", fleet.store, "--bind", f"ipc://{self.box.dir}/w2", "--admin", f"ipc://{self.box.dir}/a2"]):
            done = self.box.adopt(harness.Process([OLD / args[0], *args[1:]])).wait(30)
            self.assertNotEqual(done.code, 0)
            self.assertIn(refusal, done.err)
        self.assertEqual(len(fleet.rows(NEW)), 252)


if __name__ == "__main__":
    harness.main()
