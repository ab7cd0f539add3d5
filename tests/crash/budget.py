#!/usr/bin/env python3
"""A hard budget: whatever is killed, the provider's own bill never exceeds it.

    make budget [SEED=n] [SHORT=1]

Sixteen workers spend the budgets of two studies while workers and the coordinator are killed. The bill is what the provider counted, by
model, times the prices of the study: killed calls are on it. For each study by itself it must stay below the budget and below what the
coordinator says is committed, presumed and reserved. When the money is out, what is left is less than the block of one case in each lane; a larger
budget continues the study to its end. Then the same of a study that judges another one's outputs: it opens clusters of its parent, and leaves none
half judged but for what is presumed.
"""
import collections
import heapq
import re
import time

import fleet as f
import harness

WORKERS, SLOTS, LEVELS, LANES = 16, 4, 32, 2
INPUT, OUTPUT, CAP = 5.0, 20.0, 100  # USD per million tokens; output tokens of a call
BODY_BYTES = 4096                    # more than any request has, beside its case
WRAPPING = 512                       # tokens that a provider may add (coordinator/plans.c)
WRITING = 1.25                       # what input costs at most, written to a cache (protocol/study/price.h)
COORDINATOR = 0.25                   # of the kills
AWAY_S = 1.0
LOST_S = 31
JUDGES, CHILD_BODY = 2, (800, 1400)  # bytes that a judge's request has, at least and at most


def worst(body):
    return ((body + WRAPPING) * INPUT * WRITING + CAP * OUTPUT) / 1e6


class Account:
    """One study's budget, and the provider's account of it: its models go by names of their own."""

    def __init__(self, fleet, study, name, models, cases, usd):
        self.fleet, self.study, self.name, self.models = fleet, study, name, models
        providers = study.parent / "providers.yaml"
        text = providers.read_text().replace("{input: 0.15, output: 0.60}", f"{{input: {INPUT}, output: {OUTPUT}}}")
        for was, now in zip("ab", models):
            text = text.replace(f"model: {was},", f"model: {now},")
        providers.write_text(text)
        text = study.read_text()
        self._text = re.sub("repeats: [0-9]", "repeats: 1", text).replace("max_output_tokens: 400", f"max_output_tokens: {CAP}")
        self.trials = cases * LEVELS * LANES
        self.covered, self._behind = 0, None
        self.set_budget(usd)

    def set_budget(self, usd):
        self.budget = usd
        self.study.write_text(self._text + (f"budget_usd: {usd}\n" if usd is not None else ""))

    def bill(self, stats=None):
        models = (stats or self.fleet.simulator_stats())["models"]
        mine = [models[m] for m in self.models if m in models]
        return sum(m["input_tokens"] * INPUT + m["output_tokens"] * OUTPUT for m in mine) / 1e6

    def look(self):
        """The bill first: what it shows must be covered by what is said afterwards, if anything is: the coordinator may be dead."""
        at, bill = time.time() * 1000, self.bill()
        if bill > self.budget:
            raise f.Lost(f"the provider's bill for {self.name} is ${bill:.4f}, the budget ${self.budget}")
        status = self.fleet.status(self.name)
        if "reserved_usd" not in status:
            return status
        known = money(status, "committed") + money(status, "presumed") + money(status, "reserved")
        if known > self.budget + 1e-9:
            raise f.Lost(f"${known:.4f} of {self.name} are committed, presumed and reserved of ${self.budget}")
        if self._behind is not None and status["updated_wall_ms"] > self._behind[0]:
            if self._behind[1] > known + 1e-9:
                raise f.Lost(f"the provider's bill for {self.name} is ${self._behind[1]:.4f}, committed, presumed and reserved are ${known:.4f}")
            self._behind, self.covered = None, self.covered + 1
        self._behind = self._behind or (at, bill)
        return status

    def is_in(self, states, status):
        return status.get("state") in states and abs(status["budget_usd"] - self.budget) < 1e-9


class Spending:
    """A fleet with two studies, each under a budget of its own."""

    def __init__(self, box, cases, budget):
        self.begin(box, cases)
        self.accounts = [Account(self.fleet, study, name, models, cases, budget)
                         for study, name, models in ((self.fleet.study, "crash", "ab"), (self.fleet.add_study("second"), "second", "cd"))]

    def begin(self, box, cases, **more):
        self.fleet, self.due, self.kills = f.Fleet(box, cases=cases, workers=WORKERS, slots=SLOTS, **more), [], 0

    def look(self):
        return [a.look() for a in self.accounts]

    def strike(self, random):
        coordinator = self.fleet.coordinator
        workers = [w for w in self.fleet.workers if w.up]
        victim = coordinator if random.random() < COORDINATOR else random.choice(workers) if workers else None
        if victim is None or not victim.up:
            return
        self.fleet.kill(victim)
        self.kills += 1
        heapq.heappush(self.due, (time.monotonic() + random.uniform(0, AWAY_S), self.kills, victim))

    def heal(self, all_of_them=False):
        while self.due and (all_of_them or self.due[0][0] <= time.monotonic()):
            heapq.heappop(self.due)[2].start()

    def wait_state(self, states, timeout):
        """Until both are there; their status."""
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            status = self.look()
            if all(a.is_in(states, s) for a, s in zip(self.accounts, status)):
                return status
            time.sleep(0.3)
        raise f.Lost(f"the studies are not {' or '.join(states)} after {timeout} s, but {[s.get('state') for s in status]}")


def money(status, what):
    return status[f"{what}_usd"]


def check_stopped(account, status, block):
    """What is left is less than a block of all lanes, and only money is missing."""
    left = account.budget - money(status, "committed") - money(status, "presumed")
    if money(status, "reserved") > 0 or left < 0 or left > block:
        raise f.Lost(f"${left:.4f} of {account.name} are left, ${money(status, 'reserved'):.4f} reserved; "
                     f"a block per lane is ${block:.4f}")
    if any(lane["reason"] != "budget" for lane in status["lanes"] if lane["state"] == "stopped"):
        raise f.Lost(f"stopped for another reason: {status['lanes']}")
    return (f"{account.name}: ${account.bill():.2f} billed of ${account.budget}: committed ${money(status, 'committed'):.2f}, presumed "
            f"${money(status, 'presumed'):.2f}, left ${left:.2f}; answers per lane {[lane['done'] for lane in status['lanes']]}; "
            f"{account.covered} times the bill was covered")


def strike_until_stopped(s, random, kills):
    """Their status, when all is known that was killed."""
    while s.kills < kills:
        s.heal()
        s.strike(random)
        if all(status.get("state") == "stopped" for status in s.look()):
            break
        time.sleep(random.uniform(0.05, 0.5))
    s.heal(all_of_them=True)
    s.fleet.serving()
    ended = time.monotonic()
    s.wait_state(("stopped",), 150)
    time.sleep(max(0, ended + LOST_S - time.monotonic()))  # what was killed last is known to be lost
    return s.wait_state(("stopped",), 60)


def spend(box, random, budget, cases, kills, raised):
    s = Spending(box, cases, budget)
    s.fleet.start()
    s.fleet.wait_acked(50)
    block = LANES * LEVELS * worst(BODY_BYTES)
    figures = [check_stopped(a, status, block) for a, status in zip(s.accounts, strike_until_stopped(s, random, kills))]
    for account in s.accounts:
        account.set_budget(raised)
    s.fleet.submit()
    s.wait_state(("finished",), 200)
    s.fleet.drain()
    for account in s.accounts:
        seen = s.fleet.must_verify(account.name)
        if seen["done"] != account.trials:
            raise f.Lost(f"{seen['done']} of {account.trials} trials of {account.name} are done")
    bills = " and ".join(f"${a.bill():.2f}" for a in s.accounts)
    return f"after {s.kills} kills {'; '.join(figures)}; {bills} of ${raised} each when that was raised and the studies finished"


def exact(box, _random):
    """Nothing is killed: what is committed is the bill, to the nano-dollar, and lanes have come equally far."""
    s = Spending(box, 40, 3)
    s.fleet.start()
    figures = []
    for account, status in zip(s.accounts, s.wait_state(("stopped",), 120)):
        done = [lane["done"] for lane in status["lanes"]]
        if abs(account.bill() - money(status, "committed")) > 1e-9 or money(status, "presumed") > 0:
            raise f.Lost(f"{account.name}: billed ${account.bill():.9f}, committed ${money(status, 'committed'):.9f}, "
                         f"presumed ${money(status, 'presumed'):.9f}")
        if done[0] != done[1] or done[0] % LEVELS != 0:
            raise f.Lost(f"lanes have {done} answers: cases are not complete in all of them")
        figures.append(f"{account.name}: ${account.bill():.6f} billed and committed; answers per lane {done}")
    return "; ".join(figures)


# ---- a child ----

class Judging(Spending):
    """A study without a budget, asked to its end, and the one that judges it, under one."""

    def __init__(self, box, cases, budget, coordinator=None):
        self.begin(box, cases, simulator=("--latency-ms", "400"))
        self.fleet.coordinator_program = coordinator or self.fleet.coordinator_program
        parent = Account(self.fleet, self.fleet.study, "crash", "ab", cases, None)
        self.fleet.start()
        self.fleet.wait_finished()
        self.child = Account(self.fleet, self.fleet.child, "judged", ("judge-a", "judge-b"), 0, budget)
        self.accounts, self.outputs, before = [self.child], parent.trials, self.fleet.acked()
        self.submit()
        self.fleet.wait_acked(before + 20)

    def submit(self):
        harness.must(self.fleet.operator("submit", self.child.study))

    def clusters(self):
        """Verdicts of each cluster, of all judges."""
        rows = harness.must(self.fleet.box.clinsafe("export", "--store", self.fleet.store, "--study", "judged", "--format", "jsonl", timeout=120)).out
        return collections.Counter(row["cluster"] for row in harness.rows_jsonl(rows))


def judge(box, random, budget, cases, kills, coordinator=None):
    s = Judging(box, cases, budget, coordinator)
    status = strike_until_stopped(s, random, kills)[0]
    begun = s.clusters()
    figures = check_stopped(s.child, status, JUDGES * LANES * LEVELS * worst(CHILD_BODY[1]))
    s.child.set_budget(100)
    s.submit()
    s.wait_state(("finished",), 200)
    whole = s.clusters()
    s.fleet.drain()
    if s.fleet.must_verify("judged")["parent"]["compared"] != s.outputs:
        raise f.Lost(f"verdicts do not stand on all {s.outputs} outputs")
    missing, presumed = sum(whole[c] - n for c, n in begun.items()), money(status, "presumed")
    if len(begun) == len(whole) or missing > presumed / worst(CHILD_BODY[0]):
        raise f.Lost(f"{missing} verdicts are missing in {len(begun)} of {len(whole)} clusters, ${presumed:.4f} are presumed: {figures}")
    return f"after {s.kills} kills {figures}; {len(begun)} of {len(whole)} clusters judged, {missing} verdicts in them missing"


# ---- negative controls ----

def forgetful(box, random):
    """A coordinator that does not write what its leases may cost: this test must notice."""
    s = Spending(box, 100, 3)
    s.fleet.coordinator_program = f.program("coordinator-forgetful")
    s.fleet.start()
    s.fleet.wait_acked(50)

    def kill_and_look():
        for _ in range(20):
            s.fleet.kill(s.fleet.coordinator)
            for worker in s.fleet.workers[: WORKERS // 2]:
                s.fleet.kill(worker)
                worker.start()
            s.fleet.start_coordinator()
            for _ in range(6):
                s.look()
                time.sleep(random.uniform(0.1, 0.3))

    return f.must_lose(kill_and_look)


def casewise(box, random):
    """A coordinator that opens case by case: this test must notice."""
    noticed = f.must_lose(lambda: judge(box, random, 2, 16, 0, f.program("coordinator-casewise")))
    if "verdicts are missing in" not in noticed:
        raise f.Lost(f"what was noticed is something else: {noticed}")
    return noticed


def main():
    args = f.options(__doc__.splitlines()[0])
    score = f.Score()
    score.run("nothing killed: the bill is what is committed", exact, args.random)
    if args.short:
        score.run("$3 each, killed, raised", spend, args.random, 3, 30, 10, 100)
        score.run("a child, $2, killed, raised", judge, args.random, 2, 16, 4)
    else:
        score.run("a child, $2, nothing killed: whole clusters", judge, args.random, 2, 16, 0)
        score.run("a child, $4, killed, raised", judge, args.random, 4, 40, 20)
        score.run("$3 each, killed, raised", spend, args.random, 3, 30, 30, 100)
        score.run("$10 each, killed, raised", spend, args.random, 10, 150, 100, 200)
        score.run("a coordinator that opens the cases of a cluster one by one is caught", casewise, args.random)
        score.run("a coordinator that forgets its reservations is caught", forgetful, args.random)
    score.end()


if __name__ == "__main__":
    main()
