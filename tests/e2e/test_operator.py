#!/usr/bin/env python3
"""What an operator does to a running fleet: set, drain one worker, retry some, and `events`, which tells who did it, when and why; over
restarts of the coordinator by kill -9."""
import re
import socket
import sys
import threading
import time
import urllib.request
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib")]
import harness
import local_fleet
from curve_fleet import CurveFleet

TRIALS = 252


class Fleet(local_fleet.TestCase):
    def restart(self):
        self.coordinator.kill()
        self.coordinator.wait()
        self.start_coordinator()

    def operator(self, *words, code=0, **more):
        done = self.box.clinsafe(*words, "--coordinator", self.where["admin"], **more)
        self.assertExit(done, code)
        return done

    def small(self, name, *edits):
        study = self.box.copy("small", name)
        text = study.read_text().replace("study: small", f"study: {name}", 1)
        for old, new in edits:
            self.assertIn(old, text)
            text = text.replace(old, new)
        study.write_text(text)
        return study

    def list(self):
        return {s["study"]: s for s in self.operator("list", "--json").json()["studies"]}

    def wait(self, name, code=0):
        return self.operator("wait", name, "--for", 60, code=code, timeout=70).out

    def events(self, *args):
        return self.operator("events", "--json", *args).json()["events"]

    def acts(self, *args):
        return [(e["act"], e.get("subject"), e.get("detail")) for e in self.events(*args)]


@harness.short
class Operator(Fleet):
    def test_what_is_set_by_hand_holds_over_a_crash_and_an_edit_until_it_is_lifted(self):
        study = self.small("alpha", ("repeats: 3\n", "repeats: 30\n"), ("analysis:", "budget_usd: 50\nanalysis:"))
        self.operator("submit", study)
        self.start_worker()
        harness.wait_for(lambda: self.list()["alpha"]["done"] > 20, what="answers", process=self.coordinator)
        for word, right in (("requests_per_minute=none", "whole number"), ("budget_usd=-3", "250 or 12.50"), ("weight=0", "1 to 1000"),
                            ("priority=urgent", "low, normal or high"), ("speed=3", "requests_per_minute"), ("concurrent", "concurrent=VALUE")):
            self.assertOneLine(self.operator("set", word, code=harness.EXIT_USAGE).err, word.split("=")[0], right)
        self.assertOneLine(self.operator("set", "concurrent=2", "--model", "model-x", code=harness.EXIT_MISSING).err, "model-x")
        self.operator("set", "budget_usd=0.001", "weight=7", "--reason", "the bill is late")
        self.operator("set", "requests_per_minute=60", "--model", "model-a")
        harness.wait_for(lambda: self.box.clinsafe("status", "--redis", self.redis).out.count("budget") > 0, what="the lanes to stop")
        self.restart()
        alpha = self.list()["alpha"]
        self.assertEqual((alpha["weight"], alpha["budget_usd"]), (7, 0.001))
        self.assertIn("requests_per_minute=60 (model-a)", alpha["by_hand"])
        study.write_text(study.read_text().replace("title: A small", "title: Another small"))
        self.operator("submit", study)
        harness.wait_for(lambda: self.list()["alpha"]["state"] != "building", what="the edit")
        self.assertEqual(self.list()["alpha"]["budget_usd"], 0.001, "an edit undoes no word of an operator")
        harness.wait_for(lambda: "set by hand: budget_usd=0.001" in self.box.clinsafe("status", "--redis", self.redis).out, what="status to show it")
        before = self.list()["alpha"]["done"]
        self.operator("set", "--lift", "budget_usd", "requests_per_minute")
        harness.wait_for(lambda: self.list()["alpha"]["done"] > before + 100, what="it to go on", process=self.coordinator)
        self.assertNotIn("by_hand", self.list()["alpha"])
        self.assertEqual(self.list()["alpha"]["budget_usd"], 50)
        self.assertEqual(self.acts(), [("submit", None, "generation 1"), ("set", None, "budget_usd=0.001 weight=7"),
                                       ("set", "model-a", "requests_per_minute=60"), ("submit", None, "generation 2"),
                                       ("set", None, "lifted budget_usd requests_per_minute")])
        self.assertEqual(self.events()[1]["reason"], "the bill is late")

    def test_a_limit_set_by_hand_paces_at_once_without_a_new_generation(self):
        study = self.small("alpha", ("repeats: 3\n", "repeats: 60\n"), ("[model-a, model-b]", "[model-a]"))
        self.operator("submit", study)
        self.start_worker()
        harness.wait_for(lambda: self.list()["alpha"]["done"] > 50, what="answers without a limit", process=self.coordinator)
        self.operator("set", "requests_per_minute=120")
        time.sleep(1)  # what was on its way
        since, before = time.monotonic(), self.sim.stats()["requests"]
        time.sleep(2)
        asked = self.sim.stats()["requests"] - before
        self.assertLessEqual(asked, 2 * (time.monotonic() - since) + 4, "two a second, and a reserve")
        self.assertEqual(self.list()["alpha"]["gen"], 1)
        self.operator("set", "--lift", "requests_per_minute")
        now = self.sim.stats()["requests"]
        harness.wait_for(lambda: self.sim.stats()["requests"] > now + 100, timeout=10, what="full speed again")

    def test_one_worker_is_drained_and_the_others_go_on(self):
        self.operator("submit", self.small("alpha", ("repeats: 3\n", "repeats: 6\n")))
        one, two = self.start_worker("node1"), self.start_worker("node2")
        harness.wait_for(lambda: all(f"ev=worker_hello worker={n}" in self.coordinator.printed() for n in ("node1", "node2"))
                         and self.list()["alpha"]["done"] > 50, what="both to work", process=self.coordinator)
        self.assertOneLine(self.operator("drain", "node3", code=harness.EXIT_MISSING).err, "node3")
        self.assertIn("node1: draining", self.operator("drain", "node1", "--reason", "new disk").out)
        self.assertExit(one.wait(20))
        self.wait("alpha")
        self.assertIsNone(two.poll())
        self.assertIsNone(self.coordinator.poll())
        self.assertEqual(self.sim.stats()["requests"], 2 * TRIALS, "what it had begun counts, and nothing was asked twice")
        self.assertEqual(self.acts()[1:], [("drain", "node1", None)])

    def test_failed_trials_are_retried_by_class_case_and_sentence(self):
        self.sim.control(always={"invalid": 0.2})
        self.operator("submit", self.small("alpha"))
        self.start_worker(slots=32)
        self.wait("alpha", 2)
        failed = self.list()["alpha"]["failed"]
        rows = [r for r in harness.rows_jsonl(self.box.clinsafe("export", "--store", self.store, "--study", "alpha", "--format", "jsonl").out)
                if r["state"] == "failed"]
        self.assertEqual(len(rows), failed)
        self.assertGreater(failed, 20)
        self.sim.control(always={})
        case, word = rows[0]["case_id"], rows[0]["text"].split()[1]
        of_case = [r for r in rows if r["case_id"] == case and r["model"] == "model-a"]
        self.assertOneLine(self.operator("retry", "--class", "ok", code=harness.EXIT_INVALID).err, "invalid_request", "quarantined")
        self.assertIn("0 failed", self.operator("retry", "--class", "provider_error").out)
        self.assertIn("0 failed", self.operator("retry", "--like", "no such words").out)
        self.assertEqual(self.list()["alpha"]["failed"], failed)
        self.assertIn(f"model-a: {len(of_case)} failed trials planned again",
                      self.operator("retry", "model-a", "--case", case, "--like", word.upper(), "--reason", "the provider has mended it").out)
        self.restart()
        self.wait("alpha", 2)
        self.assertEqual(self.list()["alpha"]["failed"], failed - len(of_case))
        self.assertIn(f"{failed - len(of_case)} failed", self.operator("retry", "--class", "invalid_request").out)
        self.wait("alpha")
        self.assertExit(self.box.clinsafe("verify", "--store", self.store, "--study", "alpha"))
        self.assertEqual(self.sim.stats()["requests"], TRIALS + failed)
        told = [(e["trials"], e.get("reason")) for e in self.events() if e["act"] == "retry"]
        self.assertEqual(sum(n for n, _ in told), failed)
        self.assertIn((len(of_case), "the provider has mended it"), told)

    def test_a_study_is_deleted_and_the_other_stays_as_it_was(self):
        gone, stays = self.small("gone", ("repeats: 3\n", "repeats: 12\n")), self.small("stays")
        self.operator("submit", gone, stays)
        self.sim.control(latency={"median_ms": 400})  # it has trials to do for as long as that is looked at
        worker = self.start_worker("w", 32)
        harness.wait_for(lambda: self.list()["gone"]["done"] > 100, what="answers", process=self.coordinator)
        self.operator("pause", "--study", "gone")
        self.sim.control(latency={"median_ms": self.LATENCY_MS})
        self.assertOneLine(self.operator("delete", "gone", code=harness.EXIT_USAGE).err, "answers", "gone for good", "--yes")
        self.assertOneLine(self.operator("delete", "gone", "--yes", code=harness.EXIT_INVALID).err, "trials to do", "cancel --study gone")
        self.wait("stays")
        self.assertExit(worker.stop())
        self.operator("cancel", "--study", "gone")
        self.wait("gone", 2)
        cost, outputs = self.list()["gone"]["committed_usd"], self.list()["gone"]["done"]
        exported = self.box.clinsafe("export", "--store", self.store, "--study", "stays", "--format", "jsonl").out
        errors = f"clinsafe:{self.box.clinsafe('status', '--redis', self.redis, '--json').json()['fleet']}:errors"
        self.redis_cli("HSET", errors, "1/0 429 a patient's words", "1 1 1 1", "2/0 503", "1 1 1 1")
        harness.wait_for(lambda: "still under way" not in self.box.clinsafe("delete", "gone", "--yes", "--reason", "consent withdrawn",
                         "--coordinator", self.where["admin"]).err, what="the calls to have ended")
        self.restart()  # at once: it is erased to the end all the same
        self.assertEqual(list(self.list()), ["stays"])
        harness.wait_for(lambda: "erased" in [e["act"] for e in self.events()], what="it to be erased", process=self.coordinator)
        harness.wait_for(lambda: self.redis_cli("HKEYS", errors) == "2/0 503", what="what was said of it to be forgotten")
        self.redis_cli("HSET", errors, "1/0 503", "1 1 1 1")  # Redis was away when it was deleted
        self.restart()
        harness.wait_for(lambda: self.redis_cli("HKEYS", errors) == "2/0 503", what="it to be forgotten later")
        told = {e["act"]: e for e in self.events("--study", "gone")}
        self.assertAlmostEqual(told["delete"]["amount_usd"], cost, delta=6e-7)  # a list has whole millionths
        self.assertEqual(told["delete"]["reason"], "consent withdrawn")
        self.assertIn(f"{outputs} outputs", told["erased"]["detail"])
        self.assertEqual(self.box.clinsafe("export", "--store", self.store, "--study", "stays", "--format", "jsonl").out, exported)
        verified = self.box.clinsafe("verify", "--store", self.store, "--study", "stays")
        self.assertExit(verified)
        self.assertIn(f"{outputs} of these are empty", verified.out)
        self.assertRegex(verified.out, r"the study gone was deleted on \S+ by local \(consent withdrawn\); it had cost \$")
        missing = self.box.clinsafe("verify", "--store", self.store, "--study", "gone")
        self.assertExit(missing, harness.EXIT_MISSING)
        self.assertOneLine(missing.err, "gone", "deleted on", "consent withdrawn")
        asked = self.sim.stats()["requests"]
        self.assertIn("gone: generation 3 started", self.operator("submit", gone).out)
        self.start_worker("w2", 32)
        self.wait("gone")
        self.assertEqual(self.sim.stats()["requests"] - asked, 4 * TRIALS, "what was deleted answers nobody")
        for name in ("gone", "stays"):
            self.assertExit(self.box.clinsafe("verify", "--store", self.store, "--study", name))


@harness.short
class Cancelled(Fleet):
    COORDINATOR = ("--http", "127.0.0.1:0")

    def test_what_was_given_up_is_nowhere_shown_as_finished(self):
        self.operator("submit", self.small("alpha", ("repeats: 3\n", "repeats: 30\n")))
        self.start_worker()
        harness.wait_for(lambda: self.list()["alpha"]["done"] > 20, what="answers", process=self.coordinator)
        self.operator("cancel", "--study", "alpha")
        self.wait("alpha", code=2)
        s = harness.wait_for(lambda: (s := self.list()["alpha"]) and s["state"] == "finished" and s, what="the end")
        share = f"{100 * s['done'] / s['planned']:.1f} %"
        self.assertIn(f"{s['done']:,} of {s['planned']:,}, {s['cancelled']:,} cancelled", self.operator("list").out)
        status = lambda *more: self.box.clinsafe("status", "--redis", self.redis, *more)
        harness.wait_for(lambda: (now := status("--json")).code == 0 and now.json()["done"] == s["done"], what="Redis to know")
        said = status().out
        self.assertIn("alpha  cancelled, ", said)
        self.assertRegex(said, rf"(?m)^ *{share}  {s['done']:,} of {s['planned']:,}  {s['cancelled']:,} cancelled  \S+/s  ETA -")
        seen = lambda: urllib.request.urlopen(self.ready["http"], timeout=10).read().decode()
        harness.wait_for(lambda: f"<td>cancelled<td class=\"num\">{share}" in seen(), what="the page to say so")
        for verb in ("resume", "pause"):  # neither would change anything
            self.assertIn("all models of the study are cancelled; `resume` with a model's name", self.operator(verb, "--study", "alpha", code=65).err)


class Relay:
    """Between a command and its coordinator: how long did the connection stand after the last bytes of the question, which the answer came after?
    When bytes are read here says nothing on a busy machine, when they are sent does."""

    def __init__(self, path, to):
        self.door, self.to, self.stood, self.asked = socket.socket(socket.AF_UNIX), to, None, 0.0
        self.door.bind(str(path))
        self.door.listen()
        self.thread = threading.Thread(target=self.carry, daemon=True)
        self.thread.start()

    def carry(self):
        here, there = self.door.accept()[0], socket.socket(socket.AF_UNIX)
        there.connect(self.to)
        threading.Thread(target=self.up, args=(here, there), daemon=True).start()
        asked = 0.0
        while some := there.recv(65536):
            asked = self.asked
            here.sendall(some)
        self.stood = time.monotonic() - asked
        here.close()

    def up(self, here, there):
        try:
            while some := here.recv(65536):
                self.asked = time.monotonic()
                there.sendall(some)
        except OSError:
            pass  # the other side has ended


@harness.short
class LastWords(Fleet):
    def test_redis_has_the_last_of_a_coordinator_that_ends(self):
        """Its last second's figures, and that it was told to end: a wall need not call it dead."""
        self.operator("submit", self.small("alpha", ("repeats: 3\n", "repeats: 30\n")))
        worker = self.start_worker()
        harness.wait_for(lambda: self.list()["alpha"]["done"] > 150, what="answers", process=self.coordinator)
        self.operator("drain")
        self.assertExit(worker.wait(20))
        self.assertExit(self.coordinator.wait(20))
        rows = harness.rows_jsonl(self.box.clinsafe("export", "--store", self.store, "--format", "jsonl").out)
        said = self.box.clinsafe("status", "--redis", self.redis)
        self.assertExit(said)
        self.assertTrue(said.out.startswith("DRAINED: "), said.out)
        now = self.box.clinsafe("status", "--redis", self.redis, "--json").json()
        self.assertEqual((now["state"], now["workers"], now["done"]), ("draining", 0, len(rows)))

    def test_who_asks_for_the_end_has_time_to_read_the_answer(self):
        """libzmq drops what was received and not yet read when the other side hangs up: of a coordinator without workers the answer was lost
        one time in ten."""
        relay = Relay(self.box.runtime / "relay", self.where["admin"].removeprefix("ipc://"))
        done = self.box.clinsafe("drain", "--coordinator", f"ipc://{self.box.runtime}/relay")
        self.assertExit(done)
        self.assertEqual(done.out, "draining\n")
        self.assertExit(self.coordinator.wait(10))
        relay.thread.join(10)
        self.assertGreaterEqual(relay.stood, 0.2)


@harness.short
class Events(harness.TestCase):
    def test_who_did_what_and_why_from_a_coordinator_and_from_a_store_at_rest(self):
        fleet = CurveFleet(self.box)
        study = self.box.copy("small")
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 1))
        self.assertExit(fleet.ask("submit", study))
        self.assertExit(fleet.ask("pause", "model-a", "--reason", "the \x1b[31mprovider\x07 is away"))
        self.assertExit(fleet.ask("resume"))
        self.assertExit(fleet.ask("pause", key="eye"), harness.EXIT_DENIED)
        self.assertEqual(harness.must(fleet.ask("keys", "revoke", "w2", "--reason", "lost laptop", "--json")).json()["key"], "w2")
        fleet.coordinator.kill()
        fleet.coordinator.wait()
        fleet.start()
        self.assertExit(fleet.ask("cancel"))
        listed = fleet.ask("events", "--json", "--since", since, key="eye").json()["events"]
        self.assertEqual([(e["act"], e.get("study"), e.get("subject", "")[:7]) for e in listed],
                         [("submit", "small", ""), ("pause", "small", "model-a"), ("resume", "small", ""), ("revoke", None, "w2, key"),
                          ("cancel", "small", "")])
        self.assertEqual({(e["by"], e["role"]) for e in listed}, {("me", "operator")})
        self.assertTrue((self.box.dir / "me.pub").read_text().startswith(listed[0]["key"]))
        self.assertEqual(listed[3]["reason"], "lost laptop")
        text = fleet.ask("events", "--study", "small").out
        self.assertEqual(len(text.splitlines()), 4)
        self.assertNotIn("\x1b", text)
        self.assertRegex(text.splitlines()[1], r"^\d{4}-\d\d-\d\dT\S+Z  me  +pause  small  model-a  \(key \S{8}, operator\): the \\x1b\[31mprovider")
        self.assertIn("nothing was written down", fleet.ask("events", "--since", "2999-01-01").out)
        self.assertOneLine(fleet.ask("events", "--since", "yesterday").err, "--since yesterday")
        self.assertOneLine(fleet.ask("pause", "--reason", "x" * 501).err, "--reason", "500")
        fleet.coordinator.stop()
        self.assertEqual(self.box.clinsafe("events", "--store", fleet.dir / "store", "--json").json()["events"], listed)


if __name__ == "__main__":
    harness.main()
