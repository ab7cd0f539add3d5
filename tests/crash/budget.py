#!/usr/bin/env python3
"""A hard budget: whatever is killed, the provider's own bill never exceeds it.

    make budget [SEED=n] [SHORT=1]

Sixteen workers spend a budget while workers and the coordinator are killed. The bill is what the provider counted, by model, times the
prices of the study: killed calls are on it. It must stay below the budget and below what the coordinator says is committed, presumed
and reserved. When the money is out, what is left is less than the block of one case in each lane; a larger budget continues the
study to its end.
"""
import heapq
import time

import fleet as f
import harness

WORKERS, SLOTS, LEVELS, LANES = 16, 4, 32, 2
INPUT, OUTPUT, CAP = 5.0, 20.0, 100  # USD per million tokens; output tokens of a call
BODY_BYTES = 4096                    # more than any request has, beside its case
WRAPPING = 512                       # tokens that a provider may add (coordinator/plans.c)
COORDINATOR = 0.25                   # of the kills
AWAY_S = 1.0
LOST_S = 31
WORST = ((BODY_BYTES + WRAPPING) * INPUT + CAP * OUTPUT) / 1e6


class Spending:
    """A fleet under a budget, and the provider's account of it."""

    def __init__(self, box, cases, budget):
        self.fleet, self.due, self.kills = f.Fleet(box, cases=cases, workers=WORKERS, slots=SLOTS), [], 0
        providers = self.fleet.dir / "study" / "providers.yaml"
        providers.write_text(providers.read_text().replace("{input: 0.15, output: 0.60}", f"{{input: {INPUT}, output: {OUTPUT}}}"))
        text = self.fleet.study.read_text()
        self._text = text.replace("repeats: 3", "repeats: 1").replace("max_output_tokens: 400", f"max_output_tokens: {CAP}")
        self.trials = cases * LEVELS * LANES
        self.budget, self.covered, self._behind = 0, 0, None
        self.set_budget(budget)

    def set_budget(self, usd):
        self.budget = usd
        self.fleet.study.write_text(self._text + f"budget_usd: {usd}\n")

    def bill(self):
        models = self.fleet.simulator_stats()["models"].values()
        return sum(m["input_tokens"] * INPUT + m["output_tokens"] * OUTPUT for m in models) / 1e6

    def look(self):
        """The bill first: what it shows must be covered by what is said afterwards, if anything is: the coordinator may be dead."""
        at, bill = time.time() * 1000, self.bill()
        if bill > self.budget:
            raise f.Lost(f"the provider's bill is ${bill:.4f}, the budget ${self.budget}")
        status = self.fleet.status()
        if "reserved_nano_usd" not in status:
            return status
        known = money(status, "committed") + money(status, "presumed") + money(status, "reserved")
        if known > self.budget + 1e-9:
            raise f.Lost(f"${known:.4f} are committed, presumed and reserved of ${self.budget}")
        if self._behind is not None and status["updated_wall_ms"] > self._behind[0]:
            if self._behind[1] > known + 1e-9:
                raise f.Lost(f"the provider's bill is ${self._behind[1]:.4f}, committed, presumed and reserved are ${known:.4f}")
            self._behind, self.covered = None, self.covered + 1
        self._behind = self._behind or (at, bill)
        return status

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
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            status = self.look()
            if status.get("state") in states and status["budget_nano_usd"] == round(self.budget * 1e9):
                return status
            time.sleep(0.3)
        raise f.Lost(f"the study is not {' or '.join(states)} after {timeout} s, but {status.get('state')}")


def money(status, what):
    return status[f"{what}_nano_usd"] / 1e9


def spend(box, random, budget, cases, kills, raised):
    s = Spending(box, cases, budget)
    s.fleet.start()
    s.fleet.wait_acked(50)
    while s.kills < kills:
        s.heal()
        s.strike(random)
        status = s.look()
        if status.get("state") == "stopped":
            break
        time.sleep(random.uniform(0.05, 0.5))
    s.heal(all_of_them=True)
    s.fleet.serving()
    ended = time.monotonic()
    status = s.wait_state(("stopped",), 150)
    time.sleep(max(0, ended + LOST_S - time.monotonic()))  # what was killed last is known to be lost
    status = s.wait_state(("stopped",), 60)
    left = s.budget - money(status, "committed") - money(status, "presumed")
    bill = s.bill()
    if money(status, "reserved") > 0 or left < 0 or left > LANES * LEVELS * WORST:
        raise f.Lost(f"${left:.4f} are left, ${money(status, 'reserved'):.4f} reserved; a block per lane is ${LANES * LEVELS * WORST:.4f}")
    if any(lane["reason"] != "budget" for lane in status["lanes"] if lane["state"] == "stopped"):
        raise f.Lost(f"stopped for another reason: {status['lanes']}")
    done = [lane["done"] for lane in status["lanes"]]
    figures = (f"${bill:.2f} billed of ${budget}: committed ${money(status, 'committed'):.2f}, presumed ${money(status, 'presumed'):.2f} "
               f"after {s.kills} kills, left ${left:.2f} (a block per lane: ${LANES * LEVELS * WORST:.2f}); answers per lane {done}; "
               f"{s.covered} times the bill was covered")
    s.set_budget(raised)
    harness.must(s.fleet.operator("submit", s.fleet.study))
    s.wait_state(("finished",), 200)
    s.fleet.drain()
    seen = s.fleet.must_verify()
    if seen["done"] != s.trials:
        raise f.Lost(f"{seen['done']} of {s.trials} trials are done")
    return f"{figures}; ${s.bill():.2f} of ${raised} when it was raised and the study finished"


def exact(box, _random):
    """Nothing is killed: what is committed is the bill, to the nano-dollar, and lanes have come equally far."""
    s = Spending(box, 40, 3)
    s.fleet.start()
    status = s.wait_state(("stopped",), 120)
    done = [lane["done"] for lane in status["lanes"]]
    if abs(s.bill() - money(status, "committed")) > 1e-9 or money(status, "presumed") > 0:
        raise f.Lost(f"billed ${s.bill():.9f}, committed ${money(status, 'committed'):.9f}, presumed ${money(status, 'presumed'):.9f}")
    if done[0] != done[1] or done[0] % LEVELS != 0:
        raise f.Lost(f"lanes have {done} answers: cases are not complete in all of them")
    return f"${s.bill():.6f} billed and committed; answers per lane {done}"


def forgetful(box, random):
    """A coordinator that does not write what its leases may cost: this test must notice."""
    s = Spending(box, 100, 5)
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


def main():
    args = f.options(__doc__.splitlines()[0])
    score = f.Score()
    score.run("nothing killed: the bill is what is committed", exact, args.random)
    if args.short:
        score.run("$5, killed, raised", spend, args.random, 5, 60, 10, 100)
    else:
        score.run("$5, killed, raised", spend, args.random, 5, 60, 30, 100)
        score.run("$20, killed, raised", spend, args.random, 20, 300, 100, 200)
        score.run("a coordinator that forgets its reservations is caught", forgetful, args.random)
    score.end()


if __name__ == "__main__":
    main()
