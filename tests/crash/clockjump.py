#!/usr/bin/env python3
"""Wall clocks that jump by hours in mid-run: no lease, no output is lost, and times say what the clocks said.

    make clockjump [SHORT=1]

libfaketime under coordinator and workers, each with a clock of its own. Needs Debian's package faketime.
"""
import csv
import datetime
import glob
import io
import os
import signal
import time

import fleet as f

LIBRARY = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)
HOUR = 3600
JUMPS = [("coordinator", 6), ("workers", -5), ("coordinator", -30), ("workers", 72), ("coordinator", 0), ("workers", 0)]
SLACK_S = 5


class Clock:
    """A wall clock that can be set; the offsets that it has had."""

    def __init__(self, path):
        self.path, self.offsets = path, set()
        self.set(0)

    def set(self, hours):
        self.offsets.add(hours * HOUR)
        new = self.path.with_suffix(".new")
        new.write_text(f"{hours * HOUR:+d}\n")
        new.rename(self.path)

    def environment(self):
        return {"LD_PRELOAD": LIBRARY, "FAKETIME_TIMESTAMP_FILE": str(self.path), "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    def has_shown(self, stamp, began, ended):
        return any(began - SLACK_S <= stamp - offset <= ended + SLACK_S for offset in self.offsets)


def leases_lived(fleet, bill):
    bill.look()
    printed = [m.process.printed() for m in (fleet.coordinator, *fleet.workers)]
    for word in ("ev=worker_lost", "ev=leases_dropped"):
        if any(word in text for text in printed):
            raise f.Lost(f"{word}: a lease was lost, and no process was")
    if bill.again != 0:
        raise f.Lost(f"{bill.again} calls were paid again, and no process was lost")


def seconds(stamp):
    return datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def times_are_honest(fleet, clocks, began):
    """started is of the worker's clock, committed of the coordinator's; how long a call took is of neither."""
    done = f.harness.must(fleet.box.clinsafe("export", "--store", fleet.store, "--format", "csv", timeout=120))
    rows, ended = list(csv.DictReader(io.StringIO(done.out, newline=""))), time.time()
    for row in rows:
        if not clocks["workers"].has_shown(seconds(row["started"]), began, ended):
            raise f.Lost(f"started {row['started']}: no worker's clock has shown that")
        if not clocks["coordinator"].has_shown(seconds(row["committed"]), began, ended):
            raise f.Lost(f"committed {row['committed']}: the coordinator's clock has not shown that")
        if not f.LATENCY_MS // 2 <= int(row["latency_ms"]) <= int(row["total_ms"]) + 1 <= (ended - began) * 1000:
            raise f.Lost(f"a call took {row['latency_ms']} ms, its trial {row['total_ms']} ms")
    return len(rows)


def fleet_with_clocks(box, cases):
    fleet = f.Fleet(box, cases=cases, workers=2)
    clocks = {name: Clock(fleet.dir / f"{name}.clock") for name in ("coordinator", "workers")}
    fleet.coordinator_env, fleet.worker_env = clocks["coordinator"].environment(), clocks["workers"].environment()
    return fleet, clocks


def study(box, jumps):
    began = time.time()
    fleet, clocks = fleet_with_clocks(box, 5 * len(jumps))
    fleet.start()
    checker, bill = f.Checker(fleet), f.Bill(fleet)
    fleet.wait_acked(100)
    for who, hours in jumps:
        clocks[who].set(hours)
        fleet.wait_acked(min(fleet.trials - 1, fleet.acked() + 3 * 32 * fleet.slots // 10), timeout=40)
        checker.look()
        leases_lived(fleet, bill)
    fleet.wait_finished()
    fleet.drain()
    checker.look("full")
    leases_lived(fleet, bill)
    if fleet.must_verify()["done"] != fleet.trials:
        raise f.Lost("incomplete")
    rows = times_are_honest(fleet, clocks, began)
    return f"{len(jumps)} jumps by up to {max(abs(h) for _, h in jumps)} h, {rows} outputs, lost 0, paid again 0"


def stopped(box):
    """A lease that is lost indeed, of a worker that stood still for longer than it lasts. (Jumps of the clock for leases itself would be no
    control: a process forgives them, as it forgives that it was stopped.)"""
    fleet, _ = fleet_with_clocks(box, 600)
    fleet.start()
    bill = f.Bill(fleet)
    fleet.wait_acked(100)
    os.kill(fleet.workers[0].process.pid, signal.SIGSTOP)

    def look():
        for _ in range(80):
            time.sleep(0.5)
            leases_lived(fleet, bill)

    return f.must_lose(look)


def dishonest(box):
    """A clock that has shown something else."""
    began = time.time()
    fleet, clocks = fleet_with_clocks(box, 100)
    fleet.start()
    fleet.wait_acked(100)
    clocks["workers"].set(6)
    fleet.wait_acked(fleet.acked() + 300)
    clocks["workers"].offsets = {0}
    return f.must_lose(lambda: times_are_honest(fleet, clocks, began))


def main():
    args = f.options(__doc__.splitlines()[0])
    score = f.Score()
    if LIBRARY is None:
        score.skip("clockjump: no libfaketime (Debian's package faketime)")
        score.end()
    score.run("clocks jump", study, JUMPS[:4] if args.short else JUMPS * 3)
    score.run("control: a lease that is lost", stopped)
    score.run("control: times that no clock has shown", dishonest)
    score.end()


if __name__ == "__main__":
    main()
