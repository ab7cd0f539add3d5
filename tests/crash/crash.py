#!/usr/bin/env python3
"""kill -9, over and over: nothing acknowledged is lost, and the provider is paid again only for what was in flight at a loss.

    make crash [ROUNDS=300] [SEED=n] [SHORT=1]

Two studies share the fleet, the second with the smaller weight. A round: after 0.2 to 2 s any process of the fleet is killed, or stopped for a while.
Killed ones come back within a second. At the end of each round the checker reads the store beside whatever runs, and the provider's record is read
on. Then the same of a study that judges another one's outputs, from the moment its cases are made until all verdicts are there.
"""
import heapq
import time

import fleet as f
import harness

KILLS = 0.7      # the rest are stopped
STOPPED_S = 3.0  # at most: a stopped process is slow, not lost
AWAY_S = 1.0
LOST_S = 35  # a killed worker's trials are given to others after 30 s
FULL_EVERY = 10
CHILD, CHILD_ROUNDS = "judged", 5  # its study; it lasts for as many at least
LIMITS = "{requests_per_minute: 30000}"  # of each of two models: Redis has a part in every call


class Havoc:
    """Kills and stops what runs, and heals it when the time has come."""

    def __init__(self, fleet, bill, random):
        self.fleet, self.bill, self.random, self.due = fleet, bill, random, []

    def strike(self):
        victims = [m for m in self.fleet.members if m.up and not m.stopped]
        if not victims:
            return
        victim = self.random.choice(victims)
        if self.random.random() < KILLS:
            self.kill(victim)
        else:
            victim.stop()
            self._later(self.random.uniform(0.2, STOPPED_S), victim.go_on)

    def kill(self, victim):
        self.fleet.kill(victim)
        if victim is self.fleet.simulator:
            self.bill.provider_lost.append(time.monotonic())
        self._later(self.random.uniform(0, AWAY_S), victim.start)

    def _later(self, seconds, what):
        heapq.heappush(self.due, (time.monotonic() + seconds, len(self.due) + self.random.random(), what))

    def wait(self, seconds):
        """Heals what is due meanwhile; what ended by itself, a promise was broken."""
        until = time.monotonic() + seconds
        while True:
            while self.due and self.due[0][0] <= time.monotonic():
                heapq.heappop(self.due)[2]()
            for member in self.fleet.members:
                if member.process is not None and member.process.poll() is not None:
                    raise f.Lost(f"{member.name} ended by itself: {member.process.done}")
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.02))

    def heal(self):
        while self.due:
            self.wait(max(0, self.due[0][0] - time.monotonic()))
        self.fleet.serving()


def ledger(box, rounds, random):
    """The claim itself."""
    fleet = f.Fleet(box, cases=100 + 12 * rounds, limits=LIMITS)
    fleet.add_study("second")
    fleet.weights["study"] = 3
    fleet.start()
    fleet.wait_acked(100)
    checker, bill = f.Checker(fleet), f.Bill(fleet)
    havoc = Havoc(fleet, bill, random)
    for n in range(1, rounds + 1):
        havoc.wait(random.uniform(0.2, 2))
        havoc.strike()
        checker.look("full" if n % FULL_EVERY == 0 else "round")
        bill.look()
        bill.judge()
    havoc.heal()
    havoc.wait(LOST_S)  # what the last ones held is asked again, and billed
    checker.look()
    fleet.wait_acked(fleet.acked() + 200)  # it still works
    fleet.drain()
    seen = checker.look("full")
    bill.look()
    bill.judge()
    done = {name: fleet.must_verify(name)["done"] for name in ("crash", "second")}
    if max(done.values()) >= fleet.trials or min(done.values()) == 0:
        raise f.Lost(f"the studies were too small, or one stood still: {done} of {fleet.trials} trials each")
    checker.close()
    return figures(fleet, bill, seen)


def judged(box, rounds, random):
    """A study is asked, then its outputs are judged; what is killed in the middle of that takes nothing from either."""
    fleet = f.Fleet(box, cases=2 + rounds // 10, limits=LIMITS)
    fleet.start()
    checker, bill = f.Checker(fleet), f.Bill(fleet)
    fleet.wait_finished()
    before = fleet.acked()
    submit_killed(fleet, random)
    fleet.wait_acked(before + 100)
    havoc, n = Havoc(fleet, bill, random), 0
    while n < rounds and fleet.status(CHILD).get("state") != "finished":
        n += 1
        havoc.wait(random.uniform(0.2, 1))
        havoc.strike()
        checker.look("full" if n % FULL_EVERY == 0 else "round")
        bill.look()
        bill.judge()
    if n < min(rounds, CHILD_ROUNDS):
        raise f.Lost(f"the child was too small: it was over after {n} rounds")
    havoc.heal()
    fleet.wait_finished(study=CHILD)
    fleet.drain()
    seen = checker.look("full")
    checker.close()
    bill.look()
    bill.judge()
    parent, child = fleet.must_verify("crash"), fleet.must_verify(CHILD)
    if not (parent["clean"] and child["clean"]) or parent["done"] != fleet.trials:
        raise f.Lost(f"verify is not clean: of the parent {parent}; of the child {child}")
    if child["parent"]["outputs"] != fleet.trials or child["parent"]["compared"] != fleet.trials:
        raise f.Lost(f"the child does not stand on all {fleet.trials} outputs: {child}")
    return f"{child['done']} verdicts on {fleet.trials} outputs, struck {n} times in their middle" + figures(fleet, bill, seen)


def submit_killed(fleet, random):
    """The coordinator is killed while it makes the cases of the child, or before, or after; whoever submits, does so again."""
    asking = fleet.box.start("clinsafe", "submit", fleet.child, "--coordinator", f"ipc://{fleet.dir}/a")
    time.sleep(random.uniform(0, 0.4))
    fleet.kill(fleet.coordinator)
    fleet.start_coordinator()
    asking.kill()
    harness.must(fleet.operator("submit", fleet.child))


def figures(fleet, bill, seen):
    workers = f.Member("workers", None)
    workers.kills, workers.stops = sum(m.kills for m in fleet.workers), sum(m.stops for m in fleet.workers)
    struck = ", ".join(f"{m.name} {m.kills}/{m.stops}" for m in (fleet.coordinator, workers, fleet.redis, fleet.simulator))
    worst = max(bill.by_worker.values(), default=0)
    return "\n".join([
        "",
        f"         killed/stopped: {struck}",
        f"         outputs {seen['outputs']}, acknowledged {seen['acked']}, lost 0; failures {seen['failures']}, duplicates {seen['duplicates']}",
        f"         provider answered {bill.answered}, paid again {bill.again}: {sum(bill.by_worker.values())} after {workers.kills} lost workers (at "
        f"most {worst} after one; bound {fleet.slots} slots + {f.WINDOW} window), {sum(bill.by_provider.values())} after {fleet.simulator.kills} lost "
        f"providers (at most {max(bill.by_provider.values(), default=0)} of a worker; bound {fleet.slots}), 0 after {fleet.coordinator.kills} lost coordinators"])


# ---- negative controls: each referee must be able to say no ----

def unwritten(box, random):
    """A coordinator that acknowledges what is still in its memory."""
    fleet = f.Fleet(box)
    fleet.coordinator_program = f.program("coordinator-unwritten")
    fleet.start()
    checker = f.Checker(fleet)

    def kill_and_look():
        for _ in range(5):
            before = fleet.acked()
            fleet.wait_acked(before + 200)
            fleet.kill(fleet.coordinator)
            checker.look("full")
            fleet.coordinator_program = f.harness.program("clinsafe-coordinator")
            fleet.start_coordinator()
            fleet.coordinator_program = f.program("coordinator-unwritten")

    del random
    return f.must_lose(kill_and_look)


def forged(box, random):
    """An acknowledgement of what never was."""
    fleet = f.Fleet(box)
    fleet.start()
    fleet.wait_acked(100)
    checker = f.Checker(fleet)
    checker.look("full")
    (fleet.acks / "forged.acks").write_text("%032x\n" % random.getrandbits(128))
    return f.must_lose(checker.look)


def forgetful(box, random):
    """A coordinator that is told that no worker lives, and leases again what they hold."""
    fleet = f.Fleet(box)
    fleet.start()
    fleet.wait_acked(200)
    bill = f.Bill(fleet)
    fleet.coordinator_args = ["--fresh-fleet"]

    def kill_and_look():
        for _ in range(5):
            fleet.kill(fleet.coordinator)
            time.sleep(0.5)
            fleet.start_coordinator()
            time.sleep(2)
            bill.look()

    del random
    return f.must_lose(kill_and_look)


def main():
    args = f.options(__doc__.splitlines()[0], 300, 20)
    score = f.Score()
    score.run(f"{args.rounds} rounds: nothing acknowledged is lost, nothing is paid again needlessly", ledger, args.rounds, args.random)
    score.run("a child in its middle: nothing of it or its parent is lost, nothing is paid again needlessly", judged, args.rounds // 2, args.random)
    score.run("control: acknowledged out of memory", unwritten, args.random)
    score.run("control: a forged acknowledgement", forged, args.random)
    score.run("control: leases forgotten at a restart", forgetful, args.random)
    score.end()


if __name__ == "__main__":
    main()
