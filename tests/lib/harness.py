"""What the real-process tests share: programs, processes that cannot outlive their test, folders, results.

A test file is a unittest module that ends with `harness.main()`. It runs under tests/run-all, or by hand:

    CLINSAFE_BUILD=build tests/e2e/test_demo_small.py [--short] [NAME...]

Tests and classes marked @harness.short belong to the quick subset. TIME_LIMIT_S of a class bounds each of its tests.
A folder of a test that failed is kept, and its path printed.
"""
import csv
import ctypes
import http.server
import io
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import unittest
import urllib.error
import urllib.request
from pathlib import Path

import documents

TOP = Path(__file__).resolve().parents[2]
BUILD = (TOP / os.environ.get("CLINSAFE_BUILD", "build")).resolve()
FIXTURES = TOP / "tests" / "e2e" / "fixtures"
# An instrumented build is slower and larger; figures of memory mean nothing then.
SANITIZED = "-fsanitize=" in ((BUILD / "flags").read_text() if (BUILD / "flags").exists() else "")
SLOW = 4 if SANITIZED else 1
EXIT_USAGE, EXIT_INVALID, EXIT_MISSING, EXIT_CORRUPT, EXIT_BUSY, EXIT_DENIED, EXIT_INTERRUPTED = 64, 65, 66, 74, 75, 77, 130

# What no program of ours may say, whatever its test looks at.
_COMPLAINTS = re.compile(r"ev=assertion_failed|runtime error:|(?:Address|Leak|Thread)Sanitizer")
_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def short(thing):
    """Marks a test or a class of tests for `run-all --short`."""
    thing.short = True
    return thing


def program(name):
    return str(BUILD / name)


def environment(extra=None):
    """Ours without what would change a test's meaning; keys and proxies of the machine do not reach the programs."""
    keep = ("PATH", "HOME", "LANG", "TMPDIR", "LLVM_PROFILE_FILE")
    env = {k: v for k, v in os.environ.items() if k in keep}
    env["LC_ALL"] = "C.UTF-8"
    env["ASAN_OPTIONS"] = "detect_leaks=1:abort_on_error=0:exitcode=99"
    env["UBSAN_OPTIONS"] = "print_stacktrace=1"
    env.update(extra or {})
    return {k: v for k, v in env.items() if v is not None}


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Done:
    """A program that has ended: exit status, what it printed, and how long it took."""

    def __init__(self, args, code, out, err, seconds):
        self.args, self.code, self.out, self.err, self.seconds = args, code, out, err, seconds

    def json(self):
        return json.loads(self.out)

    def check_document(self):
        """What our --json printed is as ops/schema/json says, whatever the test makes of it."""
        if self.args[0] == program("clinsafe") and "--json" in self.args and self.out[:1] in ("{", "["):
            documents.check(self.json())

    def __str__(self):
        return f"{' '.join(map(str, self.args))}\nexit {self.code}\n{self.out[-3000:]}\n{self.err[-5000:]}"


class Process:
    """A running program; its output goes to files, so that it never waits for a reader."""

    def __init__(self, args, env=None, cwd=None, prefix=()):
        self.args = [str(a) for a in args]
        self._out, self._err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self._began = time.monotonic()
        self._popen = subprocess.Popen([*prefix, *self.args], stdin=subprocess.DEVNULL, stdout=self._out, stderr=self._err,
                                       env=environment(env), cwd=cwd, preexec_fn=_die_with_parent)
        self.pid = self._popen.pid
        self.done = None

    def poll(self):
        """The finished program, or None while it runs."""
        if self.done is None:
            code = self._popen.poll()
            if code is not None:
                self.done = Done(self.args, code, self._text(self._out), self._text(self._err),
                                 time.monotonic() - self._began)
                if code >= 0:  # who was killed may have printed half of one
                    self.done.check_document()
        return self.done

    def wait(self, timeout=60):
        deadline = time.monotonic() + timeout * SLOW
        while self.poll() is None:
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"did not end within {timeout * SLOW} s: {self.done}")
            time.sleep(0.005)
        return self.done

    def signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.signal(signal.SIGKILL)
        while self.poll() is None:
            time.sleep(0.005)

    def stop(self, timeout=20):
        """As an operator would: SIGTERM, and it ends by itself."""
        self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def printed(self):
        return self._text(self._out) + self._text(self._err)

    @staticmethod
    def _text(file):
        return os.pread(file.fileno(), 64 << 20, 0).decode(errors="replace")


def wait_for(condition, timeout=30, what="condition", process=None):
    """Polls until condition() is true and returns its value; ends early when `process` does."""
    deadline = time.monotonic() + timeout * SLOW
    while True:
        ended = process is not None and process.poll() is not None  # looked at first: what it did last counts
        value = condition()
        if value:
            return value
        if ended:
            raise AssertionError(f"ended while waiting for {what}: {process.done}")
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout * SLOW} s in vain for {what}" +
                                 (f": {process.printed()[-3000:]}" if process is not None else ""))
        time.sleep(0.01)


def one_day(seconds):
    """The next so many seconds are of one day (UTC), for what is counted by the day: else the new one is waited for."""
    left = 86400 - time.time() % 86400
    if left < seconds:
        time.sleep(left + 1)


def free_ports(n=1):
    """For servers that cannot choose for themselves, or come back to where they were. Not of those that the system gives to whoever asks for any:
    with tests side by side, such a port may have another owner before its server binds it."""
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    wanted = iter(random.sample(range(10000, low), low - 10000) if low > 12000 else [0] * n)
    held = []
    try:
        while len(held) < n:
            held.append(socket.socket())
            try:
                held[-1].bind(("127.0.0.1", next(wanted)))
            except OSError:
                held.pop().close()
        return [s.getsockname()[1] for s in held]
    finally:
        for s in held:
            s.close()


class HttpServer(http.server.ThreadingHTTPServer):
    """A provider of a test's own. With the usual queue of 5 the system drops calls that come together; they are sent again seconds later."""
    daemon_threads = True
    request_queue_size = 1024


class Simulator(Process):
    """A simulated provider of the test's own."""

    def __init__(self, folder, *args, host="127.0.0.1", prefix=()):
        self.port_file = Path(folder) / f"simulator-{time.monotonic_ns()}.port"
        super().__init__([program("clinsafe-simulator"), "--port", 0, "--port-file", self.port_file,
                          *(() if host == "127.0.0.1" else ("--host", host)), *args], prefix=prefix)
        wait_for(lambda: self.port_file.exists() and self.port_file.read_text().strip(), what="the simulator's port",
                 process=self)
        self.port = int(self.port_file.read_text())
        self.url = f"http://{host}:{self.port}"

    def stats(self):
        with urllib.request.urlopen(self.url + "/stats", timeout=30) as reply:
            return json.load(reply)

    def control(self, **settings):
        """Changes what it does while it runs (tools/simulator/README.md)."""
        request = urllib.request.Request(self.url + "/control", data=json.dumps(settings).encode(), method="POST")
        urllib.request.urlopen(request, timeout=30).close()


class Sandbox:
    """A folder and the processes of a test or of a class of tests."""

    def __init__(self):
        self.dir = Path(tempfile.mkdtemp(prefix="cs-"))
        self.runtime = self.dir / "r"  # where `clinsafe run` makes its sockets; their paths must stay short
        self.runtime.mkdir(mode=0o700)
        self._processes = []

    def close(self, keep):
        for p in reversed(self._processes):
            p.kill()
        if keep:
            print(f"kept: {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def complaints(self):
        """Lines of broken assertions and of the sanitizers, from all that the programs printed and logged."""
        texts = [p.printed() for p in self._processes]
        for folder, _, names in os.walk(self.dir):  # unlike rglob it bears folders that go away: a fleet may still work there
            if folder.endswith(".clinsafe/logs"):
                texts += [Path(folder, name).read_text(errors="replace") for name in names if name.endswith(".log")]
        return [line for text in texts for line in text.splitlines() if _COMPLAINTS.search(line)]

    def copy(self, fixture, name=None):
        """A copy of tests/e2e/fixtures/NAME; returns its study file."""
        to = self.dir / (name or fixture)
        shutil.copytree(FIXTURES / fixture, to, ignore=shutil.ignore_patterns("*.clinsafe"))
        return to / "study.yaml"

    def adopt(self, process):
        self._processes.append(process)
        return process

    def start(self, name, *args, env=None, prefix=()):
        env = {"XDG_RUNTIME_DIR": str(self.runtime), **(env or {})}
        return self.adopt(Process([program(name), *args], env=env, cwd=self.dir, prefix=prefix))

    def clinsafe(self, *args, timeout=60, env=None, prefix=()):
        return self.start("clinsafe", *args, env=env, prefix=prefix).wait(timeout)

    def simulator(self, *args, **kw):
        return self.adopt(Simulator(self.dir, *args, **kw))


class TestCase(unittest.TestCase):
    """With a sandbox for each test (self.box), and one for the class (cls.shared), both made when first used."""

    TIME_LIMIT_S = 120
    maxDiff = 3000
    _box = None
    failed_here = False

    @classmethod
    def setUpClass(cls):
        cls.failed_here = False
        cls._shared = None
        cls._limit(cls.TIME_LIMIT_S)
        try:
            cls.prepare()
        except BaseException:
            cls._close_shared(keep=True)
            raise
        finally:
            signal.alarm(0)

    @classmethod
    def prepare(cls):
        """What all tests of the class look at; in the time of one test."""

    @classmethod
    def shared(cls):
        if cls._shared is None:
            cls._shared = Sandbox()
        return cls._shared

    @classmethod
    def tearDownClass(cls):
        complaints = cls._shared.complaints() if cls._shared is not None else []
        cls._close_shared(keep=cls.failed_here or complaints)
        assert not complaints, complaints

    @classmethod
    def _close_shared(cls, keep):
        if cls._shared is not None:
            cls._shared.close(keep)
            cls._shared = None

    @staticmethod
    def _limit(seconds):
        def late(*_):
            raise AssertionError(f"over its time limit of {seconds * SLOW} s")
        signal.signal(signal.SIGALRM, late)
        signal.alarm(seconds * SLOW)

    def setUp(self):
        self._limit(self.TIME_LIMIT_S)

    def tearDown(self):
        signal.alarm(0)
        if self._box is not None:
            self.assertEqual(self._box.complaints(), [])

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        failed = len(result.failures) + len(result.errors) > before
        type(self).failed_here |= failed
        if self._box is not None:
            self._box.close(keep=failed)

    @property
    def box(self):
        if self._box is None:
            self._box = Sandbox()
        return self._box

    def assertExit(self, done, code=0):
        if done.code != code:
            self.fail(f"expected exit {code}\n{done}{logs_of(done)}")

    def assertOneLine(self, text, *parts):
        """One line on stderr that says these things."""
        lines = text.strip().splitlines()
        self.assertEqual(len(lines), 1, text)
        for part in parts:
            self.assertIn(str(part), lines[0])


def logs_of(done):
    """The last lines of the logs of a `clinsafe run` that did not go as it should."""
    text = ""
    for arg in done.args:
        folder = Path(arg.removesuffix(".yaml") + ".clinsafe" if arg.endswith(".yaml") else arg)
        for log in sorted((folder / "logs").glob("[!r]*.log")) if (folder / "logs").is_dir() else []:  # Redis' says little
            text += f"\n---- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-12:])
    return text


def must(done):
    """For what tests only build upon: it has succeeded."""
    assert done.code == 0, f"{done}{logs_of(done)}"
    return done


def rows_jsonl(text):
    return [json.loads(line) for line in text.splitlines()]


def rows_csv(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


class _Result(unittest.TestResult):
    """One line a test; details only of what failed."""

    def __init__(self):
        super().__init__()
        self.passed = 0
        self._began = 0.0

    def startTest(self, test):
        super().startTest(test)
        self._began = time.monotonic()

    def _line(self, word, test, more=""):
        took = time.monotonic() - self._began if self._began else 0
        print(f"  {word:6} {test.id().removeprefix('__main__.'):60} {took:6.1f} s{more}", flush=True)

    def addSuccess(self, test):
        self.passed += 1
        self._line("ok", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._line("FAILED", test)
        print(self.failures[-1][1], flush=True)

    def addError(self, test, err):
        super().addError(test, err)
        self._line("FAILED", test)
        print(self.errors[-1][1], flush=True)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._line("FAILED", subtest)
            print("".join(traceback.format_exception(*err)), flush=True)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print(f"skipped: {reason}", flush=True)


def _is_short(test):
    method = getattr(test, test._testMethodName)
    return getattr(method, "short", False) or getattr(type(test), "short", False)


def _flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from _flatten(item)
        else:
            yield item


def main():
    """Runs the tests of the main module; ends on `N passed, N failed[, N skipped]`."""
    args = [a for a in sys.argv[1:] if a != "--short"]
    only_short = "--short" in sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that sandboxes are cleared when run-all gives up
    tests = [t for t in _flatten(unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]))
             if (_is_short(t) or not only_short) and (not args or any(a in t.id() for a in args))]
    result = _Result()
    unittest.TestSuite(tests).run(result)
    failed, skipped = len(result.failures) + len(result.errors), len(result.skipped)
    print(f"{result.passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""), flush=True)
    sys.exit(1 if failed else 0)
