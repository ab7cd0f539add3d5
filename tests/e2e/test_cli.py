#!/usr/bin/env python3
"""The command line as a person meets it: help with examples, one line and a fitting exit status for what is wrong."""
import re
import stat
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib")]
import harness

COMMANDS = ["run", "init", "plan", "submit", "list", "wait", "status", "pause", "resume", "cancel", "report", "retry", "drain", "export", "labels", "verify", "drill", "store", "keygen", "keys", "show", "void", "review", "protocol", "reread", "set", "delete", "events", "bill", "slurm", "suite", "backup", "restore"]
PROGRAMS = ["clinsafe-coordinator", "clinsafe-worker", "clinsafe-simulator"]


@harness.short
class Help(harness.TestCase):
    def test_overview_lists_every_command(self):
        done = self.box.clinsafe("--help")
        self.assertExit(done)
        listed = re.findall(r"^  (\w+) {2,}\S", done.out.split("Commands:")[1].split("Example:")[0], re.M)
        self.assertEqual(sorted(listed), sorted(COMMANDS))
        self.assertIn("Example:\n  clinsafe run ", done.out)

    def test_every_command_explains_itself_with_an_example(self):
        for command in COMMANDS:
            with self.subTest(command=command):
                done = self.box.clinsafe(command, "--help")
                self.assertExit(done)
                self.assertEqual(done.err, "")
                self.assertRegex(done.out, rf"(?m)^\s*clinsafe {command}\b")
                self.assertRegex(done.out, rf"Example:\s*\n?\s*clinsafe {command}\b")

    def test_every_command_can_print_json(self):
        """What each prints: tools/json.md."""
        suite = re.findall(r"^  (\w+) {2,}\S", self.box.clinsafe("suite", "--help").out.split("Commands:")[1].split("Options:")[0], re.M)
        self.assertGreater(len(suite), 5)
        for command in [*(c for c in COMMANDS if c != "suite"), *(f"suite {c}" for c in suite)]:
            with self.subTest(command=command):
                self.assertRegex(self.box.clinsafe(*command.split(), "--help").out, r"(?m)^  --json\b")

    def test_every_program_explains_itself_with_an_example(self):
        for program in PROGRAMS:
            with self.subTest(program=program):
                done = self.box.start(program, "--help").wait()
                self.assertExit(done)
                self.assertRegex(done.out, rf"Example:\s*\n?\s*{program}\b")

    def test_what_is_logged_can_be_chosen(self):
        for program in ("clinsafe-coordinator", "clinsafe-worker"):
            done = self.box.start(program, "--log-level", "loud").wait()
            self.assertExit(done, harness.EXIT_USAGE)
            self.assertIn(f"{program}: --log-level loud: want error, warning, info or debug\n", done.err)
        for level, seen in (("error", False), ("warning", False), ("info", True), ("debug", True)):
            where = [f"ipc://{self.box.runtime}/{level}-{n}" for n in ("work", "admin")]
            coordinator = self.box.start("clinsafe-coordinator", "--dir", self.box.dir / level, "--bind", where[0], "--admin", where[1],
                                         "--log-level", level, "--ready-file", self.box.dir / f"{level}.ready")
            harness.wait_for((self.box.dir / f"{level}.ready").exists, what="the coordinator", process=coordinator)
            self.assertExit(coordinator.stop())
            self.assertEqual("ev=serving" in coordinator.printed(), seen, level)

    def test_version(self):
        """Its name, its version, what it speaks and what it writes: the numbers of the sources."""
        number = lambda path, name: re.search(rf"{name} = (\d+)", (harness.TOP / path).read_text()).group(1)
        minor, store = number("protocol/wire/messages.h", "CS_WIRE_MINOR"), number("store/store_internal.h", "CS_STORE_FORMAT")
        versions = set()
        for program in ["clinsafe", *PROGRAMS]:
            done = self.box.start(program, "--version").wait()
            self.assertExit(done)
            self.assertRegex(done.out, rf"^{program} \S+ \(protocol 1\.{minor}, store format {store}\)\n$")
            versions.add(done.out.split()[1])
        self.assertEqual(len(versions), 1, versions)


@harness.short
class WrongUsage(harness.TestCase):
    def refused(self, code, args, *parts):
        done = self.box.clinsafe(*args)
        self.assertExit(done, code)
        self.assertEqual(done.out, "")
        self.assertOneLine(done.err, *parts)

    def test_no_command(self):
        self.assertExit(self.box.clinsafe(), harness.EXIT_USAGE)

    def test_unknown_command(self):
        self.refused(harness.EXIT_USAGE, ["frobnicate"], "frobnicate", "clinsafe --help")

    def test_unknown_option(self):
        for command in COMMANDS:
            with self.subTest(command=command):
                self.refused(harness.EXIT_USAGE, [command, "--frobnicate"], "--frobnicate")

    def test_missing_and_superfluous_arguments(self):
        for command in ("run", "plan", "submit", "export", "verify", "drill", "keygen", "init", "review", "slurm"):
            with self.subTest(command=command):
                self.refused(harness.EXIT_USAGE, [command])
                if command not in ("submit", "run", "slurm"):  # which take several
                    self.refused(harness.EXIT_USAGE, [command, "a", "b"], "argument", command)

    def test_value_that_is_no_number(self):
        self.refused(harness.EXIT_USAGE, ["run", "x.yaml", "--slots", "many"], "slots", "many")
        self.refused(harness.EXIT_USAGE, ["run", "x.yaml", "--slots"], "slots")

    def test_study_that_is_not_there(self):
        for command in (["run"], ["plan"], ["export", "--format", "csv"], ["verify"]):
            with self.subTest(command=command[0]):
                self.refused(harness.EXIT_MISSING, [*command, "no-such.yaml"], "no-such.")

    def test_study_that_was_never_run(self):
        study = self.box.copy("small")
        for args in (["export", study, "--format", "csv"], ["verify", study], ["status", study],
                     ["pause", "--dir", study.with_suffix(".clinsafe")]):
            with self.subTest(command=args[0]):
                self.refused(harness.EXIT_MISSING, args, "study.clinsafe")
        self.assertFalse(study.with_suffix(".clinsafe").exists(), "looking at a study makes nothing")

    def test_study_with_a_fault(self):
        study = self.box.copy("small")
        study.write_text(study.read_text().replace("repeats: 3\n", "repeats: three\n"))
        self.refused(harness.EXIT_INVALID, ["plan", study], f"{study}:", "repeats", "three")

    def test_export_format(self):
        study = self.box.copy("small")
        self.refused(harness.EXIT_USAGE, ["export", study, "--format", "xlsx"], "xlsx", "csv", "jsonl")

    def test_which_coordinator(self):
        for command in ("pause", "resume", "cancel", "retry", "drain"):
            self.refused(harness.EXIT_USAGE, [command], "--coordinator", "--dir")
        self.refused(harness.EXIT_USAGE, ["status"], "--redis")

    def test_redis_that_is_not_there(self):
        done = self.box.clinsafe("status", "--redis", "tcp://127.0.0.1:1")
        self.assertNotEqual(done.code, 0)
        self.assertOneLine(done.err, "127.0.0.1:1")


class Ending(harness.TestCase):
    def test_a_coordinator_that_says_it_is_ready_ends_well_on_sigterm(self):
        for i in range(10):  # the moment is short
            folder = self.box.dir / str(i)
            folder.mkdir()
            coordinator = self.box.start("clinsafe-coordinator", "--dir", folder / "store", "--bind", f"ipc://{folder}/w", "--admin",
                                         f"ipc://{folder}/a", "--ready-file", folder / "ready")
            while not (folder / "ready").exists():
                self.assertIsNone(coordinator.poll())
            self.assertExit(coordinator.stop())


@harness.short
class Keys(harness.TestCase):
    def test_keygen_writes_a_secret_and_a_public_file_and_never_over_them(self):
        base = self.box.dir / "host"
        self.assertExit(self.box.clinsafe("keygen", base))
        secret, public = base.with_suffix(".key"), base.with_suffix(".pub")
        self.assertEqual(stat.S_IMODE(secret.stat().st_mode), 0o600)
        self.assertEqual(len(public.read_text().split()[0]), 40)
        before = secret.read_bytes()
        done = self.box.clinsafe("keygen", base)
        self.assertExit(done, 73)
        self.assertOneLine(done.err, "host.key")
        self.assertEqual(secret.read_bytes(), before)

    def test_tcp_needs_curve(self):
        """Decision 19: no plain socket leaves the machine."""
        done = self.box.start("clinsafe-coordinator", "--dir", self.box.dir / "store", "--bind", "tcp://0.0.0.0:*", "--pub",
                              "tcp://0.0.0.0:*", "--admin", f"ipc://{self.box.runtime}/admin").wait()
        self.assertNotEqual(done.code, 0)
        self.assertRegex(done.err, "(?i)curve|key")

    def test_a_secret_key_that_others_can_read_is_refused(self):
        base = self.box.dir / "host"
        self.assertExit(self.box.clinsafe("keygen", base))
        base.with_suffix(".key").chmod(0o644)
        study = self.box.copy("small")
        done = self.box.clinsafe("submit", study, "--coordinator", "tcp://127.0.0.1:9", "--key", base.with_suffix(".key"),
                                 "--server-key", base.with_suffix(".pub"))
        self.assertNotEqual(done.code, 0)
        self.assertOneLine(done.err, "host.key")


if __name__ == "__main__":
    harness.main()
