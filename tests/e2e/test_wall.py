#!/usr/bin/env python3
"""Every number on the wall screen beside a count of its own: three studies at once, asked of a provider in Python that writes down each call and is
in trouble (429s, errors, broken replies, replies that never come, an outage); workers beside /proc. In a pipe, and on a terminal of four sizes."""
import collections
import json
import random
import re
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
import local_fleet
from terminal import Terminal

STUDIES, MODELS = ("heart", "mind", "ward"), ("model-a", "model-b")
PRICES = {"model-a": (0.15, 0.60), "model-b": (1.0, 3.0)}  # USD a million tokens, in and out
AT_ONCE = {"model-a": 5, "model-b": 8}  # calls of a lane
TRIALS, TIMEOUT_S, SIZES = 84, 12, ((80, 24), (60, 20), (120, 40), (200, 60))  # of each lane
WITHIN = 2 ** 0.25  # of the truth lies a latency on the screen (store/redis/tally.h)
OUTAGE_S = 3
SILENT = (5, 20, 35)  # these calls, by number, are never answered: early, since each is waited for until its limit
# What becomes of the others, in a thousand; the rest is answered. The last three are answers, of some outcome.
FATES = {"limited": 15, "errors": 20, "lost": 10, "refused": 60, "unparsable": 30, "truncated": 20}
FATES_ALL = (*FATES, "timeouts", "ok")
ANSWERS = ("ok", "refused", "unparsable", "truncated")
OK = json.dumps({"triage": "urgent", "mental_health_assessment": "No"})
MESSAGES = {"ok": {"content": OK}, "refused": {"content": None, "refusal": "I cannot help with that."}, "unparsable": {"content": "It depends."},
            "truncated": {"content": OK[:20]}}

Call = collections.namedtuple("Call", "lane began ended fate tokens")


class Provider(harness.HttpServer):
    """Its calls, each written down before its last byte is sent."""

    def __init__(self):
        self.lock, self.random, self.calls, self.inside = threading.Lock(), random.Random(7), [], collections.Counter()
        self.n, self.up, self.open = 0, True, threading.Event()
        self.open.set()
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """A caller that has had enough is no error of ours."""

    def fate(self, n):
        if n in SILENT:
            return "timeouts"
        if not self.up:
            return "errors"
        at = self.random.uniform(0, 1000)
        for fate, share in FATES.items():
            at -= share
            if at < 0:
                return fate
        return "ok"

    def came(self, lane):
        with self.lock:
            self.inside[lane] += 1
            self.n += 1
            return self.fate(self.n), min(self.random.lognormvariate(-1.2 if lane[1] == "model-a" else -0.7, 0.5), 3), \
                (self.random.randint(40, 900), self.random.randint(5, 300))

    def left(self, call):
        with self.lock:
            self.inside[call.lane] -= 1
            self.calls.append(call)

    def of(self, lane, *fates):
        with self.lock:
            return [c for c in self.calls if c.lane == lane and c.fate in (fates or FATES_ALL)]


class Metronome(threading.Thread):
    """How late anything runs here at the worst. What a call takes is longer for who makes it than for us by that: before we have it, and after we let it go."""

    def __init__(self):
        super().__init__(daemon=True)
        self.late, self.over = 0.0, threading.Event()
        self.start()

    def run(self):
        due = time.monotonic() + 0.01
        while not self.over.wait(0.01):
            now = time.monotonic()
            self.late, due = max(self.late, now - due), now + 0.01


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        began = time.monotonic()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        lane = (self.path.split("/")[1], body["model"])
        fate, takes, tokens = self.server.came(lane)
        self.server.open.wait()
        if fate == "timeouts":
            self.connection.settimeout(4 * TIMEOUT_S * harness.SLOW)
            self.connection.recv(1)  # until it hangs up
        elif fate in ANSWERS:
            time.sleep(max(0, began + takes - time.monotonic()))
        self.server.left(Call(lane, began, time.monotonic(), fate, tokens if fate in ANSWERS else (0, 0)))
        if fate in ANSWERS:
            self.send(200, {"id": "r", "object": "chat.completion", "model": body["model"],
                            "usage": {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)},
                            "choices": [{"index": 0, "finish_reason": "length" if fate == "truncated" else "stop",
                                         "message": {"role": "assistant", **MESSAGES[fate]}}]})
        elif fate == "lost":
            self.send(200, {"id": "r"}, more=500)
        elif fate == "limited":
            self.send(429, {"error": {"message": "Rate limit reached", "type": "rate_limit_error"}})
        elif fate == "errors":
            self.send(503, {"error": {"message": "No capacity", "type": "server_error"}})
        self.close_connection |= fate in ("lost", "timeouts")

    def send(self, status, body, more=0):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text) + more))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


# ---- the screen in words and numbers

def number(text):
    """Of "1,234", ">=$0.12", "12.5 %", "0.31 s", "17 MiB"."""
    return float(re.search(r"[\d.]+", text.replace(",", ""))[0])


def seconds(text):
    """Of "5 s", "1 min 05 s"."""
    return sum(int(n) * {"s": 1, "min": 60, "h": 3600}[unit] for n, unit in re.findall(r"(\d+) (s|min|h)\b", text))


def table(lines, first):
    """The rows of the table whose first heading is this: cells by heading, cut where the headings stand (a right one ends there, a left one begins)."""
    at = next((i for i, line in enumerate(lines) if line.startswith(first)), None)
    if at is None:
        return []
    heads = [(m[0], m.start(), m.end()) for m in re.finditer(r"\S+(?: \S+)*", lines[at])]
    rows = []
    for line in lines[at + 1:]:
        cells = [(m[0], m.start(), m.end()) for m in re.finditer(r"\S+(?: \S+)*", line)]
        if not cells or re.match(r"[A-Z]{3}", line) or line.startswith("["):
            break
        rows.append({head: text for head, a, b in heads for text, c, d in cells if c == a or d == b})
    return rows


def a_digit(usd):
    """What a sum on the screen may be off by its rounding."""
    return 0.000051 if usd < 0.1 else 0.0051


def between(values, q, n):
    """Where the q-th part of so many may lie: the values beside it."""
    values, at = sorted(values), q * n
    return values[max(0, int(at) - 2)], values[min(n - 1, int(at) + 2)]


class Numbers(local_fleet.TestCase):
    TIME_LIMIT_S = 180

    def truth(self):
        return self.box.copy("small", "truth").parent / "truth.yaml"

    def submit(self, name):
        study = self.box.copy("small", name)
        text = study.read_text().replace("study: small", f"study: {name}").replace("timeout_s: 30", f"timeout_s: {TIMEOUT_S}").replace("repeats: 3\n", "repeats: 2\n")
        study.write_text(text)
        lines = [f"accounts:\n  it: {{protocol: openai-chat, base_url: \"http://127.0.0.1:{self.provider.server_address[1]}/{name}/v1\"}}", "models:"]
        lines += [f"  {m}: {{account: it, model: {m}, price: {{input: {i}, output: {o}}}, limits: {{concurrent: {AT_ONCE[m]}}}}}" for m, (i, o) in PRICES.items()]
        (study.parent / "providers.yaml").write_text("\n".join(lines) + "\n")
        self.assertExit(self.box.clinsafe("submit", study, "--coordinator", self.where["admin"]))

    def start_worker(self, name="w", slots=None):
        self.began[name] = time.monotonic()
        worker = self.workers[name] = self.box.start("clinsafe-worker", "--coordinator", self.where["work"], "--announce", self.where["pub"],
                                                     "--redis", self.redis, "--slots", slots or 64, "--name", name)
        return worker

    def screen(self, columns, rows, **env):
        t = Terminal([harness.program("clinsafe"), "status", "--redis", self.redis, "--watch", "--coordinator", self.where["admin"]],
                     columns, rows, **env)
        self.addCleanup(t.kill)
        return t

    def lanes(self, lines):
        return {(row["STUDY"], row["LANE"]): row for row in table(lines, "LANE")}

    def test_every_number(self):
        self.provider, self.metronome, self.began, self.workers = Provider(), Metronome(), {}, {}
        self.addCleanup(self.metronome.over.set)
        self.addCleanup(self.provider.server_close)
        self.addCleanup(self.provider.shutdown)
        for name in STUDIES:
            self.submit(name)
        for name in ("w-1", "w-2"):
            self.start_worker(name)
        wide = self.wide = self.screen(200, 60)
        wide.sees("model-b +ward")
        looked = time.monotonic()
        harness.wait_for(lambda: len(self.provider.calls) > 60, what="calls")
        self.calls_in_flight(wide)
        self.an_outage(wide)
        time.sleep(2)
        self.rates_go_with_the_provider(wide)
        self.the_end(wide, looked)
        self.each_lane(wide)
        self.workers_beside_proc(wide)
        self.assertEqual(wide.unknown, set())
        wide.press("q")
        self.assertEqual(wide.end(), 0)

    def calls_in_flight(self, wide):
        """While the provider holds all calls, as many are in flight as it holds. Workers tell every 5 s."""
        self.provider.open.clear()
        try:
            def agree():
                with self.provider.lock:
                    held = +self.provider.inside
                shown = {lane: number(row["IN FLIGHT"]) for lane, row in self.lanes(wide.lines()).items()}
                return sum(held.values()) > 12 and shown == {(s, m): held[s, m] for s in STUDIES for m in MODELS}
            harness.wait_for(agree, what="the calls that are held", timeout=TIMEOUT_S)
        finally:
            self.provider.open.set()

    def an_outage(self, wide):
        """Of some seconds, on screens of four sizes, of which each says it; nothing is cut where a number stands."""
        self.provider.up = False
        began, sizes = time.monotonic(), [self.screen(c, r, **env) for (c, r), env in zip(SIZES, ({}, {"NO_COLOR": "1"}, {}, {}))]
        dumb = self.screen(80, 24, TERM="dumb")
        for t in sizes:
            t.sees(r"\d x 503 No cap")
            lines = harness.wait_for(lambda: (lines := t.lines()) and table(lines, "LANE") and lines, what="lanes")
            self.assertTrue(lines[0].startswith("ClinSafe"), lines[0])
            self.assertIn("3 studies  2 workers", lines[0])
            self.assertRegex(lines[-1], r"^\[q\]uit")
            for row in table(lines, "STUDY"):
                self.assertRegex(row["DONE"], r"^\d+\.\d %$")
            self.assertGreaterEqual(len(table(lines, "STUDY")), 3 if t.rows > 20 else 1)
            for row in table(lines, "LANE"):
                self.assertRegex(row["DONE"], r"^\d+\.\d %$")
        self.assertNotRegex(sizes[1].raw, rb"\x1b\[[0-9;]*[34][0-8][;m]")  # NO_COLOR
        dumb.sees(r"\d x 503 No cap")
        self.assertNotIn(b"\x1b", dumb.raw)
        time.sleep(max(0, began + OUTAGE_S - time.monotonic()))
        self.provider.up = True
        self.assertEqual(self.lanes(wide.lines()).keys(), {(s, m) for s in STUDIES for m in MODELS})
        self.assertLessEqual(max(len(line) for line in dumb.raw.decode().splitlines()), 80, "it was asked for no more")
        for t in sizes:
            t.press("q")
            self.assertEqual(t.end(), 0)
        dumb.press("\x03")
        self.assertEqual(dumb.end(), 0)

    def ended(self, lane, since, until):
        return sum(since <= c.ended < until for c in self.provider.of(lane, *ANSWERS, "timeouts"))

    def rates_go_with_the_provider(self, wide):
        """Answers a second over the last 10 s, of the sum and of each study: it lies among those of the provider in spans of about that length."""
        shown, lanes = ({row["STUDY"]: number(row["A SECOND"]) for row in table(wide.lines(), "STUDY")}, self.lanes(wide.lines()))
        now = time.monotonic()
        for study in STUDIES:
            spans = [sum(self.ended((study, m), now - late - span, now - late) for m in MODELS) / span
                     for late in (0, 0.5, 1, 1.5, 2, 2.5, 3) for span in (9, 10, 11, 12)]
            self.assertLessEqual(min(spans) * 0.9 - 0.6, shown[study], (study, shown, spans))
            self.assertGreaterEqual(max(spans) * 1.15 + 0.6, shown[study], (study, shown, spans))
            self.assertLessEqual(abs(sum(number(lanes[study, m]["A SECOND"]) for m in MODELS) - shown[study]), 1.51, "of lanes and of their study")

    def the_end(self, wide, looked):
        """All has come to an end, and the workers have told it: of each lane each number."""
        lanes = [(s, m) for s in STUDIES for m in MODELS]
        total = lambda: sum(number(row["CALLS"]) for row in table(wide.lines(), "WORKER"))
        harness.wait_for(lambda: all(row["DONE"] == "100.0 %" for row in self.lanes(wide.lines()).values()), what="the end", timeout=60)
        self.rates_go_with_the_provider(wide)
        harness.wait_for(lambda: total() == len(self.provider.calls), what="the workers' calls", timeout=20)
        lines = wide.lines()
        minutes = (time.monotonic() - looked) / 60
        shown = self.lanes(lines)
        for lane in lanes:
            row, answers = shown[lane], self.provider.of(lane, *ANSWERS)
            count = {fate: len(self.provider.of(lane, fate)) for fate in FATES_ALL}
            self.assertEqual(len(answers) + count["timeouts"], TRIALS, lane)
            lost = count["timeouts"] + count["unparsable"] + count["truncated"]
            for head, n in (("OK %", count["ok"]), ("REFUSED %", count["refused"]), ("LOST %", lost)):
                self.assertEqual(row[head], f"{100 * n / TRIALS:.1f}", (lane, head))
            self.assertEqual(number(row["RETRIED"]), len(self.provider.of(lane)) - TRIALS, lane)
            self.assertEqual((row["IN FLIGHT"], row["ENDS IN"]), ("0", "0 s"), lane)
            self.assertLess(abs(number(row["COST"]) - self.cost(lane)), a_digit(self.cost(lane)), lane)
            if count["lost"] > 0 or count["timeouts"] == 0:  # replies that broke off: the provider did not tell of all
                self.assertEqual(row["COST"].startswith(">="), count["lost"] > 0, (lane, row["COST"], count))
            took = [c.ended - c.began for c in answers]
            for head, q in (("P50", 0.5), ("P95", 0.95)):
                least, most = between(took, q, len(took))
                self.assertLessEqual(least / WITHIN - 0.01, number(row[head]), (lane, head, sorted(took)))
                self.assertGreaterEqual((most + 2 * self.metronome.late) * WITHIN + 0.15, number(row[head]), (lane, head, self.metronome.late, sorted(took)))
            self.assertLessEqual(abs(number(row["429/MIN"]) - count["limited"] / minutes), 1 + count["limited"] / minutes, lane)
        for row in table(lines, "STUDY"):
            spent = sum(self.cost((row["STUDY"], m)) for m in MODELS)
            self.assertEqual((row["STATE"], row["DONE"]), ("finished", "100.0 %"))
            self.assertLess(abs(number(row["SPENT"]) - spent), a_digit(spent), row)
        errors = next(line for line in lines if line.startswith("ERRORS"))
        for sentence, fate in (("503 No capacity", "errors"), ("429 Rate limit reached", "limited")):
            n = sum(len(self.provider.of(lane, fate)) for lane in lanes)
            self.assertGreater(n, 0)
            self.assertIn(f" {n:,} x {sentence}", errors)

    def cost(self, lane):
        """USD by the provider's own tokens."""
        price = PRICES[lane[1]]
        return sum(c.tokens[0] * price[0] + c.tokens[1] * price[1] for c in self.provider.of(lane)) / 1e6

    def each_lane(self, wide):
        """What a lane opens to: whole numbers."""
        names = {"ok": "ok", "refused": "refused", "unparsable": "unparsable", "truncated": "truncated", "timeouts": "timeout"}
        ends = {"limited": r"limited \(429\)", "timeouts": "timed out", "lost": "lost", "errors": "errors"}
        seen = set()
        for _ in range(len(STUDIES) * len(MODELS)):
            wide.press("\r")
            wide.sees(r"^\[esc\] back")  # the foot is drawn last
            model, study = re.search(r"(\S+) of (\S+), generation", wide.sees("^model-. of .*generation")).groups()
            lane = (study, model)
            text = "\n".join(wide.lines())
            self.assertIn(f"  {TRIALS} of {TRIALS} ended", text)
            for fate, name in names.items():
                n = len(self.provider.of(lane, fate))
                found = re.search(rf"^  {name} +(\d+) ", text, re.M)
                self.assertEqual(int(found[1]) if found else 0, n, (lane, name))
            for fate, name in ends.items():
                n = len(self.provider.of(lane, fate))
                found = re.search(rf"^  calls {name} +(\d+)$", text, re.M)
                self.assertEqual(int(found[1]) if found else 0, n, (lane, name))
            self.assertRegex(text, rf"calls answered +{len(self.provider.of(lane, *ANSWERS))}\b")
            tokens = [sum(c.tokens[i] for c in self.provider.of(lane)) for i in (0, 1)]
            self.assertRegex(text, rf"tokens +{tokens[0] / 1000:.1f}k in   {tokens[1] / 1000:.1f}k out")
            seen.add(lane)
            wide.press("\x1b")
            wide.sees(r"^\[q\]uit")
            wide.press("\x1bOB")  # down
        self.assertEqual(len(seen), 6)

    def workers_beside_proc(self, wide):
        """Memory, ages, since when one is silent."""
        rows = {row["WORKER"]: row for row in table(wide.lines(), "WORKER")}
        self.assertEqual(rows.keys(), set(self.workers))
        for name, row in rows.items():
            kib = int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.workers[name].pid}/status").read_text())[1])
            self.assertLessEqual(abs(number(row["MEMORY"]) - kib / 1024), 3, name)
            self.assertLessEqual(abs(seconds(row["AGE"]) - (time.monotonic() - self.began[name])), 3 * harness.SLOW, name)
            self.assertLessEqual(seconds(row["SEEN"]), 6 * harness.SLOW, name)
            self.assertEqual((row["IN FLIGHT"], row["NOT ON DISK"]), ("0", "0"))
        stopped = time.monotonic()
        self.workers["w-1"].signal(signal.SIGSTOP)
        seen = lambda: {row["WORKER"]: seconds(row["SEEN"]) for row in table(wide.lines(), "WORKER")}
        silent = harness.wait_for(lambda: seen()["w-1"] >= 8 and seen()["w-1"], what="that it is silent")
        self.assertLessEqual(silent, time.monotonic() - stopped + 6 * harness.SLOW)
        self.assertGreaterEqual(silent, time.monotonic() - stopped - 2 * harness.SLOW)
        self.assertLessEqual(seen()["w-2"], 6 * harness.SLOW)
        idle = lambda: all(number(row["A SECOND"]) == 0 for row in (*table(wide.lines(), "STUDY"), *self.lanes(wide.lines()).values()))
        harness.wait_for(idle, what="that nothing comes any more: all have ended", timeout=30)
        self.workers["w-1"].signal(signal.SIGCONT)


if __name__ == "__main__":
    harness.main()
