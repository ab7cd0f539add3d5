#!/usr/bin/env python3
"""`--json`: every command that has it is documented, the documentation is sound, and an outside referee of JSON Schema agrees. That each
document is as its schema says is checked wherever a test reads one (lib/documents.py)."""
import re
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import documents
import harness
import jsonschema
from test_cli import COMMANDS

SUITE = {"suite-card": "suite run", "suite": "suite show", **{f"suite-{c}": f"suite {c}" for c in ("plan", "check", "seal", "key", "hide")}}
ACTS = ["pause", "resume", "cancel", "drain", "set", "retry", "void", "delete"]
WRITERS = ["init", "keygen", "protocol", "labels", "review", "store", "export"]
COMMANDS_OF = {"fleet": [], "act": ACTS, "written": WRITERS, **{n: [c] for n, c in SUITE.items()}}  # others are of the command of their name; fleet is /status.json


@harness.short
class Documented(harness.TestCase):
    TIME_LIMIT_S = 300  # some thousand keys, for which a machine that is busy takes its time

    def test_every_command_that_has_it_is_there_and_no_other(self):
        have = {c for c in COMMANDS + ["plan", "providers", *SUITE.values()] if re.search(r"^\s+--json\b", self.box.clinsafe(*c.split(), "--help").out, re.M)}
        self.assertEqual(have, {c for n in documents.names() for c in COMMANDS_OF.get(n, [n])})

    def test_every_key_has_words_and_a_kind(self):
        for name in documents.names():
            whole = documents.load(name)
            jsonschema.Draft202012Validator.check_schema(whole)
            self.assertRegex(whole["title"], rf"^clinsafe\.{name}/\d+$")
            for path, part in documents.paths(whole).items():
                with self.subTest(document=name, path=path):
                    self.assertTrue(part.get("description"), "in a few words")
                    if "usd" in path.split(".")[-1]:
                        self.assertTrue(path.endswith("_usd"), "money ends in _usd")
                    self.assertNotIn("nano", path)

    def test_the_page_is_made_from_them(self):
        self.assertEqual(documents.PAGE.read_text(), documents.page(), "tests/lib/documents.py --write")


class Referee:
    """A document once more by jsonschema, which must also see what is wrong."""

    def document(self, *args, code=0):
        done = self.box.clinsafe(*args, "--json")
        self.assertExit(done, code)
        document = done.json()
        whole = documents.load(documents.name_of(document))
        validator = jsonschema.Draft202012Validator(whole)
        validator.validate(document)
        self.assertRegex(document["as_of"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$")
        self.assertEqual(list(document)[:2], ["schema", "as_of"])
        for wrong in ({**document, "odd": 1}, {**document, "schema": "clinsafe.other/1"}, {k: v for k, v in document.items() if k != "as_of"}):
            self.assertTrue(list(validator.iter_errors(wrong)), "the referee is awake")
            with self.assertRaises(AssertionError):
                documents.check(wrong)
        return document


@harness.short
class Printed(harness.TestCase, Referee):
    """One study, and every document that needs no more than it."""

    def test_documents_of_a_study(self):
        study = self.box.copy("small")
        sim = self.box.simulator("--truth", study.parent / "truth.yaml")
        self.document("plan", study)
        self.assertEqual(self.document("run", study, "--workers", 1, "--simulator", sim.url)["lanes"][0]["model"], "model-a")
        providers = study.parent / "providers.yaml"
        providers.write_text(providers.read_text().replace("model-a: {", "model-a: {sunset: 2020-01-31, ", 1))
        self.assertEqual([lane.get("sunset") for lane in self.document("plan", study)["lanes"]], ["2020-01-31", None])
        self.assertIn("model-a: its provider has announced its end for 2020-01-31, which is over", self.box.clinsafe("plan", study).out)
        for command in ("verify", "bill", "report"):
            self.document(command, study)
        self.document("show", study, "a-01")
        self.document("events", "--store", study.with_suffix(".clinsafe"))
        first, second = (self.box.clinsafe("report", study, "--json").out for _ in range(2))
        self.assertEqual(first, second, "the same outputs, the same bytes")

    def written(self, *words, **more):
        """The document without its head; its files are there, and have so many rows."""
        document = self.document(*words, **more)
        self.assertEqual(document["command"], words[0])
        for file in document["files"]:
            if file["rows"] is not None:
                self.assertEqual(file["rows"], len(harness.rows_csv(Path(file["file"]).read_text(encoding="utf-8"))), file)
            self.assertTrue(Path(file["file"]).exists(), file)
        return [Path(f["file"]) for f in document["files"]], {k: v for k, v in document.items() if k not in ("schema", "as_of", "command", "files")}

    def test_files_that_were_written(self):
        here = self.box.dir
        files, more = self.written("init", here / "begun")
        self.assertEqual((sorted(files), more), (sorted((here / "begun").iterdir()), {}))
        self.assertEqual(self.written("keygen", here / "host"), ([here / "host.key", here / "host.pub"], {}))
        study = self.box.copy("small")
        folder = study.with_suffix(".clinsafe")
        self.assertEqual(self.written("protocol", study, "--out", here / "protocol.md"), ([here / "protocol.md"], {}))
        registration = here / "registration.yaml"
        registration.write_text("{doi: 10.1/x, date: 2026-03-01}")
        self.assertEqual(self.written("protocol", study, "--register", registration),
                         ([folder / "store.acts.csv"], {"registered": {"what": "DOI 10.1/x", "date": "2026-03-01"}}))
        self.assertEqual(self.written("review", study, "--out", here / "review.csv"), ([here / "review.csv"], {}))
        sheet = harness.rows_csv((here / "review.csv").read_text(encoding="utf-8"))
        for name, word in (("ann", "yes"), ("bo", "no")):
            (here / f"{name}.csv").write_text("item,rating.plausible,rating.triage\n" + "".join(f"{r['item']},no,{word}\n" for r in sheet))
        warrant = here / "warrant.csv"
        said = {"ratings": 4 * len(sheet), "raters": 2, "implausible": len(sheet)}
        self.assertEqual(self.written("review", study, "--import", here / "ann.csv", "--import", here / "bo.csv", "--warrant", warrant), ([], said))
        self.assertFalse(warrant.exists(), "nothing is warranted to most")
        files, more = self.written("review", study, "--import", here / "ann.csv", "--warrant", warrant)
        self.assertEqual((files, more["raters"]), ([warrant], 1))

        sim = self.box.simulator("--truth", study.parent / "truth.yaml")
        self.document("run", study, "--workers", 1, "--simulator", sim.url)
        files, more = self.written("export", study, "--out", here / "outputs.csv")
        self.assertEqual((files, more), ([here / "outputs.csv"], {}))
        outputs = harness.rows_csv(files[0].read_text(encoding="utf-8"))
        self.assertGreater(len(outputs), 200)
        files, more = self.written("labels", study, "--sample", 30, "--seed", 4, "--out", here / "r.csv", "--rater", "ann", "--rater", "bo", "--rater", "cy")
        self.assertEqual(files, [folder / "store.labels" / "items-4.csv", *(here / f"r-{who}.csv" for who in ("ann", "bo", "cy"))])
        self.assertEqual(more, {"items": 30, "outputs": len(outputs), "images": 0, "unjudged": 0})
        for who in ("ann", "bo"):
            rows = harness.rows_csv((here / f"r-{who}.csv").read_text(encoding="utf-8"))
            word = "urgent" if who == "ann" else "emergent"
            (here / f"{who}.csv").write_text("item,rating.triage,rating.mental_health_assessment\n" + "".join(f"{r['item']},{word},\n" for r in rows))
            self.assertEqual(self.written("labels", study, "--import", here / f"{who}.csv"),
                             ([folder / "store.labels" / "ratings.csv"], {"added": len(rows), "replaced": 0, "empty": len(rows)}))
        files, more = self.written("labels", study, "--adjudicate", here / "differ.csv")
        self.assertEqual((files, more["items"]), ([here / "differ.csv"], 10))
        formats = self.written("store", "upgrade", study)
        self.assertEqual((formats[0], formats[1]["outputs"]), ([], 0), "it has this format already")
        self.assertEqual(formats[1]["format"], formats[1]["format_before"])

    def test_what_is_printed_itself_has_no_room_for_a_document(self):
        study = self.box.copy("small")
        for command in ("protocol", "export"):
            done = self.box.clinsafe(command, study, "--json")
            self.assertExit(done, harness.EXIT_USAGE)
            self.assertEqual(done.out, "")
            self.assertOneLine(done.err, "--out FILE")


if __name__ == "__main__":
    harness.main()
