#!/usr/bin/env python3
"""Stores that rot, are copied while they grow, opened twice, or cannot be written; coordinators that stop, and die again and again."""
import random
import shutil
import signal
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib")]
import harness

OPEN_S = 1
BYTES = 6  # that are turned, besides one in the index of each table


class Fleet:
    """On local sockets, without keys: its coordinator may be killed and started again."""

    def __init__(self, box, repeats):
        self.box, self.dir, self.store = box, box.dir, box.dir / "store"
        self.study = box.copy("small")
        self.study.write_text(self.study.read_text().replace("\nrepeats: 3\n", f"\nrepeats: {repeats}\n"))
        self.planned = 84 * repeats
        self.sim = box.simulator("--truth", self.study.parent / "truth.yaml", "--latency-ms", 50)
        self.start()
        self.workers = [box.start("clinsafe-worker", "--coordinator", f"ipc://{self.dir}/w", "--announce", f"ipc://{self.dir}/p", "--name", f"w{i}", "--slots", 8,
                                  "--simulator", self.sim.url) for i in range(2)]
        harness.wait_for(lambda: self.opened(self.coordinator, "a"), what="the coordinator")
        harness.must(self.tell("submit", self.study))
        harness.wait_for(lambda: self.answered() > 100, what="the study at work", process=self.coordinator)

    def start(self):
        self.coordinator = self.open(self.store, "w", "p", "a")

    def open(self, store, work, pub, admin, prefix=()):
        return self.box.start("clinsafe-coordinator", "--dir", store, "--bind", f"ipc://{self.dir}/{work}", "--pub", f"ipc://{self.dir}/{pub}",
                              "--admin", f"ipc://{self.dir}/{admin}", prefix=prefix)

    def opened(self, coordinator, admin):
        """It listens, or has ended."""
        return coordinator.poll() is not None or (self.dir / admin).exists()

    def tell(self, *words):
        return self.box.clinsafe(*words, "--coordinator", f"ipc://{self.dir}/a")

    def answered(self):
        return self.sim.stats()["answered"]

    def goes_on(self, more=50):
        now = self.answered()
        harness.wait_for(lambda: self.answered() >= now + more, what="further answers", process=self.coordinator)

    def copy(self, to):
        shutil.rmtree(to, ignore_errors=True)
        to.mkdir()
        for f in self.store.iterdir():
            try:
                shutil.copy(f, to)
            except FileNotFoundError:
                pass  # compacted away
        shutil.copy(f"{self.store}.acked", f"{to}.acked")
        return to


class Stores(harness.TestCase):
    TIME_LIMIT_S = 160

    @harness.short
    def test_a_store_in_trouble_and_its_copies(self):
        fleet = Fleet(self.box, repeats=40)
        second = fleet.open(fleet.store, "w2", "p2", "a2").wait(20)
        self.assertExit(second, harness.EXIT_BUSY)
        self.assertIn("in use", second.err)
        thief = fleet.open(self.box.dir / "other", "w", "p", "a").wait(20)
        self.assertExit(thief, harness.EXIT_BUSY)
        fleet.goes_on()
        harness.must(fleet.tell("pause"))
        harness.must(fleet.tell("resume"))
        copies = []
        for i in range(3):
            fleet.goes_on()
            copies.append(fleet.copy(self.box.dir / f"copy{i}"))
        fleet.coordinator.signal(signal.SIGSTOP)
        time.sleep(7)  # silent for longer than is suspected
        fleet.coordinator.signal(signal.SIGCONT)
        fleet.goes_on()
        for _ in range(8):
            fleet.coordinator.kill()
            fleet.start()
            time.sleep(0.2)
        fleet.goes_on()
        fleet.sim.control(latency={"median_ms": 5, "sigma": 0})
        harness.wait_for(lambda: fleet.answered() >= fleet.planned, timeout=60, what="the last answer", process=fleet.coordinator)
        time.sleep(1)
        for worker in fleet.workers:
            self.assertExit(worker.stop())
        self.assertExit(fleet.coordinator.stop())
        self.assertExit(self.box.clinsafe("verify", "--store", fleet.store))
        stats = fleet.sim.stats()
        print(f"    the honest study: {stats['answered']} of {fleet.planned} answers, {stats['paid_again']} paid twice", flush=True)
        self.assertEqual((stats["answered"], stats["paid_again"]), (fleet.planned, 0))
        self.copies(fleet, copies)
        self.rot(fleet)
        self.read_only(fleet)

    def opens(self, fleet, store, prefix=()):
        """What a coordinator makes of a store: its exit status, or None if it opens it and goes on."""
        (fleet.dir / "y").unlink(missing_ok=True)
        coordinator = fleet.open(store, "x", "q", "y", prefix)
        harness.wait_for(lambda: fleet.opened(coordinator, "y"), what="the coordinator")
        end = time.monotonic() + OPEN_S
        while coordinator.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        done = coordinator.poll()
        if done is None:
            self.assertExit(coordinator.stop())
        return None if done is None else done.code

    def copies(self, fleet, copies):
        """Taken while it grew: damaged, and said so, or a store; never both."""
        said = []
        for copy in copies:
            verified = self.box.clinsafe("verify", "--store", copy)
            self.assertIn(verified.code, (2, harness.EXIT_CORRUPT), verified)
            opened = self.opens(fleet, copy)
            self.assertEqual(opened, None if verified.code == 2 else harness.EXIT_CORRUPT)
            said.append((verified.code, opened))
        print(f"    copies of a growing store, verify and coordinator: {said}", flush=True)

    def rot(self, fleet):
        """One byte turned: every reader says so with 74, or has read what was there before; and a coordinator ends, once."""
        whole = harness.must(self.box.clinsafe("export", "--store", fleet.store, "--format", "jsonl")).out
        rnd, said = random.Random(5), []
        files = sorted(f for f in fleet.store.iterdir() if f.suffix in (".sst", ".log") and f.stat().st_size > 1000)
        turns = [(f, f.stat().st_size - 216) for f in files if f.suffix == ".sst"]
        turns += [(f, rnd.randrange(f.stat().st_size)) for f in rnd.choices(files, k=BYTES)]
        for file, at in turns:
            turned = fleet.copy(self.box.dir / "turned")
            file = turned / file.name
            data = bytearray(file.read_bytes())
            data[at] ^= 0x41
            file.write_bytes(data)
            verified, exported = (self.box.clinsafe(verb, "--store", turned, *more) for verb, more in (("verify", ()), ("export", ("--format", "jsonl"))))
            self.assertIn(verified.code, (0, harness.EXIT_CORRUPT), verified)
            self.assertIn(exported.code, (0, harness.EXIT_CORRUPT), exported)
            if exported.code == 0:
                self.assertEqual(exported.out, whole)
            opened = self.opens(fleet, turned)
            self.assertIn(opened, (None, harness.EXIT_CORRUPT))
            if opened is None and verified.code == 0:
                self.assertEqual(exported.out, whole)
            if opened is not None and not any(s[3] for s in said):
                self.supervised(fleet, turned)
            said.append((file.suffix, verified.code, exported.code, opened))
        print(f"    bytes turned, verify, export and coordinator: {said}", flush=True)
        self.assertIn(harness.EXIT_CORRUPT, {s[1] for s in said})

    def supervised(self, fleet, turned):
        """`clinsafe run` ends with it too, and starts no coordinator again."""
        folder = self.box.dir / "run"
        shutil.copytree(turned, folder / "store")
        shutil.copy(f"{turned}.acked", folder / "store.acked")
        done = self.box.clinsafe("run", fleet.study, "--dir", folder, "--simulator", fleet.sim.url)
        self.assertExit(done, harness.EXIT_CORRUPT)
        self.assertEqual((folder / "logs" / "coordinator.log").read_text().count("ev=failed"), 1)

    def read_only(self, fleet):
        store = fleet.copy(self.box.dir / "ro")
        bare = ("unshare", "--mount", "sh", "-c", f"mount --bind {self.box.dir} {self.box.dir} && mount -o remount,ro,bind {self.box.dir} && exec \"$@\"", "sh")
        for verb, more in (("verify", ()), ("export", ("--format", "csv", "--out", "/dev/null"))):
            self.assertExit(self.box.clinsafe(verb, "--store", store, *more, prefix=bare))
        self.assertEqual(self.opens(fleet, store, bare), harness.EXIT_BUSY)


if __name__ == "__main__":
    harness.main()
