#!/usr/bin/env python3
"""A fleet as jobs of a real Slurm, and what a Slurm does to jobs: cancelled, requeued, preempted, out of time, on nodes that are drained or die.

The story is one study that lives through all of it. In the end no acknowledged output is lost, and by the provider's own log nothing was paid
twice but what flew when its worker was killed. SHORT: each event once; else each three times in an order that SEED says.
"""
import os
import random
import sys
import time
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import cluster
import harness
from fleet import UNACKNOWLEDGED_S, Fleet, write_study
from provider import Provider

AT_ONCE, SLOTS = 3, 8


class Slurm(harness.TestCase):
    """One Slurm for all tests; nothing of it is left behind."""

    @classmethod
    def setUpClass(cls):
        why = cluster.missing()
        if why:
            raise unittest.SkipTest(why)
        super().setUpClass()

    @classmethod
    def prepare(cls):
        cls.slurm = None
        try:
            cls.slurm = cluster.Cluster()
        except cluster.Unable as why:
            raise unittest.SkipTest(str(why)) from None

    @classmethod
    def tearDownClass(cls):
        left = cls.slurm.close(keep=cls.failed_here)
        super().tearDownClass()
        assert not left, f"left behind: {left}"

    def fleet(self, cases, *options):
        fleet = Fleet(self.box, self.slurm, cases, *options)
        self.addCleanup(fleet.close)
        return fleet


@harness.short
class Story(Slurm):
    TIME_LIMIT_S = 1150

    # ---- what happens; each leaves the fleet at work

    def someone(self):
        """A worker at work, not on the coordinator's node: that has no room for all of them."""
        return harness.wait_for(lambda: self.elsewhere(), timeout=90, what="a worker at work beside the coordinator's node")[0]

    def elsewhere(self):
        coordinator = self.fleet_.node(self.fleet_.coordinator)
        return [n for n in self.fleet_.working() if self.fleet_.answered_by(n) and self.fleet_.node(self.fleet_.task(n)) != coordinator]

    def keys_on(self, node):
        return [self.fleet_.key(job) for job in map(self.fleet_.task, self.fleet_.working()) if self.fleet_.node(job) == node]

    def drained(self, job, key):
        """It ended by itself, with all that it had begun delivered."""
        harness.wait_for(lambda: 'why="drained"' in self.fleet_.log(job).rsplit("ev=worker ", 1)[-1], timeout=60, what=f"{job} to be drained")
        said, provider = time.time(), self.fleet_.provider
        harness.wait_for(lambda: provider.in_flight(key) == 0, timeout=10, what="the provider to have noted its answers")
        self.assertEqual([r.began for r in provider.of(key) if r.began + provider.latency_s > said], [], "calls that it did not wait for")

    def as_many_as_ever(self, job):
        """The task itself, or the next one of the array: Slurm decides."""
        self.slurm.back(job, lambda: len(self.fleet_.working()) >= AT_ONCE)

    def worker_cancelled(self):
        job = self.fleet_.task(self.someone())
        key = self.fleet_.key(job)
        self.slurm.ask("scancel", job)
        self.slurm.wait_state(job, "CANCELLED")
        self.drained(job, key)

    def worker_requeued(self):
        job = self.fleet_.task(self.someone())
        key = self.fleet_.key(job)
        self.slurm.ask("scontrol", "requeue", job)
        self.drained(job, key)
        self.as_many_as_ever(job)

    def worker_preempted(self):
        n = self.someone()
        job, node = self.fleet_.task(n), self.fleet_.node(self.fleet_.task(n))
        key = self.fleet_.key(job)
        other = self.preempt(node)
        self.drained(job, key)
        self.slurm.wait_state(other, "COMPLETED")
        self.as_many_as_ever(job)

    def preempt(self, node):
        """Somebody whose jobs go first wants all of that node."""
        script = self.slurm.dir / "greedy"
        script.write_text("#!/bin/sh\nexec sleep 1\n")
        return self.slurm.ask("sbatch", "--parsable", "-p", "high", "-w", node, "-c", 4, "-o", "/dev/null", script).strip()

    def coordinator_back(self, term):
        self.slurm.back(self.fleet_.coordinator, lambda: self.fleet_.term() > term)
        self.fleet_.wait_answers(5)

    def coordinator_requeued(self):
        term = self.fleet_.term()
        self.slurm.ask("scontrol", "requeue", self.fleet_.coordinator)
        self.coordinator_back(term)

    def coordinator_preempted(self):
        """And with it the workers on its node: what flew there comes back to nobody, and is held until their time is over."""
        term, node = self.fleet_.term(), self.fleet_.node(self.fleet_.coordinator)
        beside, asked = self.keys_on(node), time.time() - UNACKNOWLEDGED_S
        other = self.preempt(node)
        self.slurm.wait_state(other, "COMPLETED")
        self.fleet_.note_kill(*beside, alone_since=asked)
        self.coordinator_back(term)

    def node_drained(self):
        n = self.someone()
        job, node = self.fleet_.task(n), self.fleet_.node(self.fleet_.task(n))
        self.slurm.ask("scontrol", "update", f"nodename={node}", "state=drain", "reason=disk")
        self.fleet_.wait_answers(SLOTS, self.fleet_.key(job))  # what runs there goes on
        self.slurm.ask("scancel", job)
        self.slurm.wait_state(job, "CANCELLED")
        self.as_many_as_ever(job)
        self.assertNotIn(node, [self.fleet_.node(self.fleet_.task(n)) for n in self.fleet_.working()])
        self.slurm.ask("scontrol", "update", f"nodename={node}", "state=resume")

    def node_died(self):
        n = self.someone()
        job, node = self.fleet_.task(n), self.fleet_.node(self.fleet_.task(n))
        keys = self.keys_on(node)
        programs, when = self.slurm.kill_node(node)
        self.assertIn("clinsafe-worker", programs)
        self.fleet_.note_kill(*keys, when=when)
        self.back(node)
        self.as_many_as_ever(job)

    def coordinators_node_died(self):
        term, node = self.fleet_.term(), self.fleet_.node(self.fleet_.coordinator)
        beside = self.keys_on(node)
        programs, when = self.slurm.kill_node(node)
        self.assertIn("clinsafe-coordinator", programs)
        self.fleet_.note_kill(*beside, when=when)
        self.coordinator_back(term)
        self.back(node)

    def back(self, node):
        self.slurm.start_node(node)
        harness.wait_for(lambda: "DOWN" not in self.slurm.ask("sinfo", "-h", "-n", node, "-o", "%T").upper(), timeout=60, what=f"{node} again")

    def controller_restarted(self):
        before = self.fleet_.working()
        self.slurm._end("slurmctld")
        self.fleet_.wait_answers(2 * SLOTS)  # nobody needs it
        self.slurm.start_controller()
        harness.wait_for(lambda: self.slurm.ask("scontrol", "ping", check=False).find("is UP") >= 0, timeout=60, what="slurmctld")
        self.assertEqual(self.slurm.state(self.fleet_.coordinator), "RUNNING")
        self.assertEqual(self.fleet_.working(), before)

    def start_timed(self):
        """A worker whose job may last a minute."""
        job = self.slurm.ask("sbatch", "--parsable", "--time=1", "--array=90", "--exclusive", self.fleet_.dir / "workers.sbatch").strip() + "_90"
        self.slurm.wait_state(job, "RUNNING")
        return job, self.fleet_.key(job)

    def left_in_time(self, job, key):
        """It has ended by itself, in time, with every answer."""
        self.slurm.wait_state(job, "COMPLETED", timeout=90)
        self.assertIn("the deadline leaves no time for another call", self.fleet_.log(job))
        mine = self.fleet_.provider.of(key)
        self.assertGreater(len(mine), SLOTS)
        self.assertEqual([r for r in mine if not r.whole], [])

    def test_everything_that_a_slurm_does(self):
        once = os.environ.get("CLINSAFE_SHORT") == "1"
        rounds, seed = 1 if once else 3, int(os.environ.get("SEED") or 1)
        self.fleet_ = self.fleet(900 * rounds, "--workers", AT_ONCE, "--tasks", 60, "--slots", SLOTS, "--sbatch=--partition=main")
        self.slurm.wait_state(self.fleet_.coordinator, "RUNNING")
        self.fleet_.wait_answers(20)
        events = [self.worker_cancelled, self.coordinator_requeued, self.worker_preempted, self.node_drained, self.worker_requeued,
                  self.controller_restarted, self.coordinators_node_died, self.node_died, self.coordinator_preempted] * rounds
        if not once:
            random.Random(seed).shuffle(events)
        timed = self.start_timed()
        for event in events:
            began = time.monotonic()
            event()
            print(f"    {event.__name__:24} {time.monotonic() - began:5.1f} s, {self.fleet_.provider.answered()} answers", flush=True)
            self.assertLess(self.fleet_.provider.answered(), self.fleet_.trials, "over before everything has happened")
        self.left_in_time(*timed)
        self.fleet_.finish()
        print("    " + ", ".join(f"{v} {k}" for k, v in self.fleet_.check(self).items()), flush=True)


@harness.short
class Check(Slurm):
    """`providers check` as a job, on nodes of which each may reach something else."""

    def check(self, node, study, key):
        return self.slurm.ask("env", f"SLURM_TEST_KEY={key}", "srun", "-w", node, harness.program("clinsafe"), "providers", "check", study,
                              check=False)

    def test_a_job_says_from_where_what_is_reachable(self):
        provider = Provider(self.box.dir / "provider.log")
        study = write_study(self.box.dir / "study", provider, 3)
        for node in ("n2", "n4"):
            self.assertRegex(self.check(node, study, f"k-{node}"), rf"a-model +ok +reachable from {node}, key accepted")
        self.assertEqual(provider.keys(), {"k-n2", "k-n4"})
        provider.close()
        said = self.check("n4", study, "k-n4")
        self.assertRegex(said, r"a-model +FAILED +unreachable from n4: nothing answers at")
        self.assertNotIn("reachable from n4, key accepted", said)


class Limits(Slurm):
    TIME_LIMIT_S = 300

    def test_a_coordinator_comes_back_before_its_time_is_over(self):
        fleet = self.fleet(300, "--workers", 1, "--slots", SLOTS, "--coordinator-sbatch=--time=1")
        self.slurm.wait_state(fleet.coordinator, "RUNNING")
        harness.wait_for(lambda: fleet.term() == 1, timeout=60, what="the coordinator")
        self.slurm.back(fleet.coordinator, lambda: fleet.term() == 2, timeout=120)
        self.assertEqual(self.slurm.job(fleet.coordinator)["Restarts"], "1")
        fleet.wait_answers(5)
        fleet.finish()
        fleet.check(self)


if __name__ == "__main__":
    harness.main()
