#!/usr/bin/env python3
"""The disk fills up: nothing is acknowledged that did not fit, the coordinator ends with 75, and with room again nothing is lost.

    make diskfull [SHORT=1]

The disk is a small tmpfs in a mount namespace of this script's own; what fills it is a file beside the store.
"""
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import fleet as f

DISK_MIB = 128
CASES, FEW_CASES = 3000, 60  # without end; some 20 MiB of log
ROOMS = [(500, "before"), (4000, "before"), (0, "later"), (0, "before"), (1100, "before"), (2000, "before"), (8000, "before"), (300, "later"),
         (3000, "later"), (20000, "before")]
ENTERED = "CLINSAFE_DISKFULL_ENTERED"
KEY = {"CRASH_TEST_KEY": "key"}


def enter_namespace():
    """Runs this script again where it may mount; False: nowhere."""
    if ENTERED in os.environ:
        return True
    for words in (["unshare", "--mount", "--propagation", "private"], ["unshare", "--user", "--map-root-user", "--mount"]):
        try:
            if subprocess.run([*words, "sh", "-c", "mount -t tmpfs -o size=1m tmpfs /mnt"], capture_output=True, check=False).returncode == 0:
                os.execvpe(words[0], [*words, sys.executable, *sys.argv], {**os.environ, ENTERED: "1"})
        except FileNotFoundError:
            continue
    return False


class SmallDisk:
    def __init__(self, path):
        self.path, self.ballast = Path(path), Path(path) / "ballast"
        self.path.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", self.path], check=True)

    def leave(self, kib):
        """All but so much is taken."""
        self.ballast.unlink(missing_ok=True)
        with open(self.ballast, "wb") as file:
            while (taken := self._room() - kib * 1024) > 0:
                try:
                    return os.posix_fallocate(file.fileno(), 0, taken)
                except OSError as e:
                    if e.errno != errno.ENOSPC:
                        raise  # else a coordinator has written meanwhile, and there is less

    def _room(self):
        stat = os.statvfs(self.path)
        return stat.f_bavail * stat.f_frsize

    def free(self):
        self.ballast.unlink()

    def close(self):
        subprocess.run(["umount", "-l", self.path], check=True)


def on_disk(part, cases=CASES):
    """part(fleet, disk, ...) with a coordinator whose store is on a small disk."""
    def whole(box, *args):
        fleet = f.Fleet(box, cases=cases, workers=2, slots=64, simulator=("--latency-ms", "5"), wide=True)
        disk = SmallDisk(fleet.home)
        try:
            return part(fleet, disk, *args)
        finally:
            fleet.close()
            disk.close()
    return whole


def meet_full_disk(fleet):
    """A coordinator runs into its end: 75, and one line that says why."""
    done = fleet.coordinator.process.wait(60)
    if done.code != f.harness.EXIT_BUSY:
        raise f.Lost(f"the coordinator did not end with 75: {done}")
    said = [line for line in done.err.splitlines() if line.startswith("clinsafe-coordinator: ")]
    if len(said) != 1:
        raise f.Lost(f"want one line that says why: {done}")


@on_disk
def cluster(fleet, disk, rooms):
    """(KiB left, when): RocksDB takes room for its log when it opens, so a disk that is full before is met elsewhere than one that
    fills up later."""
    fleet.start()
    checker, bill, told = f.Checker(fleet), f.Bill(fleet), []
    for kib, when in rooms:
        fleet.wait_acked(fleet.acked() + 100)
        if when == "before":
            fleet.kill(fleet.coordinator)
            disk.leave(kib)
            fleet.coordinator.start()
        else:
            disk.leave(kib)
        before = fleet.acked()
        meet_full_disk(fleet)
        told.append(f"{kib} KiB {when}: {fleet.acked() - before}")
        checker.look("full")  # while the disk is full
        disk.free()
        fleet.start_coordinator()
    fleet.wait_acked(fleet.acked() + 100)
    fleet.drain()
    seen = checker.look("full")
    bill.look()
    if bill.again != 0:
        raise f.Lost(f"{bill.again} calls were paid again, and no worker was lost")
    fleet.must_verify()
    return "acknowledged with " + ", ".join(told) + f"; {seen['outputs']} outputs in the end, lost 0, paid again 0"


def run(fleet, disk):
    """As a person meets it: `clinsafe run`."""
    folder = disk.path / "study.clinsafe"
    words = ["run", fleet.study, "--dir", folder, "--workers", 2, "--slots", 64, "--json"]
    disk.leave(4000)
    done = fleet.box.clinsafe(*words, env=KEY, timeout=90)
    if done.code != f.harness.EXIT_BUSY or "disk full" not in done.err or "run it again" not in done.err:
        raise f.Lost(f"want exit 75 and what to do: {done}")
    said = next(line for line in done.err.splitlines() if "disk full" in line)
    disk.free()
    again = fleet.box.clinsafe(*words, env=KEY, timeout=120)  # 2: a third of its answers are truncated, by design
    if again.code not in (0, 2) or json.loads(again.out)["done"] != fleet.trials:
        raise f.Lost(f"run again: {again}")
    f.harness.must(fleet.box.clinsafe("verify", fleet.study, "--dir", folder))
    paid_again = fleet.simulator_stats()["paid_again"]
    if paid_again > 2 * (64 + f.WINDOW):
        raise f.Lost(f"{paid_again} calls paid again")
    return f"\"{said}\"; paid again {paid_again} (two workers ended; bound {2 * (64 + f.WINDOW)})"


@on_disk
def deaf(fleet, disk):
    """A coordinator that does not hear of failed writes."""
    disk.leave(4000)
    fleet.coordinator_program = f.program("coordinator-deaf")
    fleet.start()
    checker = f.Checker(fleet)
    fleet.wait_acked(12000)  # more than there is room for

    def kill_and_look():
        fleet.kill(fleet.coordinator)
        checker.look("full")

    return f.must_lose(kill_and_look)


def main():
    args = f.options(__doc__.splitlines()[0])
    score = f.Score()
    if enter_namespace():
        score.run("a cluster's coordinator", cluster, ROOMS[:3] if args.short else ROOMS)
        score.run("clinsafe run", on_disk(run, FEW_CASES))
        score.run("mutation: goes on after a failed write", deaf)
    else:
        score.skip("diskfull: may not mount a tmpfs here")
    score.end()


if __name__ == "__main__":
    main()
