#!/usr/bin/env python3
"""`protocol: http`: systems that hospitals deploy, each a server of the test's own, spoken to as their accounts declare it."""
import http.server
import json
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
from expected import Truth

KEY = "ward-5d41402abc4b2a76b9719d911017c592"
CASES = ["Chest pain since an hour. Sweating.", "A cut finger. It says \"{{user}}\", {{trial}} and {{text:job}}."]
STUDY = """study: ward
cases: {{rows: [{{case_id: a, text: "{0}"}}, {{case_id: b, text: "{1}"}}]}}
factors: [{{name: tone, levels: [{{id: plain, role: control, text: ""}}, {{id: urgent, text: "Be quick."}}], insert: {{after_first: ". "}}}}]
prompt: {{user: "{{{{case.text}}}}\\n{{{{question.ask}}}}"}}
questions: [{{name: advice, ask: "What now?", answer: {2}}}]
models: [bot]
{3}
"""


class App(harness.HttpServer):
    """Answers by a function of the test's: (request) -> (status, body, headers); keeps all requests. One at a time: what a test counts, it
    counts alone. `first` is what a request waits for beside others."""

    def __init__(self, answer):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer, self.requests, self.turn, self.first = answer, [], threading.Lock(), lambda r: None
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


class Request:
    def __init__(self, handler, raw):
        self.command, self.headers, self.text, self.body = handler.command, handler.headers, raw.decode(), None
        path, _, query = handler.path.partition("?")
        self.route, self.query = path, dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        kind = self.headers.get("Content-Type", "")
        if kind == "application/json" and raw:
            self.body = json.loads(raw)
        elif kind == "application/x-www-form-urlencoded":
            self.body = dict(urllib.parse.parse_qsl(self.text, strict_parsing=True, keep_blank_values=True))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do(self):
        r = Request(self, self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        self.server.first(r)
        with self.server.turn:
            self.server.requests.append(r)
            status, body, *more = self.server.answer(r)
        if status is None:
            self.close_connection = True
            return
        headers = {"Content-Type": "application/json" if not isinstance(body, (str, bytes)) else "text/plain; charset=utf-8"}
        headers.update(more[0] if more else {})
        out = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(out)))
        self.end_headers()
        self.wfile.write(out)

    do_GET = do_POST = do_PUT = do

    def log_message(self, *_):
        pass


class Systems(harness.TestCase):
    def serve(self, answer):
        app = App(answer)
        self.addCleanup(app.close)
        return app

    def study(self, app, account, answer="free", more="", model="", price=""):
        """A study of two cases and two levels, asked of one system."""
        (self.box.dir / "providers.yaml").write_text(
            f"accounts:\n  ward:\n    protocol: http\n    base_url: {app if isinstance(app, str) else app.url}\n"
            + "".join(f"    {line}\n" for line in account.strip().splitlines())
            + f"models:\n  bot: {{account: ward, model: ward-bot{price}{model}}}\n")
        path = self.box.dir / "study.yaml"
        path.write_text(STUDY.format(*(c.replace('"', '\\"') for c in CASES), answer, more))
        return path

    def run_(self, path, code=0, **env):
        done = self.box.clinsafe("run", path, "--workers", 1, "--slots", 8, "--json", env=env)
        self.assertExit(done, code)
        return done.json()

    def rows(self, path):
        done = self.box.clinsafe("export", path, "--format", "jsonl")
        self.assertExit(done)
        self.assertExit(self.box.clinsafe("verify", path, "--json"))
        return harness.rows_jsonl(done.out)

    def refused(self, path, *parts, code=65):
        done = self.box.clinsafe("plan", path)
        self.assertExit(done, code)
        self.assertOneLine(done.err, *parts)


@harness.short
class Requests(Systems):
    """What is sent, byte for byte what the account says, and how plain answers are read."""

    def test_a_text_and_the_whole_reply(self):
        app = self.serve(lambda r: (200, "Call an ambulance.\n\nNow: \"ü\"."))
        path = self.study(app, 'request: {path: /grade, type: text, body: "{{user}}"}\nreply: {text: ""}\nlimits: {concurrent: 5}')
        self.assertEqual(self.run_(path)["done"], 4)
        rows = self.rows(path)
        self.assertEqual({r["outcome"] for r in rows}, {"ok"})
        self.assertEqual({r["text"] for r in rows}, {"Call an ambulance.\n\nNow: \"ü\"."})
        self.assertEqual(sorted({r.text for r in app.requests}), sorted(
            f"{text}\nWhat now?" for c in CASES for text in (c, c.replace(". ", ". Be quick. ", 1))))
        for r in app.requests:
            self.assertEqual((r.command, r.route, r.headers["Content-Type"]), ("POST", "/grade", "text/plain; charset=utf-8"))
            self.assertIsNone(r.headers["Authorization"])
            self.assertIsNone(r.headers["Cookie"])

    def test_a_tree_is_filled_after_parsing(self):
        app = self.serve(lambda r: (200, {"out": {"says": "Yes", "n": 3}}))
        path = self.study(app, '''
request:
  method: PUT
  path: "/v1/{{parameter.kind}}/ask"
  query: {lang: en, q: "{{user}}"}
  headers: {X-Trial: "t-{{trial}}"}
  body: {chat: "{{messages}}", one: "<{{user}}>", t: "{{parameter.temperature}}", as: "T={{parameter.temperature}}", none: "{{parameter.top_p}}",
         fixed: [1, true, null, "true", 0.5, {deep: "{{trial}}"}], who: "{{trial}}", s: "{{session}}"}
session: {new: yes}
roles: {user: human}
reply: {text: /out/says, version: {header: x-build}, usage: {input: /out/n}}''', model=', parameters: {temperature: 0.7, kind: "a b/c"}')
        app.answer = lambda r: (200, {"out": {"says": "Go.", "n": 3}}, {"X-Build": "b-17"})
        self.assertEqual(self.run_(path)["done"], 4)
        rows = {r["digest"]: r for r in self.rows(path)}
        self.assertEqual(len(rows), 4)
        for r in app.requests:
            user = r.query.pop("q")
            self.assertEqual((r.command, r.route, r.query), ("PUT", "/v1/a%20b%2Fc/ask", {"lang": "en"}))
            self.assertIn(user, [f"{text}\nWhat now?" for c in CASES for text in (c, c.replace(". ", ". Be quick. ", 1))])
            trial = r.headers["X-Client-Request-Id"].split("-")[0]
            self.assertIn(trial, rows)
            own = r.body["who"]
            self.assertRegex(own, f"^{trial}-[0-9a-f]{{16}}$")
            self.assertEqual(r.headers["X-Trial"], "t-" + own)
            self.assertEqual(r.body, {"chat": [{"role": "human", "content": user}], "one": f"<{user}>", "t": 0.7, "as": "T=0.7",
                                      "fixed": [1, True, None, "true", 0.5, {"deep": own}], "who": own, "s": own})
            self.assertEqual((rows[trial]["model_resolved"], rows[trial]["input_tokens"]), ("b-17", 3))

    def test_a_form_and_elements_chosen_and_joined(self):
        app = self.serve(lambda r: (200, [{"from": {"role": "user"}, "text": "I asked."}, {"from": {"role": "bot"}, "text": "One."},
                                          {"from": {"role": "bot"}, "text": "Two."}]))
        path = self.study(app, 'request: {path: /form, type: form, body: {message: "{{user}}", lang: en}}\n'
                               'reply: {text: "/*/text", join: "; ", only: {at: from/role, is: bot}}')
        self.run_(path)
        self.assertEqual({r["text"] for r in self.rows(path)}, {"One.; Two."})
        self.assertIn(f"{CASES[0]}\nWhat now?", [r.body["message"] for r in app.requests])

    def test_schema_and_system(self):
        app = self.serve(lambda r: (200, {"answer": {"call": "Yes"}}))
        path = self.study(app, 'request: {path: /ask, body: {q: "{{user}}", rules: "{{system}}", form: "{{schema}}"}}\nreply: {text: /answer}',
                          answer='{call: {boolean: ["Yes", "No"]}}', more='repeats: 2')
        path.write_text(path.read_text().replace('prompt: {', 'prompt: {system: "Rely on the case.", '))
        self.assertEqual(self.run_(path)["done"], 8)
        self.assertEqual({r["answer.call"] for r in self.rows(path)}, {"Yes"})
        for r in app.requests:
            self.assertEqual((r.body["rules"], r.body["form"]["properties"]["call"]["enum"]), ("Rely on the case.", ["Yes", "No"]))
        path.write_text(path.read_text())
        (self.box.dir / "providers.yaml").write_text((self.box.dir / "providers.yaml").read_text().replace('rules: "{{system}}", ', ""))
        done = self.box.clinsafe("plan", path)
        self.assertExit(done, 65)
        self.assertIn("no place for it", done.err)

    def test_a_conversation_is_told_whole(self):
        app = self.serve(lambda r: (200, {"a": f"Reply {len(r.body['chat'])}."}))
        path = self.study(app, 'request: {path: /ask, body: {chat: "{{messages}}", s: "{{session}}", t: "{{trial}}"}}\nsession: {new: yes}\nreply: {text: /a}')
        path.write_text(path.read_text().replace('{user: "{{case.text}}\\n{{question.ask}}"}',
                                                 '{turns: [{user: "{{case.text}}"}, {user: "Are you sure? {{question.ask}}"}]}'))
        self.assertEqual(self.run_(path)["done"], 4)
        self.assertEqual({r["text"] for r in self.rows(path)}, {"Reply 3."})
        self.assertEqual(sorted(len(r.body["chat"]) for r in app.requests), [1] * 4 + [3] * 4)
        self.assertEqual({r.body["chat"][1]["content"] for r in app.requests if len(r.body["chat"]) > 1}, {"Reply 1."})
        self.assertEqual(len({r.body["s"] for r in app.requests}), 8)  # no turn is told into the session of the one before
        self.assertEqual(len({r.body["t"] for r in app.requests}), 8)
        (self.box.dir / "providers.yaml").write_text((self.box.dir / "providers.yaml").read_text().replace("{{messages}}", "{{user}}").replace(
            's: "{{session}}", ', "").replace("    session: {new: yes}\n", ""))
        done = self.box.clinsafe("plan", path)
        self.assertExit(done, 65)
        self.assertIn("write {{messages}} there", done.err)

    def test_keys(self):
        for auth, header, line in (("bearer", "Authorization", f"Bearer {KEY}"), ("{header: X-Api-Key}", "X-Api-Key", KEY),
                                   ("basic", "Authorization", "Basic d2FyZC01ZDQxNDAyYWJjNGIyYTc2Yjk3MTlkOTExMDE3YzU5Mg==")):
            with self.subTest(auth=auth):
                app = self.serve(lambda r: (200, {"a": f"You sent {r.headers[header]}."}))
                path = self.study(app, f'auth: {auth}\nkey: {{env: WARD_KEY}}\nrequest: {{path: /ask, body: {{q: "{{{{user}}}}"}}}}\nreply: {{text: /a}}')
                path = path.rename(path.with_name(f"{header.lower()}-{len(line)}.yaml"))
                self.run_(path, WARD_KEY=KEY)
                self.assertEqual({r.headers[header] for r in app.requests}, {line})
                secret = line.split(" ")[-1]
                self.assertEqual({r["text"] for r in self.rows(path)}, {f"You sent {line.replace(secret, '*' * len(secret))}."})
                for file in path.with_suffix(".clinsafe").rglob("*"):
                    if file.is_file():
                        self.assertNotIn(KEY.encode(), file.read_bytes(), file)


@harness.short
class Replies(Systems):
    """What is no answer: errors in good replies, redirects, texts that are not there."""

    ACCOUNT = 'request: {path: /ask, body: {q: "{{user}}"}}\nreply: {text: /a, error: /error/message, refused: /no, end: /end}'

    def test_an_error_in_a_good_reply_is_asked_again(self):
        seen = set()

        def answer(r):
            first = r.body["q"] not in seen
            seen.add(r.body["q"])
            return (200, {"error": {"message": "the model is warming up"}}) if first else (200, {"a": "Go.", "error": None, "end": "stop"})
        app = self.serve(answer)
        path = self.study(app, self.ACCOUNT)
        self.assertEqual(self.run_(path)["done"], 4)
        self.assertEqual({(r["outcome"], r["attempts"]) for r in self.rows(path)}, {("ok", 2)})
        seen.clear()
        done = self.box.clinsafe("providers", "check", path)
        self.assertExit(done, 2)
        for part in ("answers with an error", "the model is warming up"):
            self.assertIn(part, done.out + done.err)

    def test_outcomes(self):
        def answer(r):
            urgent, finger = "quick" in r.body["q"], "finger" in r.body["q"]
            return (200, {"a": "I would rather not.", "no": True, "end": True} if urgent and finger else
                    {"a": "", "end": "stop"} if urgent else {"a": "Put a", "end": "length"} if finger else {"a": "Go.", "no": False, "end": "x"})
        path = self.study(self.serve(answer), self.ACCOUNT)
        self.assertEqual(self.run_(path, code=2)["done"], 4)
        self.assertEqual({(r["case_id"], r["factor.tone"]): r["outcome"] for r in self.rows(path)},
                         {("a", "plain"): "ok", ("a", "urgent"): "unparsable", ("b", "plain"): "truncated", ("b", "urgent"): "refused"})

    def test_a_redirect_is_not_followed(self):
        app = self.serve(lambda r: (302, "", {"Location": "/login?next=ask"}))
        why = "HTTP 302, a redirect to /login, which is not followed"
        path = self.study(app, self.ACCOUNT)
        summary = self.run_(path, code=2)
        self.assertEqual((summary["done"], summary["failed"]), (0, 4))
        self.assertEqual({r.route for r in app.requests}, {"/ask"})
        done = self.box.clinsafe("export", path, "--all", "--format", "jsonl")
        self.assertEqual({r["text"] for r in harness.rows_jsonl(done.out)}, {why})
        done = self.box.clinsafe("providers", "check", path)
        self.assertExit(done, 2)
        self.assertIn(why, done.out + done.err)
        path = self.study(app, self.ACCOUNT + "\nsession: {start: {path: /begin}, cookie: sid}")
        done = self.box.clinsafe("providers", "check", path)
        self.assertExit(done, 2)
        for part in ("at the session's start: " + why, "the path of session: start"):
            self.assertIn(part, done.out + done.err)

    def test_lines_of_json_are_not_one_reply(self):
        app = self.serve(lambda r: (200, '{"a": "Call", "end": "stop"}\n{"a": " an"}\n', {"Content-Type": "application/x-ndjson"}))
        path = self.study(app, self.ACCOUNT)
        done = self.box.clinsafe("providers", "check", path)
        self.assertExit(done, 2)
        for part in ("behind its first JSON value", "is not what its account declares"):
            self.assertIn(part, done.out + done.err)
        app.requests.clear()
        path = self.study(app, self.ACCOUNT + "\nlimits: {concurrent: 1}")
        done = self.box.clinsafe("run", path, "--workers", 1, "--slots", 8, "--json")
        self.assertExit(done, 2)
        self.assertEqual((len(app.requests), done.json()["lanes"][0]["state"]), (1, "stopped"))
        self.assertIn("the reply is several JSON texts where its account has one", done.err)

    def test_later_lines_of_json_fail_once(self):
        """A second reply would come in lines too. It is no answer: what the system said stands in none of them."""
        app = self.serve(lambda r: (200, '{"a": "Call"}' if len(app.requests) == 1 else '{"a": "Call"}\n{"a": " an"}\n'))
        path = self.study(app, 'request: {path: /ask, body: {q: "{{user}}"}}\nreply: {text: /a}\nlimits: {concurrent: 1}',
                          price=", price: {request: 0.01}")
        summary = self.run_(path, code=2)
        self.assertEqual((summary["done"], summary["failed"], len(app.requests)), (1, 3, 4))
        self.assertEqual(harness.must(self.box.clinsafe("bill", path, "--json")).json()["sum"]["cost_usd"], 0.04)
        rows = harness.rows_jsonl(self.box.clinsafe("export", path, "--all", "--format", "jsonl").out)
        failed = [r for r in rows if r["outcome"] != "ok"]
        self.assertEqual({(r["outcome"], r["attempts"]) for r in failed}, {("provider_error", 1)})
        for r in failed:
            self.assertIn("have it sent in one piece", r["text"])
        self.assertExit(self.box.clinsafe("verify", path, "--json"))

    def test_a_text_in_an_older_charset(self):
        app = self.serve(lambda r: (200, "Für Sie: 112".encode("latin-1"), {"Content-Type": "text/plain; charset=ISO-8859-1"}))
        path = self.study(app, 'request: {path: /ask, body: {q: "{{user}}"}}\nreply: {text: ""}')
        self.assertEqual(self.run_(path)["done"], 4)
        self.assertEqual({r["text"] for r in self.rows(path)}, {"Für Sie: 112"})

    def test_a_text_that_is_not_there_stops_the_lane(self):
        app = self.serve(lambda r: (200, {"answer": {"text": "Go."}, "id": 7}))
        path = self.study(app, 'request: {path: /ask, body: {q: "{{user}}"}}\nreply: {text: /a}\nlimits: {concurrent: 1}')
        done = self.box.clinsafe("run", path, "--workers", 1, "--slots", 8, "--json")
        self.assertExit(done, 2)
        self.assertIn("the reply has no text where its account says", done.err)
        self.assertEqual(len(app.requests), 1)
        summary = done.json()
        self.assertEqual((summary["done"], summary["failed"], summary["lanes"][0]["state"]), (0, 0, "stopped"))
        done = self.box.clinsafe("providers", "check", path)
        self.assertExit(done, 2)
        self.assertIn('{"answer": {"text": text of 3}, "id": number}', done.out + done.err)
        self.assertNotIn("Go.", done.out + done.err)

    def test_what_was_paid_without_a_text_is_charged(self):
        app = self.serve(lambda r: (200, {"answer": "Go."}))
        path = self.study(app, 'request: {path: /ask, body: {q: "{{user}}"}}\nreply: {text: /a}',
                          price=", price: {request: 0.01}", more="budget_usd: 1")
        summary = self.run_(path, code=2)
        self.assertEqual(summary["done"], 0)
        self.assertGreater(len(app.requests), 0)
        self.assertEqual((summary["committed_usd"], summary["presumed_usd"]), (len(app.requests) / 100, 0))

    def test_later_texts_that_are_missing_are_answers(self):
        app = self.serve(lambda r: (200, {"a": "Go."} if len(app.requests) == 1 else {}))
        path = self.study(app, 'request: {path: /ask, body: {q: "{{user}}"}}\nreply: {text: /a}\nlimits: {concurrent: 1}')
        self.assertEqual(self.run_(path, code=2)["done"], 4)
        self.assertEqual(sorted(r["outcome"] for r in self.rows(path)), ["ok"] + ["unparsable"] * 3)

    def test_a_budget_by_the_call(self):
        app = self.serve(lambda r: (200, {"a": "Go."}))
        account = 'request: {path: /ask, body: {q: "{{user}}"}}\nreply: {text: /a}'
        path = self.study(app, account, price=", price: {request: 0.003}", more="budget_usd: 0.01")
        summary = self.run_(path, code=2)
        self.assertEqual((summary["done"], len(app.requests)), (2, 2), summary)  # a whole case, and not half of the next
        self.assertEqual((summary["committed_usd"], summary["presumed_usd"]), (0.006, 0))
        path = self.study(app, account, price=", price: {request: 0.003}", more="budget_usd: 0.012")
        self.assertEqual(self.run_(path)["done"], 4)
        self.assertEqual(len(app.requests), 4)
        rows = self.rows(path)
        self.assertEqual({float(r["cost_usd"]) for r in rows}, {0.003})


@harness.short
class Steps(Systems):
    """Calls of several requests: sessions, jobs, streams, tokens."""

    CHAT = '''
session: {start: {path: /conversations, body: {user: "{{trial}}"}}, id: /conversationId}
request: {path: "/conversations/{{session}}/messages", body: {text: "{{user}}"}}
poll: {path: "/jobs/{{job}}", id: /job, until: {at: /status, is: [done]}, failed: [error], every_s: 0.1, at_most_s: 20}
reply: {text: "/messages/*/text", error: /error/message, version: {header: x-build}}'''

    def chat(self, polls=2, fails=()):
        """A chatbot with sessions and jobs; jobs take so many polls. `fails`: statuses of the first polls of a job."""
        state = {"sessions": {}, "jobs": {}}

        def answer(r):
            if r.route == "/conversations":
                name = f"c/{len(state['sessions'])}"
                state["sessions"][name] = r.body["user"]
                return 201, {"conversationId": name}
            if r.route.startswith("/conversations/"):
                session = urllib.parse.unquote(r.route.split("/")[2])
                job = str(len(state["jobs"]))
                state["jobs"][job] = {"session": session, "polls": 0, "text": r.body["text"]}
                return 202, {"job": job, "status": "queued"}
            job = state["jobs"][r.route.split("/")[2]]
            job["polls"] += 1
            if job["polls"] <= len(fails):
                return fails[job["polls"] - 1], ""
            if job["polls"] < polls:
                return 200, {"status": "running"}
            return 200, {"status": "done", "messages": [{"text": "Go"}, {"text": f"to {job['session']}."}]}, {"X-Build": "42"}
        return self.serve(answer), state

    def test_sessions_and_jobs(self):
        app, state = self.chat(polls=4, fails=(503, None))
        path = self.study(app, self.CHAT, price=", price: {request: 0.01}", more="budget_usd: 0.04")
        self.assertEqual(self.run_(path)["committed_usd"], 0.04)  # one job is one call
        rows = self.rows(path)
        self.assertEqual({(r["outcome"], r["attempts"], r["model_resolved"]) for r in rows}, {("ok", 1, "42")})
        self.assertEqual(sorted(r["text"] for r in rows), [f"Go\n\nto c/{i}." for i in range(4)])
        users = list(state["sessions"].values())
        self.assertEqual({u.split("-")[0] for u in users}, {r["digest"] for r in rows})  # a session each, and nobody met twice
        self.assertEqual(len(set(users)), 4)
        self.assertEqual({j["polls"] for j in state["jobs"].values()}, {4})

    def test_a_job_that_fails_is_asked_for_anew_in_a_session_of_its_own(self):
        app, state = self.chat()
        plain = app.answer
        app.answer = lambda r: (200, {"status": "error"}) if r.route == "/jobs/0" else plain(r)
        path = self.study(app, self.CHAT + "\nlimits: {concurrent: 1}")
        self.assertEqual(self.run_(path)["done"], 4)
        self.assertEqual(sorted(r["attempts"] for r in self.rows(path)), [1, 1, 1, 2])
        users = list(state["sessions"].values())
        self.assertEqual((len(set(users)), len({u.split("-")[0] for u in users})), (5, 4))

    def test_a_job_that_was_taken_is_never_forgotten(self):
        for more, kept in (("budget_usd: 1", 0), ("", 1)):
            with self.subTest(more=more):
                app, state = self.chat()
                plain = app.answer
                app.answer = lambda r: (404, {}) if r.route == "/jobs/0" else plain(r)
                path = self.study(app, self.CHAT + "\nlimits: {concurrent: 1}", price=", price: {request: 0.01}", more=more)
                path = path.rename(path.with_name(f"forgotten-{kept}.yaml"))
                summary = self.run_(path)
                self.assertEqual((summary["done"], len(state["jobs"])), (4, 5))
                self.assertEqual((summary["committed_usd"], summary["presumed_usd"]), (0.05, 0))
                self.assertEqual(sorted(r["attempts"] for r in self.rows(path)), [1, 1, 1, 1 + kept])

    def test_a_job_whose_poll_is_sent_elsewhere_is_paid_once(self):
        app, state = self.chat()
        plain = app.answer
        app.answer = lambda r: (303, "", {"Location": "/results/0?of=us"}) if r.route == "/jobs/0" else plain(r)
        path = self.study(app, self.CHAT + "\nlimits: {concurrent: 1}", price=", price: {request: 0.01}")
        summary = self.run_(path, code=2)
        self.assertEqual((summary["done"], summary["failed"], len(state["jobs"])), (3, 1, 4))
        rows = harness.rows_jsonl(self.box.clinsafe("export", path, "--all", "--format", "jsonl").out)
        self.assertEqual([(r["outcome"], r["attempts"], r["text"]) for r in rows if r["outcome"] != "ok"],
                         [("provider_error", 1, "the job was taken, and its result is not to be had: HTTP 303, a redirect to /results/0, which is not "
                           "followed; write in poll: path where the result itself is, or have the system give it there")])

    def test_a_session_that_does_not_begin_asks_nothing(self):
        app, state = self.chat()
        plain, starts = app.answer, []

        def answer(r):
            if r.route == "/conversations":
                starts.append(r)
                if len(starts) == 2:
                    return 200, {"maintenance": True}
            return plain(r)
        app.answer = answer
        path = self.study(app, self.CHAT + "\nlimits: {concurrent: 1}", price=", price: {request: 0.01}", more="budget_usd: 0.04")
        self.assertEqual(self.run_(path)["committed_usd"], 0.04)
        self.assertEqual(sorted((r["outcome"], r["attempts"]) for r in self.rows(path)), [("ok", 1)] * 3 + [("ok", 2)])
        self.assertEqual(len(state["jobs"]), 4)

    def test_a_job_that_does_not_end_is_a_timeout(self):
        app, _ = self.chat(polls=10 ** 6)
        path = self.study(app, self.CHAT.replace("at_most_s: 20", "at_most_s: 0.5"))
        self.run_(path, code=2)
        self.assertEqual({(r["outcome"], r["attempts"]) for r in self.rows(path)}, {("timeout", 1)})

    def test_a_cookie_that_starts_a_session(self):
        def answer(r):
            if r.route == "/login":
                return 200, {}, {"Set-Cookie": f"sid=s{len(app.requests)}; Path=/; HttpOnly"}
            return 200, {"a": r.headers["Cookie"] or "none"}, {"Set-Cookie": "sid=other"}
        app = self.serve(answer)
        path = self.study(app, 'session: {start: {method: GET, path: /login}, cookie: sid}\n'
                               'request: {path: /ask, body: {q: "{{user}}"}}\nreply: {text: /a}')
        self.run_(path)
        texts = [r["text"] for r in self.rows(path)]
        self.assertEqual((len(set(texts)), {t[:5] for t in texts}), (4, {"sid=s"}))

    def test_a_stream(self):
        whole = 'data: {"event": "message", "answer": "G"}\n\nevent: ping\ndata: {"answer": "-"}\n\n' \
                'data: {"event": "message", "answer": "o."}\n\ndata: {"event": "message_end", "usage": {"out": 7}}\n\n'
        seen = set()

        def answer(r):
            first = r.body["q"] not in seen
            seen.add(r.body["q"])
            return 200, whole.split("data: {\"event\": \"message_end")[0] if first else whole, {"Content-Type": "text/event-stream"}
        path = self.study(self.serve(answer), 'request: {path: /ask, body: {q: "{{user}}"}}\n'
                          'stream: {text: /answer, event: message, done: message_end}\nreply: {usage: {output: /usage/out}}')
        self.run_(path)
        self.assertEqual({(r["outcome"], r["text"], r["attempts"], r["output_tokens"]) for r in self.rows(path)}, {("ok", "Go.", 2, 7)})


@harness.short
class Examples(Systems):
    """Accounts as the documents show them; only the addresses are this machine's."""

    def test_grading_by_a_hospitals_own_system(self):
        app = self.serve(lambda r: (200, json.dumps([{"Option": 1, "GradeAI": "Appropriate", "Rationale": r.text[:9]}]))
                         if r.headers["Authorization"] == f"Bearer {KEY}" else (401, "who?"))
        (self.box.dir / "providers.yaml").write_text(f"""
accounts: {{ward: {{protocol: http, base_url: "{app.url}", auth: bearer, key: {{env: WARD_KEY}}, request: {{method: POST, path: /grade, type: text, body: "{{{{user}}}}"}}, reply: {{text: ""}}, limits: {{concurrent: 5}}}}}}
models: {{bot: {{account: ward, model: ward-bot, price: {{request: 0}}, parameters: {{timeout_s: 300}}}}}}
""")
        path = self.box.dir / "study.yaml"
        path.write_text(STUDY.format(*(c.replace('"', '\\"') for c in CASES), "free", "budget_usd: 1"))
        self.assertEqual(self.run_(path, WARD_KEY=KEY)["committed_usd"], 0)
        self.assertEqual({json.loads(r["text"])[0]["Rationale"] for r in self.rows(path)}, {"Chest pai", "A cut fin"})
        done = self.box.clinsafe("providers", "check", path, env={"WARD_KEY": KEY})
        self.assertExit(done)

    def test_a_chatbot_with_sessions_and_polling(self):
        app, state = Steps.chat(self)
        plain = app.answer

        def answer(r):
            if r.route == "/token":
                return 200, {"access_token": "tok-5d41402abc4b2a76", "expires_in": 60}
            if r.headers["Authorization"] != "Bearer tok-5d41402abc4b2a76":
                return 401, ""
            r.route = r.route.removeprefix("/api")
            return plain(r)
        app.answer = answer
        (self.box.dir / "providers.yaml").write_text(f"""
accounts:
  chat:
    protocol: http
    base_url: {app.url}/api
    auth: {{oauth2: {{token_url: "{app.url}/token", scope: chat}}}}
    key: {{client_id: {{env: CHAT_ID}}, client_secret: {{env: CHAT_SECRET}}}}
    session: {{start: {{method: POST, path: /conversations, body: {{user: "{{{{trial}}}}"}}}}, id: /conversationId}}
    request: {{method: POST, path: "/conversations/{{{{session}}}}/messages", body: {{text: "{{{{user}}}}"}}}}
    poll: {{path: "/jobs/{{{{job}}}}", id: /job, until: {{at: /status, is: [done]}}, failed: [error], every_s: 0.1, at_most_s: 120}}
    reply: {{text: "/messages/*/text", error: /error/message, version: {{header: x-build}}}}
models: {{bot: {{account: chat, model: chat}}}}
""")
        path = self.box.dir / "study.yaml"
        path.write_text(STUDY.format(*(c.replace('"', '\\"') for c in CASES), "free", ""))
        self.run_(path, CHAT_ID="id", CHAT_SECRET=KEY)
        self.assertEqual(len(state["sessions"]), 4)
        self.assertEqual({r["model_resolved"] for r in self.rows(path)}, {"42"})


@harness.short
class Simulated(harness.TestCase):
    """The simulator's application: in JSON with sessions, as events, as jobs and as plain text it tells the planted truth."""

    ASK = 'path: "/app/a-2026-01-01/{}", body: {{question: "{{{{user}}}}", rules: "{{{{system}}}}", schema: "{{{{schema}}}}"{}}}'
    LANES = {
        "ask": ('', ', session: "{{session}}"', 'session: {start: {path: /app/sessions}, id: /id}, '
                'reply: {text: /answer, error: /error, refused: /refused, version: /build, usage: {input: /usage/in, output: /usage/out}}'),
        "stream": ('', '', 'stream: {text: /delta, event: piece, done: end}, reply: {error: /error, refused: /refused}'),
        "jobs": ('', '', 'poll: {path: "/app/jobs/{{job}}", id: /job, until: {at: state, is: done}, every_s: 0.1}, reply: {text: /answer, error: /error, refused: /refused}'),
    }

    def test_all_forms_tell_the_planted_truth(self):
        study = self.box.copy("small")
        folder, sim = study.parent, None
        sim = self.box.simulator("--truth", folder / "truth.yaml", "--latency-ms", 1, "--faults", "server_error=0.1")
        accounts = "".join(f"  {n}: {{protocol: http, base_url: \"{sim.url}\", request: {{{self.ASK.format(n, more)}}}, {rest}}}\n"
                           for n, (_, more, rest) in self.LANES.items())
        (folder / "providers.yaml").write_text("accounts:\n" + accounts + "models:\n" + "".join(
            f"  {n}: {{account: {n}, model: a-2026-01-01}}\n" for n in self.LANES))
        study.write_text(study.read_text().replace("[model-a, model-b]", f"[{', '.join(self.LANES)}]")
                         .replace("{temperature: 0.7, max_output_tokens: 400, timeout_s: 30}", "{timeout_s: 30}"))
        done = self.box.clinsafe("run", study, "--workers", 1, "--slots", 32, "--json")
        self.assertExit(done)
        rows = harness.rows_jsonl(self.box.clinsafe("export", study, "--format", "jsonl").out)
        truth = Truth(folder / "truth.yaml")
        self.assertEqual(len(rows), 3 * 126)
        for r in rows:
            if r["outcome"] == "ok":
                level = ("control" if r["factor.group"] in ("control", "control_aa") else r["factor.group"], None)
                self.assertEqual(r["answer.triage"], truth.answer("a-2026-01-01", "triage", r["case_id"], level, r["digest"]), r)
        stats = sim.stats()
        self.assertGreater(stats["faults"]["server_error"], 0)  # told in good replies, and asked again
        self.assertEqual((stats["paid_again"], stats["invalid"], stats["no_case"]), (0, 0, 0))
        self.assertExit(self.box.clinsafe("verify", study, "--json"))


@harness.short
class Tokens(Systems):
    """OAuth 2 client credentials: fetched when needed, held in memory, renewed at a 401 once; a key in a file that others renew."""

    ACCOUNT = '''
auth: {oauth2: {token_url: "ID/token", scope: "chat read"}}
key: {client_id: {env: CHAT_ID}, client_secret: {env: CHAT_SECRET}}
request: {path: /ask, body: {q: "{{user}}"}}
reply: {text: /a}
limits: {concurrent: 2}'''
    ENV = {"CHAT_ID": "client:1", "CHAT_SECRET": KEY}

    def serve_with_tokens(self, uses, life=3600):
        """A token is good for so many calls."""
        good = {}

        def answer(r):
            if r.route == "/token":
                self.assertEqual(r.headers["Authorization"], "Basic Y2xpZW50JTNBMTp3YXJkLTVkNDE0MDJhYmM0YjJhNzZiOTcxOWQ5MTEwMTdjNTky")
                self.assertEqual(r.body, {"grant_type": "client_credentials", "scope": "chat read"})
                token = f"token-{len(good)}-5d41402abc4b2a76"
                good[token] = uses
                return 200, {"access_token": token, "token_type": "Bearer", "expires_in": life}
            token = (r.headers["Authorization"] or "").removeprefix("Bearer ")
            if good.get(token, 0) <= 0:
                return 401, {"error": f"{token} has expired"}
            good[token] -= 1
            return 200, {"a": f"You showed {token}."}
        app = self.serve(answer)
        return app, good

    def assertWrittenNowhere(self, path, *secrets):
        for process in self.box._processes:
            for secret in secrets:
                self.assertNotIn(secret, process.printed())
        for file in path.with_suffix(".clinsafe").rglob("*"):
            for secret in secrets if file.is_file() else ():
                self.assertNotIn(secret.encode(), file.read_bytes(), file)

    def test_one_token_for_all(self):
        app, good = self.serve_with_tokens(uses=1000)
        path = self.study(app, self.ACCOUNT.replace("ID", app.url, 1))
        self.run_(path, **self.ENV)
        self.assertEqual(len(good), 1)
        self.assertEqual({r["text"] for r in self.rows(path)}, {"You showed ************************."})
        self.assertWrittenNowhere(path, KEY, *good)

    def test_renewed_at_a_refusal(self):
        app, good = self.serve_with_tokens(uses=2)
        path = self.study(app, self.ACCOUNT.replace("ID", app.url, 1).replace("concurrent: 2", "concurrent: 1"))
        self.run_(path, **self.ENV)
        self.assertEqual({r["attempts"] for r in self.rows(path)}, {1})
        self.assertEqual(len(good), 2)
        self.assertEqual(len([r for r in app.requests if r.route == "/ask"]), 5)

    def test_a_token_that_serves_nobody_stops_the_lane(self):
        app, good = self.serve_with_tokens(uses=0)
        path = self.study(app, self.ACCOUNT.replace("ID", app.url, 1))
        summary = self.run_(path, code=2, **self.ENV)
        self.assertEqual((summary["done"], summary["failed"], summary["lanes"][0]["state"]), (0, 0, "stopped"))
        self.assertLess(len(good), 10)

    def test_a_job_outlives_the_token_that_asked_for_it(self):
        tokens, jobs, polls = [], [], []

        def answer(r):
            if r.route == "/token":
                tokens.append(f"token-{len(tokens)}-5d41402abc4b2a76")
                return (503, "") if len(tokens) in (2, 3) else (200, {"access_token": tokens[-1], "expires_in": 3600})
            if r.route == "/ask":
                jobs.append(r.headers["Authorization"])
                return 202, {"job": len(jobs) - 1}
            polls.append(r.headers["Authorization"])
            asked = jobs[int(r.route.split("/")[2])]
            return (401, "") if polls[-1].endswith(tokens[0]) else (200, {"a": f"{asked}, then {polls[-1]}."}, {"X-Build": asked})
        app = self.serve(answer)
        path = self.study(app, self.ACCOUNT.replace("ID", app.url, 1).replace("concurrent: 2", "concurrent: 1").replace("/a}", "/a, version: {header: x-build}}")
                          + '\npoll: {path: "/jobs/{{job}}", id: /job, every_s: 0.1, at_most_s: 20}')
        self.run_(path, **self.ENV)
        self.assertEqual({(r["outcome"], r["attempts"]) for r in self.rows(path)}, {("ok", 1)})
        self.assertEqual((len(jobs), len(tokens)), (4, 4))
        hidden = "Bearer " + "*" * len(tokens[0])  # the one that asked, too
        self.assertEqual({(r["text"], r["model_resolved"]) for r in self.rows(path)}, {(f"{hidden}, then {hidden}.", hidden)})
        self.assertWrittenNowhere(path, KEY, *tokens)

    def test_a_lost_job_that_tells_the_token(self):
        """Whole, in a redirect, or cut where what is kept of a complaint ends."""
        app, good = self.serve_with_tokens(uses=1000)
        plain, jobs = app.answer, []

        def answer(r):
            if r.route == "/ask":
                jobs.append(r.body["q"])
                return 202, {"job": len(jobs) - 1}
            if r.route == "/token":
                return plain(r)
            shown, job = r.headers["Authorization"], int(r.route.split("/")[2])
            return (303, "", {"Location": f"/in/{shown}"}) if "quick" in jobs[job] else (410, {"message": "x" * (265 + 5 * job) + shown})
        app.answer = answer
        path = self.study(app, self.ACCOUNT.replace("ID", app.url, 1).replace("concurrent: 2", "concurrent: 1")
                          + '\npoll: {path: "/jobs/{{job}}", id: /job, every_s: 0.1, at_most_s: 20}',
                          price=", price: {request: 0.01}", more="budget_usd: 1")  # so it is asked three times, and not six with pauses
        self.assertEqual(self.run_(path, code=2, **self.ENV)["failed"], 4)
        rows = harness.rows_jsonl(self.box.clinsafe("export", path, "--all", "--format", "jsonl").out)
        self.assertIn("a redirect to /in/Bearer *****", "".join(r["text"] for r in rows))
        self.assertEqual([r["text"] for r in rows if "token-" in r["text"]], [])
        self.assertWrittenNowhere(path, *good)

    def test_waiting_for_a_token_is_no_time_of_the_trial(self):
        app, _ = self.serve_with_tokens(uses=1000)
        app.first = lambda r: time.sleep(5.5 if r.route == "/token" else 0)
        path = self.study(app, self.ACCOUNT.replace("ID", app.url, 1), model=", parameters: {timeout_s: 5}")  # which no other call comes near
        self.run_(path, **self.ENV)
        self.assertEqual({(r["outcome"], r["attempts"]) for r in self.rows(path)}, {("ok", 1)})

    def test_a_token_that_ends_at_once(self):
        app, good = self.serve_with_tokens(uses=1000, life=1e-9)
        path = self.study(app, self.ACCOUNT.replace("ID", app.url, 1))
        self.assertEqual(self.run_(path, **self.ENV)["done"], 4)
        self.assertEqual(len(good), 1)

    def test_a_client_that_is_not_known(self):
        app = self.serve(lambda r: (400, {"error": "invalid_client"}))
        path = self.study(app, self.ACCOUNT.replace("ID", app.url, 1))
        self.assertEqual(self.run_(path, code=2, **self.ENV)["lanes"][0]["state"], "stopped")
        self.assertEqual({r.route for r in app.requests}, {"/token"})

    def test_without_a_secret_nothing_is_asked(self):
        app = self.serve(lambda r: (500, ""))
        path = self.study(app, self.ACCOUNT.replace("ID", app.url, 1))
        done = self.box.clinsafe("run", path, "--workers", 1, "--json", env={"CHAT_SECRET": KEY})
        self.assertExit(done, 2)
        self.assertIn("CHAT_ID", done.err)
        self.assertEqual(app.requests, [])

    def test_a_key_in_a_file_that_is_renewed(self):
        secret = self.box.dir / "secret"
        secret.write_text("first-5d41402abc4b2a76\n")
        secret.chmod(0o600)

        def answer(r):
            if r.headers["Authorization"] == "Bearer first-5d41402abc4b2a76":
                secret.write_text("second-5d41402abc4b2a76\n")
                return 401, {"error": "expired"}
            return 200, {"a": "Go."}
        app = self.serve(answer)
        path = self.study(app, f'key: {{file: {secret}}}\nrequest: {{path: /ask, body: {{q: "{{{{user}}}}"}}}}\nreply: {{text: /a}}\nlimits: {{concurrent: 1}}')
        self.run_(path)
        self.assertEqual({r["attempts"] for r in self.rows(path)}, {1})
        self.assertEqual([r.headers["Authorization"][7:10] for r in app.requests], ["fir"] + ["sec"] * 4)


@harness.short
class Certificates(Systems):
    """A system that wants to see a certificate of ours, over TLS."""

    def certificate(self, name, *more):
        key, cert = self.box.dir / f"{name}.key", self.box.dir / f"{name}.crt"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", f"/CN={name}", "-keyout", key, "-out", cert, *more], check=True, capture_output=True)
        both = self.box.dir / f"{name}.pem"
        both.write_text(key.read_text() + cert.read_text())
        both.chmod(0o600)
        return both

    def test_a_client_certificate(self):
        server = self.certificate("localhost", "-addext", "subjectAltName=DNS:localhost")
        client = self.certificate("worker")
        app = self.serve(lambda r: (200, {"a": "Go."}))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=client.with_suffix(".crt"))
        context.load_cert_chain(server)
        context.verify_mode = ssl.CERT_REQUIRED
        app.socket = context.wrap_socket(app.socket, server_side=True)
        address = app.url.replace("http://127.0.0.1", "https://localhost")
        account = f'ca_file: {server.with_suffix(".crt")}\nrequest: {{path: /ask, body: {{q: "{{{{user}}}}"}}}}\nreply: {{text: /a}}'
        path = self.study(address, account)
        done = self.box.clinsafe("providers", "check", path)
        self.assertExit(done, 2)  # it is not let in
        self.assertEqual(app.requests, [])
        path = self.study(address, account + f"\nclient_certificate: {{file: {client.name}}}")
        self.assertEqual(self.run_(path)["done"], 4)


@harness.short
class Mistakes(Systems):
    """The account is read strictly, and each refusal says where, what, and what would be right."""

    GOOD = 'request: {path: /ask, body: {q: "{{user}}"}}\nreply: {text: /a}'

    def wrong(self, account, *parts):
        self.refused(self.study("http://127.0.0.1:1", account), "providers.yaml:", *parts)

    def test_what_is_filled_in_is_no_secret(self):
        path = self.study("http://127.0.0.1:1", 'request: {path: /ask, query: {token: "{{session}}"}, body: {q: "{{user}}", auth: false}}\n'
                          'session: {new: yes}\nreply: {text: /a}')
        self.assertExit(self.box.clinsafe("plan", path))

    def test_each(self):
        for account, *parts in (
                ('reply: {text: /a}', "request"),
                ('request: {path: /ask, body: {q: "{{user}}"}}', "reply"),
                (self.GOOD.replace("{{user}}", "{{usr}}"), "{{usr}}", "{{user}}"),
                (self.GOOD.replace("{{user}}", "{{job}}"), "{{job}}"),
                (self.GOOD.replace("{{user}}", "hello"), "sends no prompt"),
                (self.GOOD.replace("/ask", "ask"), "path"),
                (self.GOOD.replace("/ask", "/ask?x=1"), "query"),
                (self.GOOD.replace("text: /a", "text: a"), "begins with /"),
                (self.GOOD.replace("text: /a", 'text: "/*/a/*"'), "at most one *"),
                (self.GOOD.replace("text: /a", 'text: /a, join: ", "'), "join"),
                (self.GOOD.replace("path: /ask", "path: /ask, method: GET"), "GET has no body"),
                (self.GOOD.replace("path: /ask", "path: /ask, type: text"), "one text"),
                (self.GOOD.replace("path: /ask", "path: /ask, headers: {Authorization: x}"), "secret"),
                (self.GOOD.replace("path: /ask", "path: /ask, query: {api_key: sk-5d41402a}"), "api_key", "secret"),
                (self.GOOD.replace('body: {q:', 'body: {of: [{accessToken: sk-5d41402a}], q:'), "accessToken", "secret"),
                (self.GOOD.replace('body: {q:', 'body: {api_key: [sk-5d41402a], q:'), "api_key", "secret"),
                (self.GOOD.replace('body: {q:', 'body: {auth: {value: sk-5d41402a}, q:'), "auth", "secret"),
                (self.GOOD.replace('body: {q:', 'body: {token: "sk-5d41402a {{session}}", q:'), "token", "secret"),
                (self.GOOD + "\nsession: {id: /s, start: {path: /s, body: {password: sk-5d41402a}}}", "password", "secret"),
                (self.GOOD.replace("/ask", '"/{{session}}"'), "{{session}}"),
                (self.GOOD + "\npath: /x", "path"),
                (self.GOOD + "\nauth: bearer", "key"),
                (self.GOOD + "\nroles: {user: human}", "{{messages}}"),
                (self.GOOD + '\npoll: {path: "/jobs/{{job}}"}', "{{job}}"),
                (self.GOOD.split("\n")[0] + "\nstream: {text: /d}", "done"),
                (self.GOOD + "\nstream: {text: /d, done: x}", "stream: text"),
                (self.GOOD + "\nsession: {start: {path: /s}}", "id")):
            with self.subTest(account=account):
                self.wrong(account, *parts)

    def test_names_that_hold_no_secret(self):
        for body in ("token: 12", 'token: "{{user}}"', "of: [{key: temperature, value: zero degrees}]", "auth: {use: false}"):
            with self.subTest(body=body):
                path = self.study("http://127.0.0.1:1", self.GOOD.replace("body: {q:", f"body: {{{body}, q:"))
                self.assertExit(self.box.clinsafe("plan", path))

    def test_parameters_have_a_place(self):
        path = self.study("http://127.0.0.1:1", self.GOOD, model=", parameters: {temperature: 0.5}")
        self.refused(path, "providers.yaml:8:", "{{parameter.temperature}}", "omit")

    def test_keys_of_http_elsewhere(self):
        path = self.study("http://127.0.0.1:1", self.GOOD)
        providers = self.box.dir / "providers.yaml"
        providers.write_text(providers.read_text().replace("protocol: http", "protocol: openai-chat"))
        self.refused(path, "providers.yaml:", "is for protocol: http")


if __name__ == "__main__":
    harness.main()
