#!/usr/bin/env python3
"""A store is backed up while its fleet works, lost, and put back: what was there before is there again, byte for byte, and only what came
later is asked again, by the simulator's own count. A backup that is not whole is never taken for one."""
import json
import shutil
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import harness
import local_fleet

TRIALS = 1680


class Backup(local_fleet.TestCase):
    LATENCY_MS = 150  # slow enough that the fleet still works whenever a test comes to look

    def setUp(self):
        super().setUp()
        self.study = self.box.copy("small")
        text = self.study.read_text()
        self.study.write_text(text.replace("\nrepeats: 3\n", "\nrepeats: 20\n"))
        self.shelf = self.box.dir / "backups"

    def backup(self, *args, code=0):
        done = self.box.clinsafe("backup", "--to", self.shelf, *args)
        self.assertExit(done, code)
        return done

    def of_fleet(self, *args):
        return self.backup("--coordinator", self.where["admin"], "--json", *args).json()["backups"][0]

    def at_rest(self, *args):
        said = self.backup("--store", self.store, "--json", *args).json()
        return {"removed": said["removed"], **said["backups"][0]}

    def restore(self, *args, code=0):
        done = self.box.clinsafe("restore", "--from", self.shelf, *args)
        self.assertExit(done, code)
        return done

    def submit(self):
        harness.must(self.box.clinsafe("submit", self.study, "--coordinator", self.where["admin"]))

    def rows(self, store=None):
        return harness.rows_jsonl(harness.must(self.box.clinsafe("export", "--store", store or self.store, "--format", "jsonl")).out)

    def until(self, n):
        harness.wait_for(lambda: len(self.rows()) >= n, timeout=60, what=f"{n} answers", process=self.coordinator)

    def lose(self):
        """The coordinator dies, its store is gone. Redis hears no more of it."""
        self.coordinator.kill()
        shutil.rmtree(self.store)
        harness.wait_for(lambda: "reported to Redis" not in self.box.clinsafe(
            "restore", "--from", self.shelf, "--to", self.store, "--redis", self.redis).err, what="Redis to know of no coordinator")

    def copy_of_redis(self, of, to):
        for key in self.redis_cli("KEYS", f"{of}clinsafe:*").split():
            self.redis_cli("COPY", key, to + key[len(of):], "REPLACE")

    def fast(self):
        """What is left need not take long."""
        self.sim.control(latency={"median_ms": 10})

    def told(self, key):
        """A number of `status`, as Redis has it; 0 before a coordinator has reported."""
        done = self.box.clinsafe("status", "--redis", self.redis, "--json")
        return done.json()[key] if done.code == 0 else 0

    def whole(self):
        return {p.relative_to(self.shelf): p.read_bytes() for p in self.shelf.rglob("*") if p.is_file()}

    def test_at_work_then_lost_then_restored(self):
        self.submit()
        worker = self.start_worker(slots=16)
        self.until(300)
        harness.wait_for(lambda: self.redis_cli("KEYS", "clinsafe:*:progress"), what="Redis to be told")
        self.copy_of_redis("", "early:")
        first = self.of_fleet()
        kept = {r["digest"]: r for r in self.rows(self.shelf / first["id"] / "store")}  # a backup can be read where it is
        self.assertGreaterEqual(len(kept), 300)
        self.assertEqual(sum(s["done"] for s in first["studies"]), len(kept))
        self.until(len(kept) + 300)
        harness.wait_for(lambda: self.told("done") >= len(kept) + 250, what="Redis to know")
        term = json.loads((self.box.dir / "ready").read_text())["term"]
        self.lose()

        # Both witnesses know of more: refused, and it is said what it would cost; nothing is written.
        for more in (("--redis", self.redis), ()):
            done = self.restore("--to", self.store, *more, code=harness.EXIT_CORRUPT)
            self.assertOneLine(done.err, "later commits", "Redis" if more else f"{self.store}.acked knows", "--accept-rollback")
        self.assertFalse(self.store.exists())
        # A Redis that had heard of nothing after the backup cannot say what will be paid again.
        self.copy_of_redis("", "late:")
        self.copy_of_redis("early:", "")
        done = self.restore("--to", self.store, "--redis", self.redis, code=harness.EXIT_CORRUPT)
        self.assertOneLine(done.err, f"{self.store}.acked knows", "how many answers that were is not known")
        self.copy_of_redis("late:", "")
        said = self.restore("--to", self.store, "--redis", self.redis, "--accept-rollback", "--reason", "disk died", "--json").json()
        self.assertGreaterEqual(said["paid_again_trials"], 250)
        self.assertGreater(said["lost_commits"], 0)

        # What the worker held meanwhile is delivered; it was never ended.
        harness.wait_for(lambda: self.sim.stats()["in_flight"] == 0, what="the worker to have no more to do", process=worker)
        paid = self.sim.stats()["requests"]
        self.fast()
        ready = self.start_coordinator()
        self.assertGreater(ready["term"], term + 1)
        self.assertExit(harness.must(self.box.clinsafe("wait", "--coordinator", self.where["admin"], "--for", "90", timeout=100)))
        self.assertIsNone(worker.poll())
        rows = {r["digest"]: r for r in self.rows()}
        self.assertEqual(len(rows), TRIALS)
        for digest, row in kept.items():
            self.assertEqual(rows[digest], row)
        stats = self.sim.stats()
        self.assertEqual(stats["digest_body_conflicts"], 0)
        # Of what was paid before, the copy has that much. Redis knew of nothing that was not; it may not have heard of the last of it.
        self.assertLessEqual(stats["paid_again"], paid - len(kept))
        self.assertLessEqual(said["paid_again_trials"], paid - len(kept))
        self.assertGreater(stats["paid_again"], 0)
        self.assertEqual(stats["requests"], TRIALS + stats["paid_again"])
        verified = harness.must(self.box.clinsafe("verify", "--store", self.store, "--json")).json()
        self.assertTrue(verified["clean"])
        events = harness.must(self.box.clinsafe("events", "--store", self.store, "--json")).json()["events"]
        self.assertIn(("restore", "disk died"), {(e["act"], e.get("reason")) for e in events})
        self.assertIn(f"; {said['lost_commits']} later commits are given up", json.dumps(events))

    def test_only_what_is_new_is_copied(self):
        self.submit()
        worker = self.start_worker(slots=32)
        self.until(400)
        self.of_fleet()
        harness.must(self.box.clinsafe("drain", "--coordinator", self.where["admin"]))
        self.coordinator.wait(30)
        worker.wait(30)
        second, third = self.at_rest(), self.at_rest()
        self.assertLess(third["copied_bytes"], 4096)
        self.assertEqual((third["outputs"], third["commit"]), (second["outputs"], second["commit"]))
        self.assertEqual(self.rows(self.shelf / third["id"] / "store"), self.rows())
        # The newest two stay; files that they share are still there.
        fourth = self.at_rest("--keep", 2)
        self.assertEqual(fourth["removed"], 2)
        listed = self.backup("--list", "--json").json()["backups"]
        self.assertEqual([b["id"] for b in listed], [third["id"], fourth["id"]])
        self.assertEqual(self.rows(self.shelf / third["id"] / "store"), self.rows())
        # At work: an idle fleet's later backup copies next to nothing, once the database has merged what it had when it was opened.
        self.start_coordinator("--fresh-fleet")
        self.of_fleet()
        harness.wait_for(lambda: self.of_fleet()["copied_bytes"] < 64 * 1024, what="a backup of next to nothing", process=self.coordinator)
        harness.wait_for(lambda: not Path(str(self.store) + ".checkpoint").exists(), what="the checkpoint's end")

    def test_ratings_and_acts_are_kept(self):
        self.submit()
        self.start_worker(slots=32)
        self.until(50)
        acts, labels = Path(str(self.store) + ".acts.csv"), Path(str(self.store) + ".labels")
        labels.mkdir()
        acts.write_text("act\n")
        (labels / "ratings.csv").write_text("rated\n")
        copied = sum(s["done"] for s in self.of_fleet()["studies"])
        listed = ("list", "--coordinator", self.where["admin"], "--json")
        harness.wait_for(lambda: harness.must(self.box.clinsafe(*listed)).json()["studies"][0]["done"] > copied,
                         what="a later commit, of which the file beside the store knows", process=self.coordinator)
        self.lose()
        acts.unlink()
        shutil.rmtree(labels)
        done = self.restore("--to", self.store, "--accept-rollback")
        self.assertIn("paid again: unknown", done.out)  # Redis was not asked
        self.assertIn("--fresh-fleet", done.out)
        self.assertEqual((acts.read_text(), (labels / "ratings.csv").read_text()), ("act\n", "rated\n"))

    def test_a_torn_backup_is_refused(self):
        self.submit()
        worker = self.start_worker(slots=32)
        self.until(200)
        worker.stop()
        self.coordinator.stop()
        whole = self.at_rest()
        folder, elsewhere = self.shelf / whole["id"], self.box.dir / "elsewhere"
        pristine = self.box.dir / "pristine"
        shutil.copytree(folder, pristine)
        files = [p.relative_to(folder) for p in folder.rglob("*") if p.is_file() and p.stat().st_size > 0]
        largest = max(files, key=lambda p: (folder / p).stat().st_size if p.parts[0] == "store" else 0)

        def flip(path):
            bytes_ = bytearray(path.read_bytes())
            bytes_[len(bytes_) // 2] ^= 1
            path.unlink()
            path.write_bytes(bytes_)

        def cut(path):
            bytes_ = path.read_bytes()
            path.unlink()
            path.write_bytes(bytes_[:-1])

        faults = [(cut, largest, "damaged"), (flip, largest, "checksum"), (lambda p: p.unlink(), largest, "missing"),
                  (flip, Path("store") / "CURRENT", "checksum"), (cut, Path("backup.json"), "backup.json"),
                  (lambda p: p.unlink(), Path("backup.json"), "not a backup")]
        for fault, name, word in faults:
            with self.subTest(fault=word, name=str(name)):
                shutil.rmtree(folder)
                shutil.copytree(pristine, folder)
                fault(folder / name)
                if word == "backup.json":  # a manifest cut in the middle, too
                    (folder / name).write_bytes((pristine / name).read_bytes()[:400])
                done = self.restore("--to", elsewhere, code=harness.EXIT_CORRUPT)
                self.assertEqual([str(name) == "backup.json"], ["fault" in b for b in self.backup("--list", "--json").json()["backups"]])
                self.assertOneLine(done.err, word)
                self.assertFalse(elsewhere.exists())
                self.assertFalse(Path(str(elsewhere) + ".restoring").exists())
        shutil.rmtree(folder)
        shutil.copytree(pristine, Path(str(folder) + ".part"))
        done = self.restore("--to", elsewhere, code=harness.EXIT_MISSING)
        self.assertOneLine(done.err, "broken off")
        self.assertEqual(self.backup("--list", "--json").json()["broken_off"], [f"{whole['id']}.part"])
        # One that was broken off is gone on with: nothing of it is copied again.
        again = self.at_rest()
        self.assertLess(again["copied_bytes"], 4096)
        self.restore("--to", elsewhere)
        self.assertEqual(self.rows(elsewhere), self.rows())
        self.assertIn("nobody knows of later commits", harness.must(self.box.clinsafe("events", "--store", elsewhere)).out)
        done = self.restore("--to", elsewhere, code=73)
        self.assertOneLine(done.err, "put it aside")

    def test_killed_at_any_point_it_is_no_backup(self):
        self.submit()
        worker = self.start_worker(slots=32)
        self.until(400)
        for after_ms in (1, 20, 50, 100, 200):
            done = self.box.start("clinsafe", "backup", "--to", self.shelf, "--coordinator", self.where["admin"])
            try:
                harness.wait_for(lambda: (self.shelf / "lock").exists() and done.poll() is not None, timeout=after_ms / 1000, process=None)
            except AssertionError:
                pass
            done.signal(signal.SIGKILL)
            done.wait()
            for b in self.backup("--list", "--json").json()["backups"] if self.shelf.exists() else []:
                self.assertNotIn("fault", b)
                self.assertGreaterEqual(len(self.rows(self.shelf / b["id"] / "store")), 400)
        # The coordinator still holds the checkpoint of whom was killed: it is given up in time, or at a restart.
        if list(self.shelf.glob("*.part")):
            self.assertOneLine(self.backup("--coordinator", self.where["admin"], code=harness.EXIT_BUSY).err, "was killed within the last 60 s")
        self.assertIsNone(worker.poll())
        self.coordinator.kill()
        self.start_coordinator()
        harness.wait_for(lambda: not Path(str(self.store) + ".checkpoint").exists(), what="the old checkpoint's end")
        self.of_fleet()

    def test_what_was_spent_since_is_presumed_of_the_study_that_spent_it(self):
        """Also where the store's first study is deleted: then another is the first that is there."""
        text = self.study.read_text()
        self.study.write_text(text.replace("study: small\n", "study: gone\n"))
        self.submit()
        for what in (("cancel", "--study", "gone"), ("delete", "gone", "--yes")):
            harness.must(self.box.clinsafe(*what, "--coordinator", self.where["admin"]))
        self.study.write_text(text + "budget_usd: 50\n")
        self.submit()
        self.start_worker(slots=16)
        self.until(100)
        kept = sum(s["done"] for s in self.of_fleet()["studies"])
        self.until(kept + 300)
        harness.wait_for(lambda: self.told("done") >= kept + 250, what="Redis to know")  # what is presumed is what Redis knows beyond the copy
        self.lose()
        self.restore("--to", self.store, "--redis", self.redis, "--accept-rollback")
        self.start_coordinator()
        harness.wait_for(lambda: self.told("presumed_usd") > 0.0, timeout=15, what="money presumed spent", process=self.coordinator)

    def test_what_is_refused(self):
        self.submit()
        self.assertOneLine(self.backup("--store", self.store, code=harness.EXIT_BUSY).err, "--coordinator")
        self.assertOneLine(self.backup(code=harness.EXIT_USAGE).err, "--coordinator", "--store")
        self.assertOneLine(self.backup("--store", self.box.dir / "none", code=harness.EXIT_MISSING).err, "no store")
        for inside in (self.store, self.store / "deep" / "er"):
            done = self.box.clinsafe("backup", "--to", inside, "--coordinator", self.where["admin"])
            self.assertExit(done, harness.EXIT_USAGE)
            self.assertOneLine(done.err, f"lies in the database {self.store}")
        self.assertFalse((self.store / "deep").exists() or (self.store / "lock").exists())
        whole = self.shelf / self.of_fleet()["id"]
        for inside in (whole, whole / "store"):
            done = self.box.clinsafe("backup", "--to", inside, "--coordinator", self.where["admin"])
            self.assertExit(done, harness.EXIT_USAGE)
            self.assertOneLine(done.err, f"lies in the {'database' if inside != whole else 'backup'} {inside}")
        self.assertEqual({p.name for p in whole.iterdir()}, {"backup.json", "store"})
        other = self.box.dir / "other"
        coordinator = self.box.start("clinsafe-coordinator", "--dir", other, "--bind", f"ipc://{self.box.dir}/w", "--admin",
                                     f"ipc://{self.box.dir}/a", "--ready-file", self.box.dir / "other.ready")
        harness.wait_for((self.box.dir / "other.ready").exists, what="another coordinator", process=coordinator)
        self.assertOneLine(self.backup("--coordinator", f"ipc://{self.box.dir}/a", code=harness.EXIT_INVALID).err, "another store")
        harness.wait_for(lambda: self.box.clinsafe("status", "--redis", self.redis).code == 0, what="the coordinator's first report")
        self.assertOneLine(self.restore("--to", self.box.dir / "x", "--redis", self.redis, code=harness.EXIT_BUSY).err, "reported to Redis")
        self.assertOneLine(self.restore("--to", self.box.dir / "x", "--at", "1999", code=harness.EXIT_MISSING).err, "1999")

    def test_an_older_copy_is_not_gone_on_with(self):
        """Nobody said `restore`: a folder was put back by hand, without the file beside it. Redis has seen more."""
        self.submit()
        self.start_worker(slots=16)
        self.until(100)
        first = self.of_fleet()
        for _ in range(2):  # later terms than the copy's
            self.coordinator.kill()
            self.start_coordinator()
        self.until(400)
        harness.wait_for(lambda: self.told("commit") > first["commit"] + 1, what="Redis to know")  # a fast fleet is done before its coordinator has reported once
        self.coordinator.kill()
        shutil.rmtree(self.store)
        Path(str(self.store) + ".acked").unlink()
        shutil.copytree(self.shelf / first["id"] / "store", self.store)
        for _ in range(2):  # and saying it twice does not help
            done = self.box.start("clinsafe-coordinator", "--dir", self.store, "--bind", self.where["work"], "--admin", self.where["admin"],
                                  "--redis", self.redis).wait()
            self.assertExit(done, harness.EXIT_CORRUPT)
            self.assertIn("Redis has seen", done.err)
        # Killed before it has told Redis anything, it is not refused the second time; and workers take it for a later one than those were.
        term = json.loads((self.box.dir / "ready").read_text())["term"]
        ready = self.start_coordinator("--accept-rollback")
        self.coordinator.kill()
        self.assertGreater(ready["term"], term)
        self.assertGreater(self.start_coordinator()["term"], ready["term"])  # once is enough


if __name__ == "__main__":
    harness.main()
