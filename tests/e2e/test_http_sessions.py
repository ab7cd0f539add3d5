#!/usr/bin/env python3
"""Conversations that a system behind HTTP remembers itself: told turn by turn into one session each. The systems are the test's own, and keep what was
said in which session: nothing twice, in order, and what is stored of a conversation is what one session heard."""
import collections
import itertools
import json
import sys
import threading
import time
import urllib.parse
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
import local_fleet
import test_http

TURNS = ["{{case.text}} {{question.ask}}", "Are you sure?", "I think you are wrong. {{question.ask}}"]
TRIALS = 4


class Memory:
    """What a system remembers: the texts of each session, and who it met there. `forget`: (session, texts so far) -> a reply in place of its own, or None."""

    def __init__(self):
        self.said, self.met, self.names = collections.defaultdict(list), collections.defaultdict(set), itertools.count()
        self.answered = collections.Counter()
        self.forget = lambda session, said: None

    def new(self):
        return f"s/{next(self.names)}"

    def hear(self, session, text, who=""):
        """(reply of another kind or None, answer)."""
        odd = self.forget(session, self.said[session])
        self.said[session].append(text)
        self.answered[session] += odd is None
        self.met[session].add(who)
        return odd, f"Heard in {session}: " + " | ".join(self.said[session])


def ended(memory):
    """The sessions that heard, and answered, a whole conversation."""
    return {s: memory.said[s] for s, n in memory.answered.items() if n == len(TURNS)}


class Talks(test_http.Systems):
    REPLY = "\nreply: {text: /a, error: /error}"
    BY_PATH = """
session: {start: {path: /sessions, body: {who: "{{trial}}"}}, id: /id}
request: {path: "/sessions/{{session}}", body: {q: "{{user}}", who: "{{trial}}"}}""" + REPLY
    NAMED = """
session: {id: /conversation}
request: {path: /ask, body: {q: "{{user}}", c: "{{session}}", who: "{{trial}}"}}""" + REPLY

    def talk(self, app, account, turns=TURNS, **more):
        path = self.study(app, account, **more)
        said = ", ".join(t if t.startswith("{assistant") else f"{{user: {json.dumps(t)}}}" for t in turns)
        path.write_text(path.read_text().replace('{user: "{{case.text}}\\n{{question.ask}}"}', f"{{turns: [{said}]}}"))
        return path

    def by_path(self, memory):
        def answer(r):
            if r.route == "/sessions":
                return 201, {"id": memory.new()}
            session = urllib.parse.unquote(r.route.removeprefix("/sessions/"))
            odd, text = memory.hear(session, r.body["q"], r.body["who"])
            return odd or (200, {"a": text})
        return self.serve(answer)

    def named(self, memory):
        def answer(r):
            session = r.body["c"] or memory.new()
            odd, text = memory.hear(session, r.body["q"], r.body["who"])
            return odd or (200, {"a": text, "conversation": session})
        return self.serve(answer)

    def judge(self, memory, path, in_vain=0):
        """Every trial is one session that heard all, in order, from one user whom no other met; stored is what it heard."""
        whole = ended(memory)
        self.assertEqual(len(whole), TRIALS)
        self.assertEqual(sum(map(len, memory.said.values())), TRIALS * len(TURNS) + in_vain)
        self.assertTrue(all(len(set(texts)) == len(texts) for texts in memory.said.values()), memory.said)
        users = [next(iter(who)) for s, who in memory.met.items() if s in whole and len(who) == 1]
        self.assertEqual(len(set(users)), TRIALS)
        rows = self.rows(path)
        for row in rows:
            talk = row["conversation"] if isinstance(row["conversation"], list) else json.loads(row["conversation"])
            session = row["text"].removeprefix("Heard in ").split(":")[0]
            self.assertEqual([t["user"] for t in talk], whole[session])
            self.assertEqual([t["reply"] for t in talk], [f"Heard in {session}: " + " | ".join(whole[session][:k + 1]) for k in range(len(TURNS))])
        self.assertEqual({r["outcome"] for r in rows}, {"ok"})
        self.assertEqual(len(rows), TRIALS)
        return rows


@harness.short
class Kinds(Talks):
    def test_started_by_a_request(self):
        memory = Memory()
        path = self.talk(self.by_path(memory), self.BY_PATH)
        self.run_(path)
        self.judge(memory, path)

    def test_named_by_the_first_reply(self):
        memory = Memory()
        path = self.talk(self.named(memory), self.NAMED)
        self.run_(path)
        self.judge(memory, path)

    def test_named_by_us(self):
        memory = Memory()
        path = self.talk(self.named(memory), self.NAMED.replace("id: /conversation", "new: yes"))
        self.run_(path)
        self.judge(memory, path)

    def test_a_cookie(self):
        memory = Memory()

        def answer(r):
            if r.route == "/login":
                return 200, {}, {"Set-Cookie": f"sid={memory.new()}; Path=/"}
            return 200, {"a": memory.hear(r.headers["Cookie"].removeprefix("sid="), r.body["q"], r.body["who"])[1]}
        path = self.talk(self.serve(answer), 'session: {start: {method: GET, path: /login}, cookie: sid}\n'
                         'request: {path: /ask, body: {q: "{{user}}", who: "{{trial}}"}}' + self.REPLY)
        self.run_(path)
        self.judge(memory, path)

    def test_a_stream_whose_events_name_it(self):
        memory = Memory()

        def answer(r):
            session = r.body["c"] or memory.new()
            text = memory.hear(session, r.body["q"], r.body["who"])[1]
            events = [{"event": "ping"}, *({"event": "message", "answer": piece, "conversation": session} for piece in (text[:7], text[7:])),
                      {"event": "message_end", "conversation": session}]
            return 200, "".join(f"data: {json.dumps(e)}\n\n" for e in events), {"Content-Type": "text/event-stream"}
        path = self.talk(self.serve(answer), self.NAMED.replace(self.REPLY, "") + "\nstream: {text: /answer, event: message, done: message_end}")
        self.run_(path)
        self.judge(memory, path)

    def test_a_job_whose_result_streams(self):
        memory, jobs = Memory(), {}

        def answer(r):
            if r.route == "/ask":
                session = r.body["c"] or memory.new()
                jobs[str(len(jobs))] = [0, memory.hear(session, r.body["q"], r.body["who"])[1]]
                return 202, {"job": str(len(jobs) - 1), "conversation": session}
            job = jobs[r.route.removeprefix("/jobs/")]
            job[0] += 1
            if job[0] < 3:
                return 200, "data: {\"state\": \"running\"}\n\n", {"Content-Type": "text/event-stream"}
            pieces = [{"d": job[1][:5]}, {"d": job[1][5:]}]
            return 200, "".join(f"data: {json.dumps(p)}\n\n" for p in pieces) + "data: [DONE]\n\n", {"Content-Type": "text/event-stream"}
        path = self.talk(self.serve(answer), self.NAMED.replace(self.REPLY, "") + '\nstream: {text: /d, done: "[DONE]"}\n'
                         'poll: {path: "/jobs/{{job}}", id: /job, every_s: 0.1}')
        self.run_(path)
        self.judge(memory, path)
        self.assertEqual({n for n, _ in jobs.values()}, {3})

    def test_a_mark_up_to_which_the_session_was_read(self):
        """All that was said in a session stands in one list; each reply tells how far it went."""
        memory, lists = Memory(), collections.defaultdict(list)

        def answer(r):
            if r.route == "/sessions":
                return 201, {"id": memory.new()}
            session, _, mark = urllib.parse.unquote(r.route.removeprefix("/sessions/")).partition("/after/")
            if r.command == "POST":
                text = memory.hear(session, r.body["q"], r.body["who"])[1]
                lists[session] += [{"from": "user", "text": r.body["q"]}, {"from": "bot", "text": text}]
                return 202, {}
            return 200, {"list": lists[session][int(mark or 0):], "watermark": str(len(lists[session]))}
        path = self.talk(self.serve(answer), self.BY_PATH.replace("/a, error: /error", '"/list/*/text", only: {at: /from, is: bot}') +
                         '\npoll: {path: "/sessions/{{session}}/after/{{mark}}", mark: /watermark, every_s: 0.1}')
        self.run_(path)
        self.judge(memory, path)

    def test_a_reply_that_names_no_session(self):
        path = self.talk(self.serve(lambda r: (200, {"a": "Go."})), self.NAMED + "\nlimits: {concurrent: 1}")
        done = self.box.clinsafe("run", path, "--workers", 1, "--json")
        self.assertExit(done, 2)
        self.assertIn("does not name the session where its account says", done.err)

    def test_no_reply_is_given_into_a_session(self):
        path = self.talk(self.serve(lambda r: (200, {})), self.BY_PATH, turns=[TURNS[0], '{assistant: "No."}', TURNS[1], TURNS[2]])
        self.refused(path, "{{messages}}", "into a session no reply can be given")


@harness.short
class Forgets(Talks):
    """A session that the system has lost: the conversation is told anew in another, at most twice; what was paid is kept and counted."""

    def once(self, odd):
        """The first session of a trial is lost at its third turn."""
        lost = []

        def forget(session, said):
            if len(said) == 2 and said[0] not in lost:
                lost.append(said[0])
                return odd(session)
            return None
        return forget

    def test_each_way_to_lose_it(self):
        for name, odd in {"unknown": lambda s: (404, {"error": {"message": "no such session"}}), "gone": lambda s: (410, ""), "broke": lambda s: (None, ""),
                          "error": lambda s: (200, {"error": "session expired"}), "down": lambda s: (503, "")}.items():
            with self.subTest(name=name):
                memory = Memory()
                memory.forget = self.once(odd)
                path = self.talk(self.by_path(memory), self.BY_PATH)
                path = path.rename(path.with_name(f"{name}.yaml"))
                self.run_(path)
                self.judge(memory, path, in_vain=3 * TRIALS)
                verified = self.box.clinsafe("verify", path, "--json").json()
                self.assertEqual((verified["turns"], verified["faults"]), (2 * 2 * TRIALS, 0))  # what was said in vain is kept too

    def test_an_answer_in_another_session(self):
        memory, lost = Memory(), []
        app = self.named(memory)
        plain = app.answer

        def answer(r):
            if r.body["c"] and len(memory.said[r.body["c"]]) == 1 and memory.said[r.body["c"]][0] not in lost:
                lost.append(memory.said[r.body["c"]][0])
                return 200, {"a": "How can I help you?", "conversation": "another"}
            return plain(r)
        app.answer = answer
        path = self.talk(app, self.NAMED)
        self.run_(path)
        self.judge(memory, path, in_vain=TRIALS)

    def test_not_for_ever(self):
        memory = Memory()
        memory.forget = lambda session, said: (404, {}) if said else None
        path = self.talk(self.by_path(memory), self.BY_PATH)
        summary = self.run_(path, code=2)
        self.assertEqual((summary["done"], summary["failed"]), (0, TRIALS))
        self.assertEqual((len(memory.said), {len(texts) for texts in memory.said.values()}), (3 * TRIALS, {2}))
        memory.forget = lambda session, said: None
        self.assertExit(self.box.clinsafe("run", path, "--workers", 1, "--retry"))
        self.judge(memory, path, in_vain=3 * 2 * TRIALS)

    def test_under_a_budget(self):
        """Each beginning is granted anew, whole; the bill is what the system counted."""
        for usd, code in ((1, 0), (0.16, 2)):
            memory = Memory()
            memory.forget = self.once(lambda s: (404, {}))
            path = self.talk(self.by_path(memory), self.BY_PATH + "\nlimits: {concurrent: 1}", price=", price: {request: 0.01}", more=f"budget_usd: {usd}")
            path = path.rename(path.with_name(f"usd-{code}.yaml"))
            summary = self.run_(path, code=code)
            self.assertLessEqual(memory.answered.total() * 0.01, usd + 1e-9)
            self.assertLessEqual(summary["committed_usd"] + summary["presumed_usd"], usd + 1e-9)
            if code == 0:
                self.judge(memory, path, in_vain=3 * TRIALS)
            else:
                self.assertGreater(summary["done"], 0)


class Killed(local_fleet.TestCase, Talks):
    """Whoever takes a conversation over has no session: it is told anew, and never twice into one."""

    def begin(self):
        """No conversation comes to its last turn before `last` is set: there is something to be killed, however late the test comes. What a
        worker of an earlier life said and was not heard, nobody hears."""
        self.memory, self.last, self.life = Memory(), threading.Event(), 0
        app = self.by_path(self.memory)

        def slowly(r):
            life = self.life
            time.sleep(0.15)
            if len(self.memory.said.get(urllib.parse.unquote(r.route.removeprefix("/sessions/")), ())) == len(TURNS) - 1:
                self.last.wait()
            if life != self.life:
                raise ConnectionAbortedError
        app.first = slowly
        app.handle_error = lambda *_: None  # a worker was killed
        path = self.talk(app, self.BY_PATH)
        harness.must(self.box.clinsafe("submit", path, "--coordinator", self.where["admin"]))
        return path

    def count(self):
        return sum(map(len, self.memory.said.values()))

    def state(self):
        done = self.box.clinsafe("status", "--redis", self.redis, "--json")
        return done.json().get("state") if done.code == 0 else None

    def finish(self):
        harness.wait_for(lambda: self.state() == "finished", timeout=60, what="the study to finish")
        verified = self.box.clinsafe("verify", "--store", self.store, "--json").json()
        self.assertEqual((verified["done"], verified["missing"], verified["faults"], verified["requests_replayed"]), (TRIALS, 0, 0, TRIALS * len(TURNS)))
        self.assertTrue(all(len(set(texts)) == len(texts) for texts in self.memory.said.values()), self.memory.said)
        self.assertEqual(len(ended(self.memory)), TRIALS)
        return verified

    def test_workers(self):
        self.begin()
        worker = self.start_worker()
        for calls in (3, 9):
            harness.wait_for(lambda calls=calls: self.count() >= calls, what="calls", process=worker)
            worker.kill()
            self.life += 1
            worker = self.start_worker()
        self.last.set()
        verified = self.finish()
        self.assertGreater(verified["turns"], TRIALS * (len(TURNS) - 1))
        self.assertGreater(self.count(), TRIALS * len(TURNS))

    def test_a_coordinator(self):
        """Its workers hold their sessions, and nothing is told again."""
        self.begin()
        worker = self.start_worker()
        harness.wait_for(lambda: self.count() >= 5, what="calls", process=worker)
        self.coordinator.kill()
        self.start_coordinator()
        self.last.set()
        verified = self.finish()
        self.assertEqual((self.count(), verified["turns"]), (TRIALS * len(TURNS), TRIALS * (len(TURNS) - 1)))


if __name__ == "__main__":
    harness.main()
