#!/usr/bin/env python3
"""Writes and syncs that fail, are short or slow; bytes that rot. Nothing acknowledged is lost, nothing damaged is passed over.

    make iofault [SEED=n] [SHORT=1]

The n-th write or sync of a coordinator fails (powercut.c does it) for many n: it ends with 75 and acknowledges no more, and the next one
goes on. Then a finished store is damaged, one byte at a time: every reader either says so or gives exactly what it gave before.
"""
import shutil
import signal
import time

import fleet as f

LATENCY_MS = 20
FOR_EVER = 1000000000


def cluster(box, cases):
    return f.Fleet(box, cases=cases, workers=2, simulator=("--latency-ms", str(LATENCY_MS)))


def faulty(fleet, fault):
    return {"LD_PRELOAD": f.program("powercut.so"), "CS_DISK_ROOT": str(fleet.home), "CS_DISK_FAULT": fault}


# ---- calls that fail ----

def nth_call(box, faults, random):
    """One coordinator after the other meets its fault, at its opening or later."""
    fleet = cluster(box, 1000)
    fleet.start()
    checker, bill, ended, survived = f.Checker(fleet), f.Bill(fleet), 0, 0
    for kind, what, n, times in faults:
        fleet.wait_acked(fleet.acked() + 20)
        fleet.kill(fleet.coordinator)
        fleet.coordinator_env = faulty(fleet, f"{kind}:{what}:{n}:{times}")
        fleet.coordinator.start()
        until = fleet.acked() + random.randint(50, 400)
        process = fleet.coordinator.process
        f.harness.wait_for(lambda: process.poll() is not None or fleet.acked() > until, what=f"{kind} {what} {n}")
        done = process.poll()
        if done is not None and done.code != f.harness.EXIT_BUSY:
            raise f.Lost(f"{kind} {what} {n}: want exit 75: {done}")
        if done is not None and what == "short":
            raise f.Lost(f"a short write is no error: {done}")
        ended, survived = ended + (done is not None), survived + (done is None)
        if done is None:
            fleet.kill(fleet.coordinator)
        checker.look("full")
        fleet.coordinator_env = {}
        fleet.start_coordinator()
    fleet.wait_acked(fleet.acked() + 20)
    fleet.drain()
    seen = checker.look("full")
    bill.look()
    if bill.again != 0:
        raise f.Lost(f"{bill.again} calls were paid again, and no worker was lost")
    fleet.must_verify()
    return f"{len(faults)} faults: {ended} ended with 75, {survived} did not come so far or were short; {seen['acked']} acknowledged, lost 0"


def faults_of(short, random):
    kinds = [("write", "EIO"), ("sync", "EIO"), ("write", "ENOSPC"), ("write", "short")]
    if short:
        return [(kind, what, random.choice([1, 5, 20, random.randint(20, 120)]), random.choice([1, FOR_EVER])) for kind, what in kinds * 2]
    return [(kind, what, n, random.choice([1, FOR_EVER])) for kind, what in kinds
            for n in (*range(1, 16), *(random.randint(16, 200) for _ in range(10)))]


def slow(box):
    """Every sync takes 2 s: leases live on, because they are not the commit thread's."""
    fleet = cluster(box, 2)
    fleet.coordinator_env = faulty(fleet, f"sync:slow:25:{FOR_EVER}:2000")  # opening alone has some twenty
    fleet.start()
    fleet.wait_finished(120)
    fleet.drain()
    bill = f.Bill(fleet)
    bill.look()
    done = fleet.coordinator.process.poll()
    if bill.again != 0 or "ev=worker_lost" in done.err or any("ev=leases_dropped" in w.process.printed() for w in fleet.workers):
        raise f.Lost(f"leases were lost: {bill.again} paid again; {done}")
    if fleet.must_verify()["done"] != fleet.trials:
        raise f.Lost("incomplete")
    return f"{fleet.trials} trials, {done.seconds:.0f} s, paid again 0"


def erased_beside(box, starts):
    """A study is erased while another with the same cases is being submitted: it has them. Syncs of 2 s make that a long while."""
    fleet = cluster(box, 10 if starts else 1)  # more than one batch of rows to erase, or less
    fleet.start()
    fleet.wait_finished()
    fleet.kill(fleet.coordinator)
    fleet.coordinator_env = faulty(fleet, f"sync:slow:25:{FOR_EVER}:2000")
    fleet.start_coordinator()
    took = 0
    while took < 2:  # syncs of the opening and of these, until they are slow
        began = time.monotonic()
        f.harness.must(fleet.operator("set", "weight=2"))
        took = time.monotonic() - began
    other, slow_ones = fleet.add_study("other"), fleet.home.with_name(fleet.home.name + ".faults")
    syncs = lambda: len(slow_ones.read_text().splitlines())
    before = syncs()
    submit = box.start("clinsafe", "submit", other, "--coordinator", f"ipc://{fleet.dir}/a")
    if starts:  # its start comes while a batch of the erasure is written, and is on its way to disk when the rest could go
        f.harness.wait_for(lambda: syncs() > before, 20, "its spec on the way to disk", submit)
        submit.signal(signal.SIGSTOP)
        f.harness.must(fleet.operator("set", "weight=3"))  # behind it
        before = syncs()
        f.harness.must(fleet.operator("delete", "crash", "--yes"))
        f.harness.wait_for(lambda: syncs() > before + 1, 20, "a part of the erasure on the way to disk", fleet.coordinator.process)
        submit.signal(signal.SIGCONT)
    else:
        time.sleep(0.5)  # its spec is on the way to disk; its cases, which are there, go before its start comes
        f.harness.must(fleet.operator("delete", "crash", "--yes"))
    f.harness.must(submit.wait())
    fleet.wait_finished(60, "other")
    f.harness.wait_for(lambda: "ev=study_erased" in fleet.coordinator.process.printed(), 60, "the erasure", fleet.coordinator.process)
    if fleet.must_verify("other")["done"] != fleet.trials:
        raise f.Lost("incomplete")
    return f"{fleet.trials} trials of the other study"


# ---- bytes that rot ----

class Damaged:
    """A finished store and what its readers give; copies of it with one byte changed."""

    def __init__(self, box):
        self.box, self.fleet = box, cluster(box, 12)
        self.fleet.start()
        self.fleet.wait_finished()
        for _ in range(2):  # a restart turns the log into tables; the last outputs are in the log
            self.fleet.kill(self.fleet.coordinator)
            self.fleet.start_coordinator()
        self.fleet.drain()
        self.copy = self.fleet.dir / "copy"
        self.sound = self.export(self.fleet.store)
        f.harness.must(self.sound)

    def export(self, store):
        return self.box.clinsafe("export", "--store", store, "--format", "csv", "--all", timeout=120)

    def flip(self, name, at):
        shutil.rmtree(self.copy, ignore_errors=True)
        self.copy.mkdir()
        store = self.copy / "store"
        shutil.copytree(self.fleet.store, store)
        shutil.copy(f"{self.fleet.store}.acked", f"{store}.acked")
        path = store / name
        data = bytearray(path.read_bytes())
        data[at] ^= 0x40
        path.write_bytes(data)
        return store

    def judge(self, name, at):
        """What verify, export and report make of it; True: noticed."""
        store = self.flip(name, at)
        verified = self.box.clinsafe("verify", "--store", store, timeout=120)
        exported = self.export(store)
        reported = self.box.clinsafe("report", "--store", store, "--json", timeout=120)
        where = f"{name} byte {at}"
        for done in (verified, exported, reported):
            if done.code < 0 or done.code > 128:
                raise f.Lost(f"{where}: {done}")
        if exported.code == 0 and exported.out != self.sound.out:
            raise f.Lost(f"{where}: the export is another, and its status 0")
        if exported.code != 0 and verified.code == 0:
            raise f.Lost(f"{where}: export fails, and verify finds nothing: {exported}")
        if exported.code != 0 and reported.code == 0:
            raise f.Lost(f"{where}: export fails, and report does not: {exported}")
        return verified


def rotten(box, flips, random):
    damaged = Damaged(box)
    files = sorted(p for p in damaged.fleet.store.iterdir() if p.name != "LOCK" and not p.name.startswith("LOG") and p.stat().st_size > 0)
    noticed, harmless = 0, []
    for _ in range(flips):
        path = random.choice(files)
        verified = damaged.judge(path.name, random.randrange(path.stat().st_size))
        if verified.code != 0:
            noticed += 1
        else:
            harmless.append(path.suffix or path.name.split("-")[0])
    return f"{flips} bytes in {len(files)} files: {noticed} noticed; {len(harmless)} change no output ({', '.join(sorted(set(harmless)))})"


def named(box, random):
    """A damaged output is named with its trial."""
    damaged = Damaged(box)
    tables = sorted((p for p in damaged.fleet.store.glob("*.sst")), key=lambda p: p.stat().st_size)
    table = tables[-1]  # the largest has the outputs
    verified = damaged.judge(table.name, random.randrange(table.stat().st_size // 2))
    if verified.code != f.harness.EXIT_CORRUPT:
        raise f.Lost(f"want 74: {verified}")
    lines = [line for line in verified.err.splitlines() if line.startswith("FAULT") and "output" in line and "position" in line]
    if not lines:
        raise f.Lost(f"no output and trial named: {verified}")
    return lines[0]


def log_rotten(box, random):
    """A rotten log: the coordinator refuses what was acknowledged and is not there; so do readers."""
    fleet = cluster(box, 100)
    fleet.start()
    fleet.wait_acked(300)
    time.sleep(0.1)
    fleet.kill(fleet.coordinator)
    log = max(fleet.store.glob("*.log"), key=lambda p: p.stat().st_size)
    sound = log.read_bytes()
    for at in (random.randrange(1000, len(sound) // 2), random.randrange(len(sound) // 2, len(sound) - 1000), len(sound) - 20, 1000):
        data = bytearray(sound)
        data[at] ^= 0x40
        log.write_bytes(data)
        for done in (fleet.verify(), fleet.box.clinsafe("export", "--store", fleet.store, timeout=60)):
            if done.code != f.harness.EXIT_CORRUPT:
                raise f.Lost(f"a reader passed over byte {at} of {len(sound)} of a rotten log: {done}")
    log.write_bytes(sound[:len(sound) // 2])  # cut short: only the number of the last acknowledged commit tells
    done = fleet.verify()
    if done.code != f.harness.EXIT_CORRUPT or "were acknowledged" not in done.err:
        raise f.Lost(f"verify passed over a log that was cut short: {done}")
    fleet.coordinator.start()
    done = fleet.coordinator.process.wait(30)
    if done.code != f.harness.EXIT_CORRUPT or "--accept-rollback" not in done.err:
        raise f.Lost(f"want 74 and --accept-rollback: {done}")
    checker = f.Checker(fleet)
    fleet.coordinator_args = ["--accept-rollback"]
    fleet.start_coordinator()
    return f"refused; after --accept-rollback the checker {f.must_lose(checker.look)}"


def main():
    args = f.options(__doc__.splitlines()[0])
    score = f.Score()
    score.run("the n-th write or sync fails", nth_call, faults_of(args.short, args.random), args.random)
    score.run("syncs of 2 s", slow)
    score.run("a study comes while another with its cases is erased", erased_beside, False)
    score.run("a study starts while another with its cases is erased", erased_beside, True)
    score.run("one byte changed anywhere", rotten, 12 if args.short else 200, args.random)
    score.run("a damaged output is named", named, args.random)
    score.run("a damaged log (control: its loss is noticed)", log_rotten, args.random)
    score.end()


if __name__ == "__main__":
    main()
