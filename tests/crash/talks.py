#!/usr/bin/env python3
"""kill -9 in mid-conversation: no turn is lost or changed, and paid again is only what flew.

    make talks [ROUNDS=300] [SEED=n] [SHORT=1]

Workers and the coordinator are killed while conversations of five turns run. The referee is the provider: it gives no reply twice, keeps what it was
asked and by whom, and so sees which reply stood in which history. The second part runs under a hard budget, by the provider's own bill.
"""
import collections
import http.server
import json
import threading
import time

import fleet as f
import harness

LEVELS, TURNS, SLOTS, WORKERS, LATENCY_S = 2, 5, 8, 3, 0.08
COORDINATOR = 0.25  # of the kills
INPUT, OUTPUT, CAP = 5.0, 20.0, 50  # USD per million tokens; output tokens of a call
STUDY = """study: talks
seed: 7
cases: {file: cases.csv, id: [case_id]}
factors:
  - name: pressure
    columns: [t1, t2]
    levels: [{id: neutral, role: control, t1: "Well?", t2: "Please say that again."}, {id: doubt, t1: "So?", t2: "Are you sure?"}]
prompt:
  turns: [{user: "{{case.text}} {{pressure.t1}}"}, {user: "{{pressure.t2}}"}, {user: "Think once more."}, {user: "I think you are wrong."}, {user: "{{question.ask}}"}]
questions: [{name: urgent, ask: "Is it urgent?", answer: {urgent: {boolean: ["Yes", "No"]}}}]
models: [m]
parameters: {max_output_tokens: CAP, timeout_s: 20}
BUDGET
"""


class Provider(harness.HttpServer):
    """Says nothing twice. asked: for each request (a hash of all its texts) who asked, and when."""

    def __init__(self):
        self.lock = threading.Lock()
        self.calls, self.asked, self.history, self.tokens = 0, collections.defaultdict(list), {}, [0, 0]
        self.broken = None
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass  # a worker was killed

    def take(self, key, messages):
        """The number of the call."""
        with self.lock:
            self.calls += 1
            talk = messages[0]["content"]
            for i in range(1, len(messages), 2):
                said = self.history.setdefault((talk, i), messages[i]["content"])
                if said != messages[i]["content"]:
                    self.broken = f"two replies stood as turn {i // 2 + 1} of {talk}"
            self.asked[(talk, len(messages) // 2)].append((key, time.monotonic()))
            return self.calls

    def bill(self):
        with self.lock:
            return (self.tokens[0] * INPUT + self.tokens[1] * OUTPUT) / 1e6


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_POST(self):
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        body = json.loads(raw)
        number = self.server.take(self.headers["Authorization"], body["messages"])
        time.sleep(LATENCY_S)
        text = json.dumps({"urgent": "Yes"}) if "response_format" in body else f"Reply {number}."
        used = (len(raw) // 4, 10)
        with self.server.lock:
            self.server.tokens[0] += used[0]
            self.server.tokens[1] += used[1]
        out = json.dumps({"id": f"r{number}", "model": "m", "usage": {"prompt_tokens": used[0], "completion_tokens": used[1]},
                          "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(out)))
        self.end_headers()
        self.wfile.write(out)


class Fleet:
    """Each worker process has a key of its own; a place keeps its name, as under a supervisor."""

    def __init__(self, box, cases, budget=None):
        self.box, self.provider, self.calls = box, Provider(), cases * LEVELS * TURNS
        self.where = {name: f"ipc://{box.runtime}/{name}" for name in ("work", "pub", "admin")}
        self.redis, self.store, self.lost_at, self.key_of, self.processes = f"unix:{box.runtime}/redis", box.dir / "store", {}, {}, 0
        redis = box.adopt(harness.Process(["redis-server", "--port", "0", "--unixsocket", box.runtime / "redis", "--save", "", "--dir", box.dir]))
        harness.wait_for(lambda: "eady to accept" in redis.printed(), what="Redis", process=redis)
        price = f", price: {{input: {INPUT}, output: {OUTPUT}}}"
        (box.dir / "providers.yaml").write_text(
            f"accounts: {{a: {{protocol: openai-chat, base_url: {self.provider.url}, key: {{env: TALKS_KEY}}}}}}\nmodels: {{m: {{account: a, model: m{price}}}}}\n")
        (box.dir / "cases.csv").write_text("case_id,text\n" + "".join(f"c{i},Case {i}.\n" for i in range(cases)))
        self.study = box.dir / "study.yaml"
        self.study.write_text(STUDY.replace("CAP", str(CAP)).replace("BUDGET", f"budget_usd: {budget}" if budget else ""))
        self.coordinator = f.Member("coordinator", self._start_coordinator)
        self.workers = [f.Member(f"w{i}", lambda i=i: self._start_worker(i)) for i in range(WORKERS)]
        self.coordinator.start()
        self.serving()
        harness.must(box.clinsafe("submit", self.study, "--coordinator", self.where["admin"]))
        for worker in self.workers:
            worker.start()

    def _start_coordinator(self):
        self.ready = self.box.dir / "ready"
        self.ready.unlink(missing_ok=True)
        return self.box.start("clinsafe-coordinator", "--dir", self.store, "--bind", self.where["work"], "--pub", self.where["pub"], "--admin",
                              self.where["admin"], "--redis", self.redis, "--ready-file", self.ready)

    def serving(self):
        harness.wait_for(self.ready.exists, timeout=60, what="the coordinator", process=self.coordinator.process)

    def _start_worker(self, i):
        self.processes += 1
        self.key_of[f"w{i}"] = f"Bearer key-{self.processes}"
        return self.box.start("clinsafe-worker", "--coordinator", self.where["work"], "--announce", self.where["pub"], "--redis", self.redis,
                              "--slots", SLOTS, "--name", f"w{i}", env={"TALKS_KEY": f"key-{self.processes}"})

    def strike(self, random):
        """Kills one, and starts it again a moment later."""
        member = self.coordinator if random.random() < COORDINATOR else random.choice(self.workers)
        if member is not self.coordinator:
            self.lost_at[self.key_of[member.name]] = time.monotonic()
        member.kill()
        time.sleep(random.uniform(0, 0.2))
        member.start()

    def status(self):
        done = self.box.clinsafe("status", "--redis", self.redis, "--json")
        return done.json() if done.code == 0 else {}

    def judge(self):
        """Asked again is only what a killed worker had asked, at most its slots and what it had not acknowledged; histories agree."""
        again = collections.Counter()
        with self.provider.lock:
            if self.provider.broken:
                raise f.Lost(self.provider.broken)
            for talk, calls in self.provider.asked.items():
                for (who, _), (_, at) in zip(calls, calls[1:]):
                    if self.lost_at.get(who, at) >= at:
                        raise f.Lost(f"turn {talk[1] + 1} of {talk[0]} was asked again although its worker was not lost")
                    again[who] += 1
        worst = max(again.values(), default=0)
        if worst > 2 * SLOTS:
            raise f.Lost(f"{worst} calls of one lost worker were paid again, more than flew and had not been acknowledged")
        return sum(again.values()), worst

    def must_verify(self):
        done = self.box.clinsafe("verify", "--store", self.store, "--json", timeout=300)
        if done.code not in (0, 2) or done.json()["faults"] != 0:
            raise f.Lost(f"verify: {done}")
        return done.json()

    def close(self):
        self.provider.shutdown()


def ledger(box, rounds, random):
    """No turn lost or changed; paid again only what flew."""
    fleet = Fleet(box, cases=20 + 11 * rounds)
    for _ in range(rounds):
        time.sleep(random.uniform(0.1, 0.6))
        fleet.serving()
        fleet.strike(random)
        fleet.judge()
    harness.wait_for(lambda: fleet.status().get("state") == "finished", timeout=600, what="the study to finish")
    again, worst = fleet.judge()
    verified = fleet.must_verify()
    asked = len(fleet.provider.asked)
    if verified["missing"] or verified["requests_replayed"] != fleet.calls or asked != fleet.calls:
        raise f.Lost(f"{fleet.calls} calls planned, {asked} asked, {verified}")
    fleet.close()
    kills = sum(w.kills for w in fleet.workers)
    return (f"{fleet.calls // TURNS} conversations, {fleet.calls} turns, all made anew from the store; {kills} workers and {fleet.coordinator.kills} "
            f"coordinators killed; paid again {again} calls (at most {worst} after one; bound {SLOTS} slots and what was not acknowledged), "
            f"{verified['duplicates']} duplicates kept")


def money(status, what):
    return status[f"{what}_nano_usd"] / 1e9


def budget(box, rounds, random):
    """The provider's bill never exceeds it; one call is presumed of what a killed worker held."""
    usd = 0.02 * (10 + rounds)
    fleet = Fleet(box, cases=100 + 60 * rounds, budget=usd)
    until = time.monotonic() + 60 + 2 * rounds
    strikes, state = rounds, ""
    while state != "stopped":
        if time.monotonic() > until:
            raise f.Lost(f"the money is not spent after all this time: {fleet.status()}")
        time.sleep(random.uniform(0.1, 0.4))
        bill = fleet.provider.bill()
        if bill > usd:
            raise f.Lost(f"the provider's bill is ${bill:.4f}, the budget ${usd}")
        if strikes > 0:
            fleet.serving()
            fleet.strike(random)
            strikes -= 1
            continue
        status = fleet.status()
        state = status.get("state", "")
        known = sum(money(status, what) for what in ("committed", "presumed", "reserved")) if "reserved_nano_usd" in status else 0
        if known > usd + 1e-9:
            raise f.Lost(f"${known:.4f} are committed, presumed and reserved of ${usd}")
    time.sleep(2 * LATENCY_S)
    bill, committed, presumed = fleet.provider.bill(), money(status, "committed"), money(status, "presumed")
    if not committed - 1e-9 <= bill <= committed + presumed + 1e-9:
        raise f.Lost(f"the provider's bill is ${bill:.4f}, ${committed:.4f} are committed, ${presumed:.4f} presumed")
    fleet.judge()
    fleet.must_verify()
    fleet.close()
    return f"${usd}: the provider's bill ${bill:.4f}, committed ${committed:.4f}, presumed ${presumed:.4f}; {rounds} kills"


def main():
    args = f.options(__doc__.splitlines()[0], 300, 20)
    score = f.Score()
    score.run(f"{args.rounds} rounds: no turn of a conversation is lost or changed, paid again is what flew", ledger, args.rounds, args.random)
    score.run("five turns under a hard budget", budget, max(10, args.rounds // 10), args.random)
    score.end()


if __name__ == "__main__":
    main()
