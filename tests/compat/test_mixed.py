#!/usr/bin/env python3
"""Workers, coordinators and command lines of two versions work on one study."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import versions
from versions import NEW, OLD, harness


@harness.short
class Mixed(versions.TestCase):
    TRIALS = 252

    def setUp(self):
        super().setUp()
        self.study = self.box.copy("small")
        self.sim = self.box.simulator("--truth", self.study.parent / "truth.yaml", "--latency-ms", 30)
        self.fleet = versions.Fleet(self.box, self.sim)

    def assertWhole(self, *readers):
        """Every trial has one answer, paid for once, whichever version counts."""
        self.fleet.wait_until(self.TRIALS, readers[0])
        self.fleet.drain(readers[0])
        stats = self.sim.stats()
        self.assertEqual((stats["requests"], stats["paid_again"], stats["digest_body_conflicts"]), (self.TRIALS, 0, 0))
        found = []
        for reader in readers:
            rows = self.fleet.rows(reader, "--all")
            self.assertEqual((len(rows), len(set(versions.keys(rows)))), (self.TRIALS, self.TRIALS))
            self.assertEqual({r["state"] for r in rows}, {"done"})
            self.assertEqual({r["generation"] for r in rows}, {1})
            self.fleet.cli(reader, "verify", self.study, "--store", self.fleet.store)
            found.append([(r["digest"], r["text"], r["outcome"], r["worker"]) for r in rows])
        self.assertEqual(found.count(found[0]), len(found))

    def test_an_old_worker_and_a_new_coordinator(self):
        self.fleet.serve(NEW)
        self.fleet.submit(OLD, self.study)
        self.fleet.work(OLD, "old")
        self.assertWhole(NEW)
        self.assertEqual({r["worker"] for r in self.fleet.rows(NEW)}, {"old"})
        self.assertIn("protocol=1.0", self.fleet.coordinator.printed())

    def test_a_new_worker_and_an_old_coordinator(self):
        self.fleet.serve(OLD)
        self.fleet.submit(NEW, self.study)
        worker = self.fleet.work(NEW, "new")
        self.assertWhole(OLD, NEW)
        self.assertIn("protocol=1.0", worker.printed())

    def test_what_is_written_to_a_cache(self):
        """A newer worker tells it; an older coordinator keeps what it cannot read, so that whoever comes after it knows the bill."""
        self.sim = self.box.simulator("--truth", self.study.parent / "truth.yaml", "--cache", 20)
        self.fleet = versions.Fleet(self.box, self.sim)
        self.fleet.serve(OLD)
        self.fleet.submit(NEW, self.study)
        self.fleet.work(NEW, "new")
        self.assertWhole(OLD, NEW)
        written = {}
        for row in self.fleet.rows(NEW):
            written[row["model_sent"]] = written.get(row["model_sent"], 0) + row["cache_write_tokens"]
        self.assertEqual(written, {name: m["cache_write_tokens"] for name, m in self.sim.stats()["models"].items() if m["requests"] > 0})
        self.assertGreater(min(written.values()), 1000)
        dearer = sum(a["cost_usd"] - b["cost_usd"] for a, b in zip(self.fleet.rows(NEW), self.fleet.rows(OLD)))
        price = {"a-2026-01-01": 0.15, "b-2026-01-01": 1}  # USD per million; nano-dollars are whole
        self.assertAlmostEqual(dearer, sum(round(price[m] * 1250) / 1e9 * n - price[m] / 1e6 * n for m, n in written.items()), 8)

    def test_workers_of_both_versions_beside_each_other(self):
        self.fleet.serve(NEW)
        old, new = self.fleet.work(OLD, "old"), self.fleet.work(NEW, "new")
        for name in ("old", "new"):  # before there is work: one alone would have done it all in a second
            harness.wait_for(lambda name=name: f"ev=worker_hello worker={name} " in self.fleet.coordinator.printed(), what=f"worker {name}")
        self.fleet.submit(NEW, self.study)
        harness.wait_for(lambda: {r["worker"] for r in self.fleet.rows(NEW)} == {"old", "new"}, what="answers of both")
        self.assertWhole(NEW)
        self.assertEqual((old.done.code, new.done.code), (0, 0))


if __name__ == "__main__":
    harness.main()
