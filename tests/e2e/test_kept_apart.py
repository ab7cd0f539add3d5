#!/usr/bin/env python3
"""Answers stay where they were bought: equal requests of two cases and of two endpoints are kept apart through every edit, a changed
address is refused, and a store that an earlier version wrote is upgraded, killed at any point, and gets its mixed-up answers back."""
import importlib.util
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib")]
import harness

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "store-1"
spec = importlib.util.spec_from_file_location("provider", GOLDEN / "provider.py")
provider = importlib.util.module_from_spec(spec)
spec.loader.exec_module(provider)

EXIT_DATA, EXIT_DAMAGED = 65, 74


class Served(harness.TestCase):
    """A provider that names its endpoint in every answer, at /one and at /two."""

    def setUp(self):
        super().setUp()
        self.env = {"GOLDEN_KEY": "any"}
        self.provider = provider.Provider(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.provider.server.server_address[1]
        self.dir = self.box.dir / "study"
        self.dir.mkdir()
        self.study = self.dir / "study.yaml"

    def tearDown(self):
        self.provider.close()
        super().tearDown()

    def write(self, cases, accounts=None, models=None, repeats=1, title="t"):
        accounts = accounts or {"one": self.url + "/one/v1"}
        models = models or {"alpha": "one"}
        (self.dir / "cases.csv").write_text("case_id,text\n" + "".join(f'{i},"{t}"\n' for i, t in cases))
        lines = ["accounts:"] + [f'  {a}: {{protocol: openai-chat, base_url: "{u}", key: {{env: GOLDEN_KEY}}}}' for a, u in accounts.items()]
        lines += ["models:"] + [f"  {m}: {{account: {a}, model: shared-1, price: {{input: 1, output: 1}}}}" for m, a in models.items()]
        (self.dir / "providers.yaml").write_text("\n".join(lines) + "\n")
        self.study.write_text(f"""study: apart
title: {title}
seed: 5
cases: {{file: cases.csv}}
prompt: {{user: "{{{{case.text}}}}\\n{{{{question.ask}}}}"}}
questions:
  - name: q
    ask: "What next?"
    answer: {{triage: {{ordinal: [non-urgent, less-urgent, urgent, emergent, immediate]}}, referral: {{boolean: ["Yes", "No"]}}}}
repeats: {repeats}
models: [{", ".join(models)}]
parameters: {{temperature: 0.7, max_output_tokens: 100, timeout_s: 5}}
""")

    def clinsafe(self, verb, *args):
        return self.box.clinsafe(verb, self.study, *args, env=self.env)

    def run_study(self, *args, code=0):
        done = self.clinsafe("run", "--workers", 1, "--slots", 4, *args)
        self.assertExit(done, code)
        return done

    def rows(self):
        done = self.clinsafe("export", "--format", "jsonl")
        self.assertExit(done)
        return {(r["model"], r["case_id"], r["repeat"]): r for r in harness.rows_jsonl(done.out)}

    def outputs(self):
        return {k: r["output_id"] for k, r in self.rows().items()}

    def assertKept(self, before, paid, renamed=None):
        """What was bought is where it was; no output stands at two trials; only `paid` calls were made since."""
        now = self.outputs()
        renamed = renamed or {}
        for key, output in before.items():
            key = tuple(renamed.get(part, part) for part in key)
            if key in now:
                self.assertEqual(now[key], output, key)
        self.assertEqual(len(set(now.values())), len(now))
        self.assertEqual(self.provider.calls, paid)
        self.assertExit(self.clinsafe("verify"))
        return now


TWINS = [("first", "A cough for two days."), ("second", "A cough for two days."), ("third", "A fall.")]


@harness.short
class Twins(Served):
    def test_cases_with_one_text(self):
        self.write(TWINS)
        self.run_study()
        before = self.assertKept({}, 3)
        self.write(TWINS, repeats=2)
        self.run_study()
        both = self.assertKept(before, 6)
        self.write(TWINS[1:], repeats=2)  # a case less, and back
        self.run_study()
        self.assertKept(both, 6)
        self.write(TWINS, repeats=2)
        self.run_study()
        self.assertKept(both, 6)
        self.write(TWINS[::-1] + [("fourth", TWINS[0][1])], repeats=2)  # another order, another twin
        self.run_study()
        self.assertKept(both, 8)

    def test_a_renamed_case_keeps_what_is_left(self):
        self.write(TWINS)
        self.run_study()
        before = self.outputs()
        renamed = [("aaa" if i == "second" else i, t) for i, t in TWINS]
        self.write(renamed)
        self.run_study()
        now = self.assertKept(before, 3, renamed={"second": "aaa"})
        self.write([("0", TWINS[0][1])] + renamed)  # its answer is its own now: no twin takes it
        self.run_study()
        self.assertKept(now, 4)


@harness.short
class Endpoints(Served):
    def both(self, **kw):
        accounts = {"one": self.url + "/one/v1", "two": self.url + "/two/v1"}
        self.write(TWINS, accounts=accounts, models={"alpha": "one", "beta": "two"}, **kw)

    def assertEndpoints(self, wanted):
        for (model, *_), row in self.rows().items():
            self.assertEqual(row["fingerprint"], wanted[model])

    def test_one_model_id_on_two_accounts(self):
        self.both()
        self.run_study()
        before = self.assertKept({}, 6)
        self.both(repeats=2)
        self.run_study()
        both = self.assertKept(before, 12)
        self.assertEndpoints({"alpha": "one", "beta": "two"})
        self.write(TWINS, repeats=2)  # one lane less, and back
        self.run_study()
        self.assertKept(both, 12)
        self.assertEndpoints({"alpha": "one"})
        self.both(repeats=2, title="again")
        self.run_study()
        self.assertKept(both, 12)
        self.assertEndpoints({"alpha": "one", "beta": "two"})

    def test_a_renamed_account_is_the_same_lane(self):
        self.write(TWINS)
        self.run_study()
        before = self.outputs()
        self.write(TWINS, accounts={"new": self.url + "/one/v1/"}, models={"alpha": "new"})
        self.run_study()
        self.assertKept(before, 3)

    def test_a_changed_address_is_refused(self):
        self.write(TWINS)
        self.run_study()
        before = self.outputs()
        self.write(TWINS, accounts={"one": self.url + "/two/v1"})
        done = self.run_study(code=EXIT_DATA)
        for words in ("/one/v1", "/two/v1", "--adopt-from-other"):
            self.assertIn(words, done.err)
        self.assertEqual(self.provider.calls, 3)
        self.write(TWINS, accounts={"one": self.url + "/one/v1/"}, title="a slash does not count")
        self.run_study()
        self.assertKept(before, 3)
        self.write(TWINS, accounts={"two": self.url + "/two/v1"}, models={"alpha": "two"}, title="by another name")
        self.run_study()
        self.assertKept({}, 6)
        self.assertEndpoints({"alpha": "two"})

    def test_answers_of_another_address_are_taken_over_when_declared(self):
        self.write(TWINS)
        self.run_study()
        before = self.outputs()
        self.write(TWINS, accounts={"one": self.url + "/two/v1"}, repeats=2)
        self.run_study("--adopt-from-other")
        both = self.assertKept(before, 6)
        self.write(TWINS, accounts={"one": self.url + "/two/v1"}, repeats=2, title="the next edit needs it no more")
        self.run_study()
        self.assertKept(both, 6)
        other = {"gamma": "three"}
        self.write(TWINS, accounts={"three": self.url + "/three/v1"}, models=other, repeats=2)
        self.run_study("--adopt-from-other")
        now = self.assertKept(both, 6, renamed={"alpha": "gamma"})
        self.write(TWINS, accounts={"three": self.url + "/three/v1"}, models=other, repeats=3)
        self.run_study()
        self.assertKept(now, 9)


class Golden(harness.TestCase):
    """Copies of stores of format 1. The provider stands where their providers.yaml says."""

    def setUp(self):
        super().setUp()
        self.env = {"GOLDEN_KEY": "any"}

    def take(self, name):
        folder = self.box.dir / name
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(GOLDEN / name, folder)
        return folder

    def clinsafe(self, verb, folder, *args):
        return self.box.clinsafe(verb, folder / "study.yaml", "--dir", folder, *args, env=self.env)

    def rows(self, folder):
        done = self.clinsafe("export", folder, "--format", "jsonl", "--all")
        self.assertExit(done)
        return harness.rows_jsonl(done.out)

    def upgrade(self, folder, *args):
        return self.box.clinsafe("store", "upgrade", folder / "study.yaml", "--dir", folder, *args)


@harness.short
class Upgrade(Golden):
    def test_what_was_mixed_up_is_named_and_given_back(self):
        served = provider.Provider()
        try:
            for name in ("twin", "accounts"):
                folder = self.take(name)
                contents = json.loads((folder / "contents.json").read_text())
                first = {(r["model"], r["case_id"], r["factor.group"], r["repeat"]): r["output_id"] for r in contents["first"]}
                for when in ("as it is", "upgraded"):
                    done = self.clinsafe("verify", folder)
                    self.assertExit(done, EXIT_DAMAGED)
                    self.assertIn("at another trial too", done.err)
                    self.assertIn("was paid for by this trial and stands at none", done.err)
                    self.assertIn("the next change of the study", done.out)
                    rows = [{k: row[k] for k in old if k in row} for row, old in zip(self.rows(folder), contents["second"], strict=True)]
                    self.assertEqual(rows, contents["second"], when)  # a later version may tell more
                    upgraded = self.upgrade(folder, "--json")
                    self.assertExit(upgraded)
                    said = upgraded.json()
                    self.assertEqual((said["files"], said["format_before"] < said["format"], said["outputs"] > 0),
                                     ([{"file": str(folder / "store"), "rows": None}], True, True) if when == "as it is" else ([], False, False))
                study = folder / "study.yaml"
                study.write_text(study.read_text().replace("title: ", "title: Edited. ", 1))
                self.assertExit(self.clinsafe("run", folder, "--workers", 1))
                now = {(r["model"], r["case_id"], r["factor.group"], r["repeat"]): r["output_id"] for r in self.rows(folder)}
                for trial, output in first.items():
                    self.assertEqual(now[trial], output, trial)
                self.assertEqual(len(set(now.values())), len(now))
                self.assertEqual(served.calls, 0, "everything was paid for")
                self.assertExit(self.clinsafe("verify", folder))
        finally:
            served.close()

    def test_a_run_upgrades_and_says_so(self):
        served = provider.Provider()
        try:
            folder = self.take("accounts")
            done = self.clinsafe("run", folder, "--workers", 1)
            self.assertExit(done)
            self.assertIn("kept by an earlier version", done.err)
            self.assertIn("ev=upgrade ", (folder / "logs" / "coordinator.log").read_text())
            self.assertNotIn("kept by an earlier version", self.clinsafe("run", folder, "--workers", 1).err)
            self.assertIn("format 2 already", self.upgrade(folder).out)
        finally:
            served.close()

    def test_what_cannot_be_upgraded_is_said(self):
        for args, code in ((("store", "upgrade"), 64), (("store", "downgrade", "x"), 64), (("store", "upgrade", "nothing.yaml"), 66)):
            done = self.box.clinsafe(*args)
            self.assertExit(done, code)
            self.assertOneLine(done.err)

    def test_killed_at_any_moment(self):
        rng = random.Random(20261128)
        folder, kills = self.take("main"), 0
        before, end = self.rows(folder), time.monotonic() + 25
        longest = 0.12
        while time.monotonic() < end and kills < 30:
            process = subprocess.Popen([harness.program("clinsafe"), "store", "upgrade", str(folder / "study.yaml"), "--dir", str(folder)],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=harness.environment())
            time.sleep(rng.uniform(0, longest))
            process.kill()
            if process.wait() == 0:
                longest = max(longest * 0.9, 0.02)
                self.assertEqual(self.rows(folder), before)
                folder = self.take("main")
            kills += process.returncode != 0
        self.assertGreater(kills, 5)
        self.assertExit(self.upgrade(folder))
        self.assertEqual(self.rows(folder), before)
        self.assertExit(self.clinsafe("verify", folder), 2)


if __name__ == "__main__":
    harness.main()
