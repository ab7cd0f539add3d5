#!/usr/bin/env python3
"""`clinsafe reread`: stored answers are read anew as the study file declares now; nothing is asked, no record is touched."""
import json
import os
import signal
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
from test_reading import FIELDS, GOOD, STUDY, KEY, OddStudy, chat

# What a lenient reader makes of it, or why it makes nothing.
SAID = {
    "chest": ("<think>\nmaybe {}\n</think>\nHere it is:\n```json\n" + GOOD + "\n```", "ok"),
    "cough": ('{"level":"Urgent","mental":true,"sure":"80"}<|im_end|>', "ok"),
    "wrist": (GOOD + "\n" + GOOD, "several_objects"),
    "dizzy": (GOOD, "ok"),
}
LENIENT = FIELDS.replace("    ask:", "    reading: lenient\n    ask:")
NOT_RECORDED = ("generation", "adopted", "state", "outcome", "salvaged", "unparsable_why", "reread_in", "outcome_recorded")


class Reread(OddStudy):
    def begin(self, reply=None):
        self.path = self.study(reply or (lambda body, times, headers: chat(next(v for k, (v, _) in SAID.items() if k in body))))
        rows = self.rows(self.path)
        self.seen = dict(self.provider.seen)
        if not reply:
            self.assertIn("`clinsafe reread --dry-run` how many of them read, at no cost", self.done.err)
        return rows

    def declare(self, question, more=lambda text: text):
        self.path.write_text(more(STUDY.replace("QUESTION\n", question)))

    def reread(self, *args, exit=0):
        done = self.box.clinsafe("reread", self.path, *args)
        self.assertExit(done, exit)
        self.assertEqual(self.provider.seen, self.seen)
        return done

    def export(self):
        return harness.rows_jsonl(harness.must(self.box.clinsafe("export", self.path, "--format", "jsonl", "--all")).out)

    def verify(self, exit=0):
        done = self.box.clinsafe("verify", self.path, "--json")
        self.assertExit(done, exit)
        return done.json()

    def assertUntouched(self, before, after):
        """All that a record holds, answers apart, is as it was."""
        def record(r):
            return {k: v for k, v in r.items() if k not in NOT_RECORDED and not k.startswith("answer.")}
        self.assertEqual([record(r) for r in before], [record(r) for r in after])

    @harness.short
    def test_strict_becomes_lenient_and_back(self):
        before = self.begin()
        self.assertEqual({(r["case_id"], r["outcome"]) for r in before},
                         {("c1", "unparsable"), ("c2", "unparsable"), ("c3", "unparsable"), ("c4", "ok")})
        self.assertIn("0 of 8 answers of generation 1 read otherwise", self.reread().out)
        self.declare(LENIENT)
        dry = self.reread("--dry-run").out
        for said in ("m: 4 of 8 answers: 4 unparsable -> ok (salvaged)", "  group=control: 2 of 4 answers: 2 unparsable -> ok (salvaged)",
                     "  group=warned: 2 of 4 answers: 2 unparsable -> ok (salvaged)"):
            self.assertIn(said + "\n", dry)
        said = self.reread("--dry-run", "--json").json()
        self.assertEqual({k: said[k] for k in ("study", "dry_run", "gen", "answers", "changed", "reread", "broken_off")},
                         {"study": "odd", "dry_run": True, "gen": 1, "answers": 8, "changed": 4, "reread": 0, "broken_off": None})
        self.assertEqual([(r["model"], r["factor"], r["level"], r["answers"], r["changed"], r["turns"]) for r in said["rows"]],
                         [("m", f, level, n, n // 2, [{"from": "unparsable", "to": "salvaged", "answers": n // 2}])
                          for f, level, n in ((None, None, 8), ("group", "control", 4), ("group", "warned", 4))])
        self.assertEqual(self.export(), before)  # nothing was written

        self.assertIn("generation 2 holds them as they read now; 4 answers are not as they were first recorded", self.reread().out)
        after = self.export()
        self.assertUntouched(before, after)
        self.assertEqual({(r["case_id"], r["outcome"], r["salvaged"], r.get("reread_in"), r.get("outcome_recorded")) for r in after},
                         {("c1", "ok", True, 2, "unparsable"), ("c2", "ok", True, 2, "unparsable"), ("c3", "unparsable", False, None, None),
                          ("c4", "ok", False, None, None)})
        self.assertEqual({(r["answer.level"], r["answer.mental"], r["answer.sure"]) for r in after if r["outcome"] == "ok"}, {("urgent", "Yes", 80)})
        found = self.verify()
        self.assertEqual((found["reread"], found["reads_otherwise"], found["clean"]), (4, 0, True))
        shown = harness.must(self.box.clinsafe("show", self.path, "c1", "control")).out
        self.assertIn("as it was read anew (generation 2); recorded as unparsable", shown)

        # Whatever is run or edited later keeps to it, and asks for nothing.
        self.rows(self.path, 2)
        self.assertEqual(self.provider.seen, self.seen)
        lane = json.loads(self.done.out)["lanes"][0]["counters"]
        self.assertEqual((lane["reread"], lane["salvaged"], lane["outcome"]["ok"], lane["outcome"]["unparsable"]), (4, 4, 6, 2))
        self.declare(LENIENT, lambda text: text.replace("Odd replies", "Odd replies, edited"))
        rows = self.rows(self.path, 2)
        self.assertEqual({r["generation"] for r in rows}, {3})
        self.assertUntouched(before, rows)
        self.assertEqual([r["outcome"] for r in rows], [r["outcome"] for r in after])
        self.assertEqual(self.verify()["reread"], 4)

        self.declare(FIELDS, lambda text: text.replace("Odd replies", "Odd replies, edited"))
        said = self.reread("--json").json()
        self.assertEqual([said[k] for k in ("dry_run", "gen", "answers", "changed", "reread")], [False, 4, 8, 4, 0])
        self.assertEqual(said["rows"][0]["turns"], [{"from": "salvaged", "to": "unparsable", "answers": 4}])
        self.assertEqual(self.reread("--json").json()["rows"], [])
        rows = self.export()
        self.assertEqual([r["outcome"] for r in rows], [r["outcome"] for r in before])
        self.assertFalse(any(r.get("reread_in") for r in rows))  # they are as they were recorded
        self.assertTrue(self.verify()["clean"])
        self.assertEqual(self.provider.seen, self.seen)

    def test_the_report_says_whether_it_came_first(self):
        self.begin()
        self.declare(LENIENT)
        self.reread()
        text = harness.must(self.box.clinsafe("report", self.path)).out
        self.assertRegex(text, r"The stored answers were read anew on \S+ \(generation 2\), no report before that is on record: 4 that were recorded otherwise count as ok, 0 as unparsable\.")
        self.assertIn("m: read anew, 4 answers became ok and 0 unparsable.", text)
        self.declare(FIELDS)
        self.reread()
        for _ in range(2):
            notes = harness.must(self.box.clinsafe("report", self.path, "--json")).json()["notes"]
            self.assertTrue(any("(generation 3), AFTER the first report (2" in n for n in notes), notes)
        acts = (self.path.with_suffix(".clinsafe") / "store.acts.csv").read_text()
        self.assertEqual(acts.count("\nreported,"), 1)

    def test_what_would_change_what_is_sent_is_refused(self):
        before = self.begin()
        for edit in (("Triage.", "Triage!"), ("max_output_tokens: 200", "max_output_tokens: 300"), ("urgent, emergent", "urgent, now")):
            with self.subTest(edit[1]):
                self.declare(LENIENT, lambda text: text.replace(*edit))
                for args in ((), ("--dry-run",)):
                    self.assertOneLine(self.reread(*args, exit=65).err, "says more than another `reading` than generation 1 does")
        self.declare(LENIENT)
        (self.path.parent / "cases.csv").write_text("case_id,text\nc1,chest\nc2,cough\nc3,wrist\nc4,dizzy\n")
        self.assertOneLine(self.reread(exit=65).err, "so that what is sent could change")
        self.assertEqual(self.export(), before)
        for args, said in ((("--dry-run", "--coordinator", "ipc:///nowhere"), "--dry-run reads the store itself"),
                           (("--store", "x"), "--store goes with --dry-run")):
            self.assertOneLine(self.reread(*args, exit=64).err, said)

    def test_failures_and_what_is_planned_stay_as_they_are(self):
        def reply(body, times, headers):
            if "dizzy" in body:
                return 400, {}, json.dumps({"error": {"message": "no such parameter", "code": "unsupported_value"}}).encode()
            return chat(SAID["cough"][0])
        before = self.begin(reply)
        self.assertEqual({(r["case_id"], r["state"]) for r in before}, {(f"c{i}", "done") for i in (1, 2, 3)} | {("c4", "failed")})
        self.declare(LENIENT)
        self.reread()
        after = self.export()
        self.assertUntouched(before, after)
        self.assertEqual([r["state"] for r in after], [r["state"] for r in before])
        self.assertEqual({(r["outcome"], r.get("reread_in")) for r in after}, {("ok", 2), ("invalid_request", None)})
        self.rows(self.path, 2)  # the failures are not asked again either
        self.assertEqual(self.provider.seen, self.seen)
        found = self.verify()
        self.assertEqual((found["done"], found["failed"], found["faults"]), (6, 2, 0))
        self.box.clinsafe("run", self.path, "--workers", 1, "--retry", env={"ODD_KEY": KEY})
        self.assertEqual({n for body, n in self.provider.seen.items() if "dizzy" in body}, {2})
        self.assertEqual({n for body, n in self.provider.seen.items() if "dizzy" not in body}, {1})

    def test_an_unparsable_answer_that_reads_now_is_not_asked_again(self):
        self.begin()
        self.declare(LENIENT)
        self.reread()
        done = self.box.clinsafe("run", self.path, "--workers", 1, "--retry-unparsable", env={"ODD_KEY": KEY})
        self.assertIn("2 unparsable answers asked again", done.err)
        self.assertEqual(sorted(n for n in self.provider.seen.values()), [1] * 6 + [2] * 2)
        rows = [r for r in self.export() if r["case_id"] == "c3"]
        self.assertEqual({(r["asked_again"], r["outcome"]) for r in rows}, {(1, "unparsable")})
        self.assertEqual(self.verify()["faults"], 0)
        self.seen = dict(self.provider.seen)
        self.declare(FIELDS)
        self.reread()
        self.assertEqual({r["asked_again"] for r in self.export() if r["case_id"] == "c3"}, {1})
        self.assertEqual(self.verify()["faults"], 0)

    def test_killed_at_any_point_it_is_the_old_state_or_the_new(self):
        before = self.begin()
        self.declare(LENIENT)
        for pause in (0.0, 0.05, 0.1, 0.3):
            process = self.box.start("clinsafe", "reread", self.path)
            time.sleep(pause)
            process.kill()
            self.assertIn({r["outcome"] for r in self.export() if r["case_id"] == "c1"}, ({"unparsable"}, {"ok"}))
            self.assertEqual(self.box.clinsafe("verify", self.path, "--json").json()["faults"], 0)
        self.reread()
        rows = self.export()
        self.assertUntouched(before, rows)
        self.assertEqual(sum(r["outcome"] == "ok" for r in rows), 6)
        self.assertTrue(self.verify()["clean"])

    def test_killed_in_the_middle_of_the_pass(self):
        many = ("seed: 3\n", "seed: 3\nrepeats: 400\naccept: [unparsable]\n")
        self.path = self.study(lambda body, times, headers: chat(next(v for k, (v, _) in SAID.items() if k in body)))
        self.declare(FIELDS, lambda text: text.replace(*many))
        before = self.rows(self.path)
        self.seen, folder = dict(self.provider.seen), self.path.with_suffix(".clinsafe")
        log, middle = folder / "logs" / "coordinator.log", False
        for attempt in range(6):
            for question in (LENIENT, FIELDS):
                self.declare(question, lambda text: text.replace(*many))
                begun = log.read_text().count("ev=generation_begun")
                process = self.box.start("clinsafe", "reread", self.path)
                harness.wait_for(lambda: log.read_text().count("ev=generation_begun") > begun, process=process)
                state = folder / "run.json"
                running = json.loads(state.read_text())["processes"] if state.exists() else []
                for pid in (p["pid"] for p in running):
                    try:
                        if Path(f"/proc/{pid}/comm").read_text() == "clinsafe-coordi\n":
                            os.kill(pid, signal.SIGKILL)
                    except OSError:
                        pass  # it was over before
                process.wait()
                middle = "ev=generation_begun" in [line for line in log.read_text().splitlines() if "ev=generation_" in line][-1]
                if middle:
                    break
            if middle:
                break
        self.assertTrue(middle, "no kill came in the middle of the pass")
        old = "unparsable" if question == LENIENT else "ok"
        rows = self.export()
        self.assertUntouched(before, rows)
        self.assertEqual({r["outcome"] for r in rows if r["case_id"] == "c1"}, {old})  # the old state, whole
        found = self.verify(2)  # its file declares another reading by now
        self.assertEqual((found["faults"], found["missing"], found["done"]), (0, 0, len(before)))
        self.assertIn("an earlier rereading, was broken off", self.reread("--dry-run").out)
        self.reread()
        rows = self.export()
        self.assertUntouched(before, rows)
        self.assertEqual({r["outcome"] for r in rows if r["case_id"] == "c1"}, {"ok", "unparsable"} - {old})
        self.assertTrue(self.verify()["clean"])

    def test_a_run_that_is_going_on_rereads_itself(self):
        wait = []

        def reply(body, times, headers):
            while wait and "dizzy" in body:
                time.sleep(0.01)
            return chat(SAID["cough"][0])
        wait.append(1)
        path = self.path = self.study(reply)
        longer = lambda text: text.replace("timeout_s: 10", "timeout_s: 100")  # calls are held for as long as all of this takes
        self.declare(FIELDS, longer)
        run = self.box.start("clinsafe", "run", path, "--workers", 1, "--slots", 8, env={"ODD_KEY": KEY})
        harness.wait_for(lambda: len(self.provider.seen) == 8, process=run)
        harness.wait_for(lambda: sum(r["outcome"] == "unparsable" for r in self.export() if "outcome" in r) == 6, process=run)
        self.seen = dict(self.provider.seen)
        self.declare(LENIENT, longer)
        again = self.box.start("clinsafe", "reread", path)
        log = path.with_suffix(".clinsafe") / "logs" / "coordinator.log"
        harness.wait_for(lambda: "ev=study_started gen=2" in log.read_text(), process=again)
        wait.clear()  # the old generation's calls end before the new one is made
        self.assertExit(again.wait())
        self.assertIn("generation 2 holds them", again.done.out)
        self.assertExit(run.wait())
        self.assertEqual(set(self.provider.seen.values()), {1})
        self.assertEqual({(r["generation"], r["outcome"]) for r in self.export()}, {(2, "ok")})
        self.assertEqual(self.verify()["faults"], 0)

    def test_a_coordinator_of_several_studies_rereads_one(self):
        where, store = {name: f"ipc://{self.box.runtime}/{name}" for name in ("work", "pub", "admin")}, self.box.dir / "store"
        self.path = self.study(lambda body, times, headers: chat(SAID["cough"][0]))
        other = self.path.with_name("other.yaml")
        other.write_text(self.path.read_text().replace("study: odd", "study: other"))
        ready = self.box.dir / "ready"
        coordinator = self.box.start("clinsafe-coordinator", "--dir", store, "--bind", where["work"], "--pub", where["pub"],
                                     "--admin", where["admin"], "--ready-file", ready)
        harness.wait_for(ready.exists, what="the coordinator", process=coordinator)
        self.box.start("clinsafe-worker", "--coordinator", where["work"], "--announce", where["pub"], "--slots", 8, env={"ODD_KEY": KEY})

        def outputs(name):
            done = harness.must(self.box.clinsafe("export", "--store", store, "--study", name, "--format", "jsonl"))
            return {(r["generation"], r["outcome"]) for r in harness.rows_jsonl(done.out)}
        for study in (self.path, other):
            harness.must(self.box.clinsafe("submit", study, "--coordinator", where["admin"]))
        for name in ("odd", "other"):
            self.assertExit(self.box.clinsafe("wait", name, "--for", 30, "--coordinator", where["admin"]))
        self.seen = dict(self.provider.seen)
        self.declare(LENIENT)
        self.assertIn("odd: 8 of 8 answers of generation 1 read otherwise", self.reread("--dry-run", "--store", store).out)
        said = self.reread("--coordinator", where["admin"], "--json").json()
        self.assertEqual([said[k] for k in ("study", "gen", "reread", "answers", "changed", "rows")], ["odd", 3, 8, None, None, []])
        self.assertEqual((outputs("odd"), outputs("other")), ({(3, "ok")}, {(2, "unparsable")}))
        self.declare(LENIENT, lambda text: text.replace("study: odd", "study: third"))
        self.assertOneLine(self.reread("--coordinator", where["admin"], exit=66).err, 'reread: "third" has no answers here')
        self.declare(LENIENT, lambda text: text.replace("Triage.", "Triage!"))
        self.assertOneLine(self.reread("--coordinator", where["admin"], exit=65).err, "says more than another `reading` than generation 3")
        for name in ("odd", "other"):
            self.assertExit(self.box.clinsafe("verify", "--store", store, "--study", name))


if __name__ == "__main__":
    harness.main()
