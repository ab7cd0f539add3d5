#!/usr/bin/env python3
"""What contradicts itself in a study is found by `plan`, counted, with case and place; identifiers do not leave the house."""
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib")]
import harness

CASES = """case_id,text
a,"A 54-year-old Black man presents with chest pain. He has diabetes."
b,"Mr. Smith, 54, was seen by Dr. Jones for chest pain vs. reflux. He has diabetes."
c,"45F c/o CP x2d. PMH: HTN. She is a homeless veteran."
d,"Pt is 33 y.o. G2P1 at 30 weeks. Denies LOF, pregnant. Stool is black, white cells are normal."
e,"Patient « José » — 60 ans. Tél. 555-1234, MRN 12345678, né le 03/04/1961. See [body site] and {{neck}}."
A,"The office [sic] was cold. No complaints."
"""
GROUPS = """id,role,sentence
control,control,
cis_man,,The patient is a cisgender man.
trans_man,,The patient is a transgender man.
white,,The patient is White.
housed,,The patient lives at home. The patient is a lawyer.
"""
STUDY = """study: contradictions
cases: {file: cases.csv}
factors:
  - {name: group, file: groups.csv, insert: {into: case.text, after_first: ". ", text: sentence}}
prompt: {user: "{{case.text}} {{question.ask}}"}
questions:
  - {name: q, ask: “Triage?”, answer: {mh: {boolean: ["Yes", "No"]}}}
models: [m]
"""
HERE = "accounts: {s: {provider: simulated}}\nmodels: {m: {account: s, model: m-1}}\n"
AWAY = 'accounts: {away: {base_url: "https://llm.example.org/v1", key: {env: SOME_KEY}}}\nmodels: {m: {account: away, model: m-1}}\n'


@harness.short
class Contradictions(harness.TestCase):
    def study(self, cases=CASES, providers=HERE, study=STUDY):
        for name, text in (("cases.csv", cases), ("groups.csv", GROUPS), ("providers.yaml", providers), ("study.yaml", study)):
            (self.box.dir / name).write_text(text, encoding="utf-8")
        return self.box.dir / "study.yaml"

    def lint(self, *args, **files):
        done = self.box.clinsafe("plan", self.study(**files), "--json", *args)
        self.assertExit(done)
        return {group["what"]: [p["case"] for p in group["places"]] for group in done.json()["lint"]}

    def test_what_is_found(self):
        found = self.lint()
        wanted = {"group cis_man: the case says otherwise about sex": ["c", "d"],
                  "group white: the case says otherwise about race or ethnicity": ["a"],
                  "group housed: the case says otherwise about housing": ["c"],
                  "group varies sex, and the case has words about it already": ["a", "b", "c", "d"],
                  "group varies race or ethnicity, and the case has words about it already": ["a"],
                  "group varies housing, and the case has words about it already": ["c"],
                  "a marker {{ that nothing fills": ["e"], "a marker [...] that nothing fills": ["e"],
                  "what looks like a record number": ["e"], "what looks like a phone number": ["e"], "what looks like a birth date": ["e"],
                  "what looks like a name": ["b", "b", "e"],
                  "an id that differs from an earlier one by capitals or blanks only": ["A"],
                  "group: housed has several sentences, cis_man one; what is found may be their number": []}
        curled = [what for what in found if "curled quotes" in what]
        self.assertEqual(len(curled), 1)
        self.assertIn("study.yaml:7:20:", curled[0])
        self.assertEqual({k: v for k, v in found.items() if k not in curled}, wanted)

    def test_it_is_counted_with_case_and_place(self):
        text = self.box.clinsafe("plan", self.study()).out
        self.assertIn("group white: the case says otherwise about race or ethnicity: 1 place, for example case a: A 54-year-old Black man presents", text)
        self.assertIn("2 cases, for example b: the first place follows an abbreviation", text)
        self.assertIn("15 kinds of contradictions and leftovers", "\n".join(text.splitlines()[:15]))
        self.assertNotIn("    case d: ", text)
        self.assertIn("    case d: ", self.box.clinsafe("plan", self.study(), "--details").out)

    def test_words_of_ones_own(self):
        (self.box.dir / "words.csv").write_text("word;about;says\nlawyer;work;employed\nveteran;work;retired\n")
        self.assertEqual(self.lint("--words", self.box.dir / "words.csv")["group housed: the case says otherwise about work"], ["c"])
        (self.box.dir / "words.csv").write_text("word,about\nlawyer,work\n")
        done = self.box.clinsafe("plan", self.study(), "--words", self.box.dir / "words.csv")
        self.assertExit(done, harness.EXIT_INVALID)
        self.assertOneLine(done.err, "words.csv:1: want the columns word, about, says")

    def test_a_clean_study_says_nothing(self):
        study = self.box.copy("small")
        self.assertEqual([g["what"].split(":")[0] for g in self.box.clinsafe("plan", study, "--json").json()["lint"]], ["group"])

    def test_identifiers_do_not_leave_the_house(self):
        env = {"SOME_KEY": "k"}
        for command in ("run", "submit"):
            more = ("--coordinator", "tcp://127.0.0.1:1") if command == "submit" else ()
            done = self.box.clinsafe(command, self.study(providers=AWAY), *more, env=env)
            self.assertExit(done, harness.EXIT_DENIED)
            self.assertOneLine(done.err, 'case "e" holds what looks like a phone number (in 1 case)', 'account "away" is not approved', "identifiers: fictional")
        self.assertFalse((self.box.dir / "study.clinsafe").exists())
        self.assertIn("`run` will refuse: case", self.box.clinsafe("plan", self.study(providers=AWAY), env=env).out)
        names_only = CASES.replace("Tél. 555-1234, MRN 12345678, né le 03/04/1961. ", "Well. ")
        for files in ({"providers": AWAY.replace("base_url", "confidential: approved, base_url")}, {"cases": names_only, "providers": AWAY},
                      {"providers": AWAY, "study": STUDY.replace("cases.csv}", "cases.csv, identifiers: fictional}")}):
            done = self.box.clinsafe("plan", self.study(**files), env=env)
            self.assertExit(done)
            self.assertNotIn("will refuse", done.out)


SLOTS = """study: slots
cases: {file: cases.csv}
factors:
  - name: group
    levels: [{id: control, role: control, noun: patient, subject: they, their: their}, {id: woman, noun: woman, subject: she, their: her},
             {id: bare, noun: adult, subject: they, their: ""}]
    columns: [noun, subject, their]
    insert: [{at: "{{noun}}", text: noun}, {at: "{{subject}}", text: subject}, {at: "{{their}}", text: their}]
  - {name: arm, levels: [{id: plain, text: ""}, {id: note, text: "Note."}], insert: {after_first: ". "}}
prompt: {user: "{{case.text}}"}
questions: [{name: q, ask: "?", answer: free}]
models: [m]
"""
SLOT_CASES = 'case_id,text\na,"A {{noun}} of 50 came. Then {{subject}} sat, and {{their}} arm hurt; {{subject}} said so."\nb,"A {{noun}} coughs. He is pregnant."\n'


@harness.short
class Slots(harness.TestCase):
    def look(self, study=SLOTS, cases=SLOT_CASES, *args):
        for name, text in (("cases.csv", cases), ("providers.yaml", HERE), ("study.yaml", study)):
            (self.box.dir / name).write_text(text)
        return self.box.clinsafe("plan", self.box.dir / "study.yaml", *args)

    def test_a_level_fills_all_of_its_slots(self):
        self.assertExit(self.look(SLOTS, SLOT_CASES, "--prompts", self.box.dir / "book.csv"))
        book = {(r["case_id"], r["group"], r["arm"]): r["user"] for r in harness.rows_csv((self.box.dir / "book.csv").read_text())}
        self.assertEqual(book["a", "woman", "plain"], "A woman of 50 came. Then she sat, and her arm hurt; she said so.")
        self.assertEqual(book["a", "bare", "plain"], "A adult of 50 came. Then they sat, and arm hurt; they said so.")
        self.assertEqual(book["a", "control", "note"], "A patient of 50 came. Note. Then they sat, and their arm hurt; they said so.")
        self.assertEqual(len(book), 12)

    def test_it_runs(self):
        self.look()
        self.assertExit(self.box.clinsafe("run", self.box.dir / "study.yaml"))
        self.assertExit(self.box.clinsafe("verify", self.box.dir / "study.yaml"))

    def test_contradictions_are_seen_and_markers_are_filled(self):
        lint = {g["what"]: [p["case"] for p in g["places"]] for g in self.look(SLOTS, SLOT_CASES, "--json").json()["lint"]}
        self.assertEqual(lint.get("group woman: the case says otherwise about sex"), ["b"])
        self.assertFalse([what for what in lint if "marker" in what], lint)

    def test_what_is_refused(self):
        for old, new, part in (("text: subject}", "text: subjekt}", 'a slot takes its text from column "subjekt", but the levels have no such column; did you mean "subject"?'),
                               ('{at: "{{their}}", text: their}', '{at: "{{theirs}}", text: their}', 'no case has "{{theirs}}" in text'),
                               ('{at: "{{noun}}", text: noun}', "{text: noun}", "a slot has one place")):
            done = self.look(SLOTS.replace(old, new))
            self.assertExit(done, harness.EXIT_INVALID)
            self.assertOneLine(done.err, part)
        done = self.look(SLOTS, SLOT_CASES + 'c,"Nobody. Here."\n')
        self.assertExit(done, harness.EXIT_INVALID)
        self.assertOneLine(done.err, 'cases.csv:4: case "c" has no place in text for any slot of factor "group"')
        lines = SLOTS.splitlines(keepends=True)
        arm = next(i for i, line in enumerate(lines) if "name: arm" in line)
        done = self.look("".join(lines[:3] + [lines[arm]] + lines[3:arm] + lines[arm + 1:]))
        self.assertOneLine(done.err, 'factor "arm" changes text before; put the factor with several slots first')


if __name__ == "__main__":
    harness.main()
