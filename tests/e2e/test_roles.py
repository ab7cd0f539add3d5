#!/usr/bin/env python3
"""Who may do what in a fleet with keys, and what a person is told who is not let in: real sockets, real programs."""
import re
import signal
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib")]
import harness
from curve_fleet import CurveFleet

SOON_S = 2 + 1.5  # what is said within 2 s, and the start of a program on a busy machine


@harness.short
class Roles(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.fleet = CurveFleet(self.box)
        self.study = self.box.copy("small")

    def denied(self, done, *parts):
        self.assertExit(done, harness.EXIT_DENIED)
        self.assertOneLine(done.err, *parts)

    def test_an_operator_administers_and_nobody_else(self):
        for key, role in (("w1", "worker"), ("eye", "viewer")):
            self.denied(self.fleet.ask("submit", self.study, key=key), role, "role=operator")
            for verb in ("pause", "resume", "cancel", "drain"):
                self.denied(self.fleet.ask(verb, key=key), key, role, verb)
            self.denied(self.fleet.ask("keys", "revoke", "me", key=key), role)
        self.assertExit(self.fleet.ask("submit", self.study))
        self.assertExit(self.fleet.ask("pause"))
        self.assertExit(self.fleet.ask("resume"))

    def test_a_key_without_a_role_is_a_workers_and_the_log_says_so_once(self):
        lines = self.fleet.allowed.read_text().splitlines()
        self.fleet.allowed.write_text("\n".join(re.sub(r" role=operator name=", " ", line) for line in lines) + "\n")
        self.fleet.coordinator.stop()
        self.fleet.start()
        self.denied(self.fleet.ask("pause"), "me", "worker's", "says no role")
        self.fleet.reload()
        self.denied(self.fleet.ask("pause"), "worker's")
        self.assertEqual(self.fleet.coordinator.printed().count("ev=keys_without_role"), 1)

    def test_only_a_workers_key_works(self):
        for key, role in (("me", "operator's"), ("eye", "viewer's")):
            worker = self.fleet.worker(key)
            done = worker.wait(10)
            self.assertNotEqual(done.code, 0)
            self.assertIn(role, done.err)

    def test_revoking_a_key_ends_its_workers_at_once_and_those_of_nobody_else(self):
        workers = {w: self.fleet.worker(w) for w in ("w1", "w2")}
        for name in workers:
            harness.wait_for(lambda: f"ev=worker_hello worker={name}" in self.fleet.coordinator.printed(), what=name)
        done = self.fleet.ask("keys", "revoke", "w1")
        self.assertExit(done)
        self.assertIn("revoked", done.out)
        ended = workers["w1"].wait(5)
        self.assertIn("revoked", ended.err)
        self.assertIsNone(workers["w2"].poll())
        self.denied(self.fleet.ask("pause", key="w1"), "allow-list")
        self.assertRegex(self.fleet.allowed.read_text(), r"(?m)^# revoked \S+: \S{40} role=worker name=w1")
        self.assertExit(self.fleet.ask("submit", self.study))

    def test_the_list_is_read_again_on_sighup_and_a_faulty_one_changes_nothing(self):
        worker = self.fleet.worker("w1")
        harness.wait_for(lambda: "ev=worker_hello worker=w1" in self.fleet.coordinator.printed(), what="w1")
        good = self.fleet.allowed.read_text()
        self.fleet.allowed.write_text(good + "nonsense role=operator\n")
        self.fleet.reload()
        harness.wait_for(lambda: re.search(r"ev=allow_list error=\"\S+allowed:5:1: not a public key", self.fleet.coordinator.printed()),
                         what="the complaint")
        self.assertIsNone(worker.poll())
        self.fleet.allowed.write_text("".join(line + "\n" for line in good.splitlines() if "name=w1" not in line))
        self.fleet.reload()
        self.assertIn("revoked", worker.wait(5).err)

    def test_keys_list_and_revoke_in_a_file(self):
        done = self.box.clinsafe("keys", "list", "--allow", self.fleet.allowed)
        self.assertExit(done)
        for role, name in (("operator", "me"), ("viewer", "eye"), ("worker", "w1")):
            self.assertRegex(done.out, rf"(?m)^\S{{8}}\.\.\.  {role}\s+2048  {name}$")
        listed = self.box.clinsafe("keys", "list", "--allow", self.fleet.allowed, "--json").json()["keys"]
        self.assertEqual(sorted(k["name"] for k in listed), ["eye", "me", "w1", "w2"])
        said = harness.must(self.box.clinsafe("keys", "revoke", "w2", "--allow", self.fleet.allowed, "--json")).json()
        self.assertEqual((said["command"], said["key"]), ("revoke", "w2"))
        done = self.box.clinsafe("keys", "revoke", "w2", "--allow", self.fleet.allowed)
        self.assertExit(done, harness.EXIT_MISSING)
        self.assertOneLine(done.err, "w2")


@harness.short
class NotLetIn(harness.TestCase):
    """Within two seconds a person knows which it was."""

    def setUp(self):
        super().setUp()
        self.fleet = CurveFleet(self.box)

    def told(self, done, code, *parts):
        self.assertExit(done, code)
        self.assertOneLine(done.err, *parts)
        self.assertLess(done.seconds, SOON_S)

    def test_a_wrong_address(self):
        self.fleet.admin = "tcp://127.0.0.1:9"
        self.told(self.fleet.ask("pause"), harness.EXIT_BUSY, "nobody listens there", "tcp://127.0.0.1:9")

    def test_the_address_of_the_workers(self):
        self.fleet.admin = self.fleet.work
        done = self.fleet.ask("pause")
        self.assertNotEqual(done.code, 0)
        self.assertOneLine(done.err, "the coordinator's address for workers", "--admin")

    def test_no_key_where_one_is_wanted(self):
        self.told(self.fleet.ask("pause", key=None), harness.EXIT_DENIED, "wants keys", "--key")

    def test_the_key_of_another_server(self):
        self.told(self.fleet.ask("pause", server="w1"), harness.EXIT_DENIED, "does not have this server key", "--server-key")

    def test_a_key_that_is_not_listed(self):
        self.told(self.fleet.ask("pause", key="stranger"), harness.EXIT_DENIED, "allow-list lacks it")

    def test_a_coordinator_that_hangs_is_no_matter_of_keys(self):
        self.fleet.coordinator.signal(signal.SIGSTOP)
        for server in ("coordinator", "w1"):  # a stopped one tells nobody whether the key is its own
            self.told(self.fleet.ask("pause", server=server), harness.EXIT_BUSY, "connected, but it does not answer")
        self.fleet.coordinator.signal(signal.SIGCONT)
        self.assertExit(self.fleet.ask("list"))

    def test_a_worker_says_it_too_and_goes_on_trying(self):
        cases = [("stranger", "coordinator", self.fleet.work, "allow-list lacks it"),
                 ("w1", "w2", self.fleet.work, "does not have this server key"),
                 ("w1", "coordinator", "tcp://127.0.0.1:9", "nobody listens there")]
        started = [self.box.start("clinsafe-worker", "--coordinator", endpoint, "--key", self.fleet.key(key), "--server-key",
                                  self.box.dir / f"{server}.pub") for key, server, endpoint, _ in cases]
        for worker, (*_, said) in zip(started, cases):
            harness.wait_for(lambda: said in worker.printed(), timeout=SOON_S, what=said, process=worker)
            self.assertIsNone(worker.poll())


if __name__ == "__main__":
    harness.main()
