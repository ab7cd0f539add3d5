#!/usr/bin/env python3
"""Tables and study files as people have them: read, or refused with a sentence that says what would be right. And `clinsafe init`,
and the schemas for editors."""
import io
import json
import re
import sys
import zipfile
from pathlib import Path

import yaml

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib")]
import harness
import schema

CASES = 'case_id,text\nc1,"A patient fell. It hurts."\nc2,"A patient has a cough. It is dry."\n'
GROUPS = "id,role,sentence\ncontrol,control,\nhomeless,,The patient is homeless.\n"
STUDY = """study: small
title: A title
cases: {file: CASES}
factors:
  - {name: group, file: groups.csv, insert: {after_first: ". ", text: sentence}}
prompt: {user: "{{case.text}} {{question.ask}}"}
questions:
  - name: q
    ask: "Triage?"
    answer: {mh: {boolean: ["Yes", "No"]}}
models: [m]
parameters: {temperature: 0.7}
"""
PROVIDERS = "accounts: {s: {provider: simulated}}\nmodels: {m: {account: s, model: m-1}}\n"


def workbook(rows, **parts):
    """An .xlsx of these rows of texts; `parts` replaces one of its parts."""
    cells = "".join(f"<row r='{r}'>" + "".join(f"<c r='{chr(65 + c)}{r}' t='inlineStr'><is><t>{v}</t></is></c>" for c, v in enumerate(row)) + "</row>"
                    for r, row in enumerate(rows, 1))
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"
    files = {"xl/workbook.xml": "<workbook xmlns:r='r'><sheets><sheet name='Cases' sheetId='1' r:id='a'/></sheets></workbook>",
             "xl/_rels/workbook.xml.rels": f"<Relationships><Relationship Id='a' Type='{kind}' Target='worksheets/sheet1.xml'/></Relationships>",
             "xl/worksheets/sheet1.xml": f"<worksheet><sheetData>{cells}</sheetData></worksheet>", **parts}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, text in files.items():
            z.writestr(name, text)
    return out.getvalue()


ROWS = [["case_id", "text"], ["c1", "A patient fell. It hurts."], ["c2", "A patient has a cough. It is dry."]]
LINES = [dict(zip(ROWS[0], r)) for r in ROWS[1:]]


class Folder(harness.TestCase):
    def study(self, cases=CASES, name="cases.csv", study=STUDY, groups=GROUPS, providers=PROVIDERS):
        d = self.box.dir
        for file, content in ((name, cases), ("groups.csv", groups), ("providers.yaml", providers), ("study.yaml", study.replace("CASES", name))):
            (d / file).write_bytes(content if isinstance(content, bytes) else content.encode())
        return d / "study.yaml"

    def refused(self, part, code=harness.EXIT_INVALID, env=None, **files):
        done = self.box.clinsafe("plan", self.study(**files), env=env)
        self.assertExit(done, code)
        self.assertOneLine(done.err, part)


@harness.short
class Tables(Folder):
    def test_what_people_have_is_the_same_study(self):
        semicolons = CASES.replace(",", ";")
        nested = "\n".join(json.dumps({**line, "meta": {"age": 60, "tags": ["a", "b"]}}) for line in LINES)
        same = {"plain": (CASES, "cases.csv"), "semicolons": (semicolons, "cases.csv"), "sep": ("sep=;\r\n" + semicolons, "cases.csv"),
                "bom": (("\ufeff" + CASES).encode(), "cases.csv"), "excel": ("\ufeff" + semicolons.replace("\n", "\r\n"), "cases.csv"),
                "trailing": ("".join(f"{line},,\n" for line in CASES.splitlines()) + ",,,\n,,,\n", "cases.csv"),
                "tabs": (CASES.replace(",", "\t"), "cases.csv"), "list": (json.dumps(LINES, indent=2), "cases.json"),
                "lines": (nested, "cases.jsonl"), "some": (nested.replace('"meta"', '"label": "x", "meta"', 1), "cases.jsonl"),
                "blank": ("case_id\u00a0,text \n" + CASES.split("\n", 1)[1], "cases.csv"), "xlsx": (workbook(ROWS), "cases.xlsx")}
        book = {}
        for kind, (cases, name) in same.items():
            done = self.box.clinsafe("plan", self.study(cases, name), "--prompts", self.box.dir / "book.csv")
            self.assertExit(done)
            book[kind] = (self.box.dir / "book.csv").read_text()
        self.assertIn("A patient fell. The patient is homeless. It hurts.", book["plain"])
        for kind, prompts in book.items():
            self.assertEqual(prompts, book["plain"], kind)

    def test_what_cannot_be_read_is_said(self):
        for cases, name, part in (
                (workbook(ROWS), "cases.csv", "cases.csv: this is an Excel workbook; name it .xlsx"),
                (workbook(ROWS, **{"xl/worksheets/sheet1.xml": "<worksheet><sheetData><row r='1'><c r='A1' t='d'><v>2026-01-01</v></c></row></sheetData></worksheet>"}),
                 "cases.xlsx", "cases.xlsx:1: cell A1 is a date"),
                (CASES.replace("A patient fell", "A patient\u2019s fall").encode("cp1252"), "cases.csv", 'save the file as "CSV UTF-8"'),
                (CASES.encode("utf-16"), "cases.csv", "the file is UTF-16; save it as"),
                (CASES.replace('"A patient has a cough. It is dry."', ""), "cases.csv", 'cases.csv:3: the text of case "c2" is empty'),
                ('{"case_id":"c1","text":"A. B."}\n{"case_id":"c2"}\n', "cases.jsonl", 'cases.jsonl:2: the text of case "c2" is empty'),
                ('{"case_id":"c1","text":null}\n', "cases.jsonl", 'the text of case "c1" is empty'),
                ('{"case_id":"c1","text":"A. B."}\n{"case_id":"c2","txt":"A. B."}\n', "cases.jsonl", 'unknown key "txt"; did you mean "text"?'),
                ("x", "cases.doc", "Name it .csv, .tsv, .jsonl, .json or .xlsx")):
            with self.subTest(part=part):
                self.refused(part, cases=cases, name=name)

    def test_what_nobody_sees_is_noted(self):
        seen = CASES.replace('"', "\u201d").replace(" cough", " cou\u200bgh").replace("c2,", "C1,")
        out = harness.must(self.box.clinsafe("plan", self.study(seen))).out
        for part in ("curled quotes around a whole text: they are part of it", "a character that nobody sees, and the model does",
                     "an id that differs from an earlier one by capitals or blanks only"):
            self.assertIn(part, out)
        self.assertNotIn("contradictions", harness.must(self.box.clinsafe("plan", self.study())).out)


@harness.short
class StudyFile(Folder):
    def test_a_byte_order_mark_is_passed_over(self):
        self.assertExit(self.box.clinsafe("plan", self.study(study="\ufeff" + STUDY)))

    def test_what_would_be_right_is_said(self):
        for old, new, part in (
                ('ask: "Triage?"', 'ask: "Triage?', "is the quote that opens it on line 9 not closed there?"),
                ("models: [m]", 'models: ["m]', ":11:10: a quote that is opened here is not closed"),
                ("title: A title", "title: Triage: a title", "a colon and a blank inside a text without quotes; put the text in quotes"),
                ("temperature: 0.7", "temperature: 0,7", "a decimal comma; write 0.7"),
                ("temperature: 0.7", 'temperature: "0,7"', 'temperature is "0,7"; write 0.7'),
                ('answer: {mh: {boolean: ["Yes", "No"]}}', "answer:", "answer is empty; write what is wanted, as in answer: {triage:")):
            with self.subTest(new=new):
                self.refused(part, study=STUDY.replace(old, new))

    def test_a_folder_in_place_of_the_study(self):
        study = self.study()
        done = self.box.clinsafe("plan", study.parent)
        self.assertExit(done, harness.EXIT_MISSING)
        self.assertOneLine(done.err, "is a folder; the study file in it is", "study.yaml")

    def test_a_command_that_is_misspelt(self):
        done = self.box.clinsafe("statu", "x")
        self.assertExit(done, harness.EXIT_USAGE)
        self.assertOneLine(done.err, 'did you mean "status"?')

    def test_a_key_that_is_not_there(self):
        providers = PROVIDERS.replace("{provider: simulated}", '{base_url: "http://127.0.0.1:1/v1", key: {env: NO_SUCH_KEY}}')
        done = self.box.clinsafe("plan", self.study(providers=providers))
        self.assertExit(done)
        self.assertIn("NO_SUCH_KEY", done.out)

    def test_init_writes_a_study_that_runs(self):
        folder = self.box.dir / "begun"
        self.assertExit(self.box.clinsafe("init", folder))
        lines = (folder / "study.yaml").read_text().splitlines()
        self.assertLessEqual(len(lines), 16)
        self.assertExit(self.box.clinsafe("plan", folder / "study.yaml"))
        self.assertExit(self.box.clinsafe("run", folder / "study.yaml"))
        rows = harness.rows_csv(harness.must(self.box.clinsafe("export", folder / "study.yaml")).out)
        self.assertEqual(({r["outcome"] for r in rows}, len(rows)), ({"ok"}, 4 * 4 * 3))
        done = self.box.clinsafe("init", folder)
        self.assertExit(done, 73)
        self.assertOneLine(done.err, "is there already")


@harness.short
class Schemas(harness.TestCase):
    """They accept what the loader accepts, and refuse what it refuses by its form."""

    NOT_FORM = ("cases_rows_differ", "level_key_unknown")  # these depend on what else the file says

    def schema(self, name):
        return json.loads((harness.TOP / "ops" / "schema" / f"{name}.schema.json").read_text())

    def of(self, document):
        return self.schema("study" if "study" in document else "providers")

    def test_shipped_files_are_accepted(self):
        n = 0
        for path in [*harness.TOP.glob("ops/studies/**/*.yaml"), *harness.TOP.glob("tests/e2e/fixtures/**/*.yaml")]:
            document = yaml.safe_load(path.read_text())
            if {"study", "accounts"} & document.keys():
                n += 1
                self.assertEqual(schema.faults(self.of(document), document), [], path)
        self.assertGreater(n, 12)
        for text in (STUDY, PROVIDERS):
            document = yaml.safe_load(text)
            self.assertEqual(schema.faults(self.of(document), document), [])

    def test_wrong_forms_are_refused(self):
        form = re.compile(r"unknown key|write a (?:list|map|whole number|number from)|has no \"\w+\"; add|; write one of|at least one")
        n = 0
        folder, passed = harness.TOP / "tests" / "e2e" / "bad_studies", []
        for path in sorted(folder.glob("*.yaml")):
            text = path.read_text(errors="replace")
            expect = re.search(r"# expect: (.*)", text)
            if not expect or path.stem in self.NOT_FORM or "and its unit" in expect.group(1) or path.stem.startswith("yaml_") or not form.search(expect.group(1)) or "tables/" in expect.group(1):
                continue
            providers = re.search(r"# providers: (.*)", text)
            document = yaml.safe_load((folder / providers.group(1)).read_text() if providers else text)
            n += 1
            if not schema.faults(self.schema("providers" if providers else "study"), document):
                passed.append(path.stem)
        self.assertEqual(passed, [])
        self.assertGreater(n, 12)


if __name__ == "__main__":
    harness.main()
