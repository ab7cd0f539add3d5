#!/usr/bin/env python3
"""Odd machines and odd files: few descriptors, little memory, no descriptors at all, folders that are not there; tables and studies that mean harm."""
import os
import re
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
import hostile
from hostile import harness
from test_providers import Case


class Machine(Case):
    def run_under(self, name, prefix=(), env=None, cases=100):
        study = hostile.study(self.box.dir / name, self.server.port, ["good"], cases=cases)
        return study, self.box.start("clinsafe", "run", study, "--workers", 2, env={**self.ENV, "HOSTILE_KEY": f"{hostile.KEY}-{name}", **(env or {})}, prefix=prefix)

    @harness.short
    def test_few_of_everything(self):
        """The same study each time, and each time it ends."""
        self.server, limits = self.provider(), ("prlimit",)
        nowhere = {"TMPDIR": "/nonexistent", "XDG_RUNTIME_DIR": "/nonexistent"}
        runs = {
            "as ever": self.run_under("ever"),
            "64 descriptors": self.run_under("nofile64", (*limits, "--nofile=64:64")),
            "no standard descriptors": self.run_under("closed", ("sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh")),
            "no folder for sockets": self.run_under("nowhere", env=nowhere),
        }
        if not harness.SANITIZED:
            runs["700 MB of addresses"] = self.run_under("address", (*limits, f"--as={700 << 20}"))
        for what, (study, run) in runs.items():
            self.assertExit(run.wait(60))
            print(f"    {what}:", end="", flush=True)
            self.control(study)
            self.assertExit(self.box.clinsafe("verify", study))

    @harness.short
    def test_what_cannot_be_is_said(self):
        """No room for a file, and no memory at all: an error of ours, in words, within seconds."""
        self.server = self.provider()
        study, run = self.run_under("fsize", ("prlimit", f"--fsize={200 << 10}"), cases=400)
        done = run.wait(30)
        self.assertExit(done, harness.EXIT_BUSY)
        self.assertIn("ulimit -f", done.err)
        study, run = self.run_under("bare", ("prlimit", f"--as={300 << 20}"))
        done = run.wait(30)
        if harness.SANITIZED:
            return
        if done.code == 0:  # it was enough after all
            self.control(study)
        else:
            self.assertRegex(done.err, "ended at its start|memory")


class Files(Case):
    ROWS = 'rows: [{case_id: a, text: "hello. x"}]'

    @harness.short
    def test_tables_and_studies(self):
        server = self.provider()
        study = hostile.study(self.box.dir / "s", server.port, ["good"])
        text = re.sub(r"cases: \{.*\}", f"cases: {{{self.ROWS}}}", study.read_text())
        folder = study.parent
        (folder / "big.csv").write_text('case_id,text\na,"' + "Big case. " * 92000 + '"\n')
        (folder / "levels.csv").write_text("id,role,text\nc,control,\n" + "".join(f"l{i},,Text {i}.\n" for i in range(100000)))
        os.mkfifo(folder / "fifo.csv")
        wrong = {
            "no cases": (text.replace(self.ROWS, "rows: []"), "at least one"),
            "no repeats": (text + "repeats: 0\n", "from 1 to"),
            "a large cell": (text.replace(self.ROWS, "file: big.csv"), "longer than"),
            "many levels": (re.sub(r"levels: \[.*\]\n", "file: levels.csv\n", text), "more than"),
            "a path upwards": (text.replace(self.ROWS, "file: ../../../../../../etc/passwd"), "what kind of table"),
            "an endless file": (text.replace(self.ROWS, "file: /dev/zero"), "not a regular file"),
            "a pipe": (text.replace(self.ROWS, "file: fifo.csv"), "not a regular file"),
            "a pipe for an image": (re.sub(r"prompt: \{", "prompt: {images: [case.photo], ", text.replace(self.ROWS, 'rows: [{case_id: a, text: "hello. x", photo: fifo.csv}]')),
                                    "not a regular file"),
            "depth": ("a: " + "[" * 100000, "deeper than"),
            "aliases": ("a: &a [x, x]\nb: &b [*a, *a]\n", "aliases"),
        }
        for what, (content, words) in wrong.items():
            file = folder / "wrong.yaml"
            file.write_text(content)
            done = self.box.clinsafe("run", file, env=self.ENV, timeout=20)
            self.assertExit(done, harness.EXIT_INVALID)
            self.assertOneLine(done.err, words)
        done = self.box.clinsafe("plan", folder / "fifo.csv", env=self.ENV, timeout=20)
        self.assertExit(done, harness.EXIT_INVALID)
        self.assertOneLine(done.err, "not a regular file")
        providers = folder / "providers.yaml"
        providers.rename(folder / "aside")
        os.mkfifo(providers)
        done = self.box.clinsafe("plan", study, env=self.ENV, timeout=20)
        self.assertExit(done, harness.EXIT_INVALID)
        self.assertOneLine(done.err, "not a regular file")
        (folder / "aside").rename(providers)
        self.assertEqual(server.calls, {})
        study.write_text(text.replace("title: Hostile", 'title: "<script>alert(1)</script>"').replace("hello. x", "<script>alert(2)</script>. y")
                         .replace("id: black", 'id: "<b>x"'))
        self.assertExit(self.box.clinsafe("run", study, env=self.ENV))
        self.assertExit(self.box.clinsafe("report", study, "--out", self.box.dir / "page.html"))
        self.assertNotRegex((self.box.dir / "page.html").read_text(), r"<script>alert|<b>x")
        self.control(study)


if __name__ == "__main__":
    harness.main()
