#!/usr/bin/env python3
"""kill -9 in mid-conversation: no turn and no call of a tool is lost or changed, and paid again is only what flew.

    make talks [ROUNDS=300] [SEED=n] [SHORT=1]

Workers and the coordinator are killed while two studies run: conversations of five turns, and trials that look things up before they answer. The
referee is the provider (tests/lib/talker.py): it says nothing twice, keeps what it was asked and by whom, and so sees which reply stood in which
history, with which calls and what they were told. Another part runs under a hard budget, by the provider's own bill.
"""
import collections
import json
import time

import fleet as f
import harness
import talker

LEVELS, TURNS, SLOTS, WORKERS, LATENCY_S = 2, 5, 8, 3, 0.08
COORDINATOR = 0.25  # of the kills
INPUT, OUTPUT, CAP = 5.0, 20.0, 50  # USD per million tokens; output tokens of a call
LOOK_UPS = 3  # of a trial with tools, which then answers
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


LOOKED_UP = """study: looked-up
seed: 7
cases: {file: cases.csv, id: [case_id]}
prompt: {user: "Look up {{case.text}} {{question.ask}}"}
tools:
  max_calls: LOOK_UPS
  here: {describe: A book., arguments: {page: text}, returns: "The book says {{case.case_id}}."}
questions: [{name: urgent, ask: "Is it urgent?", answer: {urgent: {boolean: ["Yes", "No"]}}}]
models: [m]
parameters: {max_output_tokens: CAP, timeout_s: 20}
"""


class Fleet:
    """Each worker process has a key of its own; a place keeps its name, as under a supervisor."""

    def __init__(self, box, cases, tools=False, budget=None, program="clinsafe-coordinator"):
        self.program = program
        self.box, self.provider, self.cases = box, talker.Talker(LATENCY_S), cases
        self.histories, self.read = talker.Histories(), 0
        self.where = {name: f"ipc://{box.runtime}/{name}" for name in ("work", "pub", "admin")}
        self.redis, self.store, self.lost_at, self.key_of, self.processes = f"unix:{box.runtime}/redis", box.dir / "store", {}, {}, 0
        redis = box.adopt(harness.Process(["redis-server", "--port", "0", "--unixsocket", box.runtime / "redis", "--save", "", "--dir", box.dir]))
        harness.wait_for(lambda: "eady to accept" in redis.printed(), what="Redis", process=redis)
        price = f", price: {{input: {INPUT}, output: {OUTPUT}}}"
        (box.dir / "providers.yaml").write_text(
            f"accounts: {{a: {{protocol: openai-chat, base_url: {self.provider.url}, key: {{env: TALKS_KEY}}}}}}\nmodels: {{m: {{account: a, model: m{price}}}}}\n")
        (box.dir / "cases.csv").write_text("case_id,text\n" + "".join(f"c{i},Case {i}.\n" for i in range(cases)))
        self.studies = {"talks": (STUDY.replace("BUDGET", f"budget_usd: {budget}" if budget else ""), cases * LEVELS * TURNS)}
        if tools:
            self.studies["looked-up"] = (LOOKED_UP.replace("LOOK_UPS", str(LOOK_UPS)), cases * (LOOK_UPS + 1))
        self.calls = sum(calls for _, calls in self.studies.values())
        self.coordinator = f.Member("coordinator", self._start_coordinator)
        self.workers = [f.Member(f"w{i}", lambda i=i: self._start_worker(i)) for i in range(WORKERS)]
        self.coordinator.start()
        self.serving()
        for name, (text, _) in self.studies.items():
            (box.dir / f"{name}.yaml").write_text(text.replace("CAP", str(CAP)))
            harness.must(box.clinsafe("submit", box.dir / f"{name}.yaml", "--coordinator", self.where["admin"]))
        for worker in self.workers:
            worker.start()

    def _start_coordinator(self):
        self.ready = self.box.dir / "ready"
        self.ready.unlink(missing_ok=True)
        return self.box.start(self.program, "--dir", self.store, "--bind", self.where["work"], "--pub", self.where["pub"], "--admin",
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

    def status(self, study="talks"):
        done = self.box.clinsafe("status", "--redis", self.redis, "--json", "--study", study)
        return done.json() if done.code == 0 else {}

    def bill(self):
        return self.provider.bill(INPUT, OUTPUT)

    def judge(self):
        """Asked again is only what a killed worker had asked, at most its slots and what it had not acknowledged; histories agree, and tell what the
        tool says."""
        calls = self.provider.calls()
        for call in calls[self.read:]:
            told = [m["content"] for m in call.messages if m["role"] == "tool"]
            case = call.messages[0]["content"].removeprefix("Look up Case ").split(".")[0]
            if set(told) - {f"The book says c{case}."}:
                raise f.Lost(f"case {case} was told {told}")
            self.histories.add(call)
            call.body = None  # there are many
        self.read = len(calls)
        if self.histories.changed:
            raise f.Lost(self.histories.changed[0])
        again = collections.Counter()
        for (talk, replies), asked in self.histories.asked.items():
            for first, second in zip(asked, asked[1:]):
                if self.lost_at.get(first.key, second.at) >= second.at:
                    raise f.Lost(f"call {replies + 1} of {talk} was made again although its worker was not lost")
                again[first.key] += 1
        worst = max(again.values(), default=0)
        if worst > 2 * SLOTS:
            raise f.Lost(f"{worst} calls of one lost worker were paid again, more than flew and had not been acknowledged")
        return sum(again.values()), worst

    def look_ups_kept(self):
        """What is exported of the calls of tools is what stood in the last request of each trial: all of it, as it was said."""
        kept = {}
        for row in self.export("looked-up"):
            made = [c for t in json.loads(row["conversation"]) for c in t.get("calls", [])]
            kept[row["case_id"]] = [(c["arguments"], c["came"], c["result"]) for c in made]
        for case in range(self.cases):
            talk = f"Look up Case {case}. Is it urgent?"
            said = [m for place in range(1, 2 * LOOK_UPS, 2) for m in self.histories.stood[talk, place]["tool_calls"]]
            if kept.get(f"c{case}") != [(m["function"]["arguments"], "answered", f"The book says c{case}.") for m in said]:
                raise f.Lost(f"of {talk} is kept {kept.get(f'c{case}')}, and said was {said}")
        return len(kept) * LOOK_UPS

    def export(self, study):
        out = self.box.dir / f"{study}.jsonl"
        harness.must(self.box.clinsafe("export", "--store", self.store, "--study", study, "--format", "jsonl", "--out", out, timeout=300))
        return harness.rows_jsonl(out.read_text())

    def must_verify(self, study="talks"):
        done = self.box.clinsafe("verify", "--store", self.store, "--json", "--study", study, timeout=300)
        if done.code not in (0, 2) or done.json()["faults"] != 0:
            raise f.Lost(f"verify: {done}")
        return done.json()

    def must_be_whole(self):
        """Every call was made, is kept, and is made anew from what is kept. Returns the duplicates that are kept, too."""
        duplicates = 0
        for study, (_, calls) in self.studies.items():
            verified = self.must_verify(study)
            if verified["missing"] or verified["requests_replayed"] != calls:
                raise f.Lost(f"{study}: {calls} calls planned, {verified}")
            duplicates += verified["duplicates"]
        if len(self.histories.asked) != self.calls:
            raise f.Lost(f"{self.calls} calls planned, {len(self.histories.asked)} asked")
        return duplicates

    def close(self):
        self.provider.shutdown()


def ledger(box, rounds, random):
    """No turn and no look-up lost or changed; paid again only what flew."""
    fleet = Fleet(box, cases=12 + 8 * rounds, tools=True)
    for _ in range(rounds):
        time.sleep(random.uniform(0.1, 0.6))
        fleet.serving()
        fleet.strike(random)
        fleet.judge()
    for study in fleet.studies:
        harness.wait_for(lambda study=study: fleet.status(study).get("state") == "finished", timeout=600, what=f"{study} to finish")
    again, worst = fleet.judge()
    duplicates, kept = fleet.must_be_whole(), fleet.look_ups_kept()
    fleet.close()
    kills = sum(w.kills for w in fleet.workers)
    return (f"{fleet.cases * LEVELS} conversations and {fleet.cases} trials with {kept} look-ups, {fleet.calls} calls, all made anew from the store; "
            f"{kills} workers and {fleet.coordinator.kills} coordinators killed; paid again {again} calls (at most {worst} after one; bound {SLOTS} slots "
            f"and what was not acknowledged), {duplicates} duplicates kept")


def money(status, what):
    return status[f"{what}_usd"]


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
        bill = fleet.bill()
        if bill > usd:
            raise f.Lost(f"the provider's bill is ${bill:.4f}, the budget ${usd}")
        if strikes > 0:
            fleet.serving()
            fleet.strike(random)
            strikes -= 1
            continue
        status = fleet.status()
        state = status.get("state", "")
        known = sum(money(status, what) for what in ("committed", "presumed", "reserved")) if "reserved_usd" in status else 0
        if known > usd + 1e-9:
            raise f.Lost(f"${known:.4f} are committed, presumed and reserved of ${usd}")
    time.sleep(2 * LATENCY_S)
    bill, committed, presumed = fleet.bill(), money(status, "committed"), money(status, "presumed")
    if not committed - 1e-9 <= bill <= committed + presumed + 1e-9:
        raise f.Lost(f"the provider's bill is ${bill:.4f}, ${committed:.4f} are committed, ${presumed:.4f} presumed")
    fleet.judge()
    fleet.must_verify()
    fleet.close()
    return f"${usd}: the provider's bill ${bill:.4f}, committed ${committed:.4f}, presumed ${presumed:.4f}; {rounds} kills"


def missent(box, _):
    """A coordinator in whose store a last call answers another request than its turns give: the replay of verify must notice."""
    fleet = Fleet(box, cases=3, program=f.program("coordinator-missent"))
    harness.wait_for(lambda: fleet.status().get("state") == "finished", timeout=60, what="the study to finish")
    noticed = f.must_lose(fleet.must_verify)
    fleet.close()
    if "is not the one that was sent" not in noticed:
        raise AssertionError(noticed)
    return noticed


def main():
    args = f.options(__doc__.splitlines()[0], 300, 20)
    score = f.Score()
    score.run(f"{args.rounds} rounds: no turn of a conversation and no look-up is lost or changed, paid again is what flew", ledger, args.rounds, args.random)
    score.run("five turns under a hard budget", budget, max(10, args.rounds // 10), args.random)
    score.run("control: a last call answers another request than its turns give", missent, args.random)
    score.end()


if __name__ == "__main__":
    main()
