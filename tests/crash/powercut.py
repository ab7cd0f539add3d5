#!/usr/bin/env python3
"""Power cuts: a coordinator is killed and its disk forgets what was not synced; all that was acknowledged is there.

    make powercut [ROUNDS=300] [SEED=n] [SHORT=1]

A round: a coordinator runs on a disk of the tests' own (powercut.c, disk.py) until it has acknowledged a few hundred outputs, or
only for a moment; then kill -9, and all, none or some of what it had not synced is gone. Every other time the checker recovers the store
first, else the next coordinator does. The workers live on, and hold what was not acknowledged: the provider must be paid for nothing
again.
"""
import time

import disk
import fleet as f

MODES = ["none"] * 2 + ["some"] * 3 + ["all"]
LATENCY_MS = 50


def cluster(box, cases, program=None):
    fleet = f.Fleet(box, cases=cases, workers=2, simulator=("--latency-ms", str(LATENCY_MS)))
    if program is not None:
        fleet.coordinator_program = f.program(program)
    return fleet, disk.Disk(fleet.home, fleet.dir / "shadow")


def first_start(fleet, power):
    """The very first commits may be cut as well, but the study has to be there once."""
    power.begin()
    fleet.coordinator_env = power.environment()
    fleet.start()
    fleet.wait_acked(50)


def run_a_while(fleet, power, random):
    power.begin()
    fleet.coordinator_env = power.environment()
    if random.random() < 0.5:  # most of the time lies between write and sync: that is where the cut falls
        fleet.coordinator_env["CS_DISK_FAULT"] = f"sync:slow:1:1000000000:{random.choice([5, 20, 80])}"
    fleet.coordinator.start()
    if random.random() < 0.25:
        time.sleep(random.uniform(0, 0.3))  # dies while it recovers, or soon after
        return
    fleet.serving()
    fleet.wait_acked(fleet.acked() + random.randint(1, 300))
    time.sleep(random.uniform(0, 0.05))


def lose_power(fleet, power, random, mode=None):
    if fleet.coordinator.process.poll() is not None:
        raise f.Lost(f"the coordinator ended by itself: {fleet.coordinator.process.done}")
    fleet.kill(fleet.coordinator)
    power.cut(mode or random.choice(MODES), random)


def ledger(box, rounds, random):
    fleet, power = cluster(box, 20 + 2 * rounds)
    first_start(fleet, power)
    checker, bill = f.Checker(fleet, "writer"), f.Bill(fleet)
    looks = 0
    for n in range(rounds):
        if n > 0:
            run_a_while(fleet, power, random)
        lose_power(fleet, power, random, "none" if n == 0 else None)  # even the store's own name must be durable
        if random.random() < 0.5 or n == rounds - 1:
            checker.look("full" if looks % 10 == 0 else "round")
            looks += 1
        bill.look()
        bill.judge()
    run_a_while(fleet, power, random)
    fleet.serving()
    fleet.drain()
    seen = checker.look("full")
    bill.look()
    fleet.must_verify()
    if bill.again != 0:
        raise f.Lost(f"{bill.again} calls were paid again, and no worker was lost")
    checker.close()
    return (f"\n         {rounds} cuts: " + ", ".join(f"{mode} {n}" for mode, n in power.cuts.items()) +
            f"; {power.lost_bytes} unsynced bytes and {power.lost_names} names lost, {power.torn} pages torn"
            f"\n         outputs {seen['outputs']}, acknowledged {seen['acked']}, lost 0; {looks} looks, the other recoveries by coordinators"
            f"\n         provider answered {bill.answered}, paid again {bill.again} after {fleet.coordinator.kills} lost coordinators (bound 0)")


def unsynced(box, random):
    """A coordinator that acknowledges before the sync."""
    fleet, power = cluster(box, 40, "coordinator-unsynced")
    first_start(fleet, power)
    checker = f.Checker(fleet, "writer")

    def cut_and_look():
        for n in range(10):
            if n > 0:
                run_a_while(fleet, power, random)
            lose_power(fleet, power, random)
            checker.look("full")

    return f.must_lose(cut_and_look)


def unsynced_under_kill(box, random):
    """The same under kill -9 alone: the page cache hides it. It shows what this test is for."""
    fleet, power = cluster(box, 40, "coordinator-unsynced")
    first_start(fleet, power)
    checker = f.Checker(fleet, "writer")
    for n in range(5):
        if n > 0:
            run_a_while(fleet, power, random)
        fleet.kill(fleet.coordinator)
        checker.look("full")


def main():
    args = f.options(__doc__.splitlines()[0], 300, 20)
    score = f.Score()
    score.run(f"{args.rounds} power cuts: nothing acknowledged is lost, nothing is paid again", ledger, args.rounds, args.random)
    score.run("mutation: acknowledged before the sync, power cut", unsynced, args.random)
    score.run("the same mutation under kill -9 is not noticed", unsynced_under_kill, args.random)
    score.end()


if __name__ == "__main__":
    main()
