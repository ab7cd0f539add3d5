#!/usr/bin/env python3
"""prompt_cache: conversations at a provider that keeps prompts only where they are marked, as Anthropic documents it: what is paid falls, answers stay."""
import http.server
import json
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import harness

CASES, TURNS = 6, 5
LONG = "The patient has had chest pain since this morning and takes no medicines. " * 40
PRICE = {"input": 3, "cached": 0.3, "cache_write": 3.75, "output": 15}
STUDY = f"""study: kept
seed: 7
budget_usd: 5
cases: {{file: cases.csv, id: [case_id]}}
prompt:
  system: "You help."
  turns: [{{user: "{{{{case.text}}}} {{{{question.ask}}}}"}}{', {user: "Are you sure?"}' * (TURNS - 1)}]
questions: [{{name: urgent, ask: "Is it urgent?", answer: {{urgent: {{boolean: ["Yes", "No"]}}}}}}]
models: [m]
parameters: {{max_output_tokens: 100, timeout_s: 20}}
"""


class Keeper(harness.HttpServer):
    """Keeps the messages of a marked request under its settings, and reads the longest of them that a later marked request begins with."""

    def __init__(self):
        self.lock, self.kept, self.bodies, self.used, self.strict = threading.Lock(), {}, [], [], False
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def take(self, body):
        marked = body.get("cache_control") == {"type": "ephemeral"}
        settings = json.dumps({k: v for k, v in body.items() if k not in ("messages", "cache_control")}, sort_keys=True)
        prefixes = [json.dumps(body["messages"][:n + 1]) for n in range(len(body["messages"]))]
        all_in = len(prefixes[-1]) // 4
        text = json.dumps({"urgent": "Yes"}) if "output_config" in body else f"Reply {len(body['messages'])}."
        with self.lock:
            read = max((len(p) // 4 for p in prefixes if (settings, p) in self.kept), default=0) if marked else 0
            written = all_in - read if marked else 0
            if marked:
                self.kept[settings, prefixes[-1]] = True
            usage = {"input_tokens": all_in - read - written, "cache_read_input_tokens": read, "cache_creation_input_tokens": written, "output_tokens": 10}
            self.bodies.append(body)
            self.used.append(usage)
        return {"id": f"msg_{len(self.used)}", "type": "message", "role": "assistant", "model": body["model"], "stop_reason": "end_turn",
                "content": [{"type": "text", "text": text}], "usage": usage}

    def usd(self):
        names = {"input_tokens": "input", "cache_read_input_tokens": "cached", "cache_creation_input_tokens": "cache_write", "output_tokens": "output"}
        return sum(n * PRICE[names[k]] for u in self.used for k, n in u.items()) / 1e6


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        refused = self.server.strict and "cache_control" in body
        out = json.dumps({"type": "error", "error": {"type": "invalid_request_error", "message": "cache_control: Extra inputs are not permitted"}}
                         if refused else self.server.take(body)).encode()
        self.send_response(400 if refused else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(out)))
        self.end_headers()
        self.wfile.write(out)


class Kept(harness.TestCase):
    def study(self, name, account, text=STUDY):
        provider = Keeper()
        self.addCleanup(provider.shutdown)
        folder = self.box.dir / name
        folder.mkdir()
        (folder / "study.yaml").write_text(text)
        (folder / "cases.csv").write_text("case_id,text\n" + "".join(f"c{i},Case {i}. {LONG}\n" for i in range(CASES)))
        self.providers(folder, provider, account)
        return folder, provider

    @staticmethod
    def providers(folder, provider, account):
        (folder / "providers.yaml").write_text(
            f"accounts: {{a: {{protocol: anthropic-messages, base_url: {provider.url}, key: {{env: KEPT_KEY}}{account}}}}}\n"
            f"models: {{m: {{account: a, model: m, price: {json.dumps(PRICE)}}}}}\n")

    def run_study(self, folder):
        return harness.must(self.box.clinsafe("run", folder / "study.yaml", "--workers", 1, "--json", env={"KEPT_KEY": "kept-key-0123456789"})).json()

    def rows(self, folder):
        rows = harness.rows_jsonl(harness.must(self.box.clinsafe("export", folder / "study.yaml", "--format", "jsonl")).out)
        return {r["case_id"]: r for r in rows}

    def assert_clean(self, folder):
        verified = harness.must(self.box.clinsafe("verify", folder / "study.yaml", "--json")).json()
        self.assertEqual((verified["done"], verified["missing"], verified["faults"], verified["requests_replayed"]), (CASES, 0, 0, CASES * TURNS))

    def test_what_is_paid_falls_and_answers_stay(self):
        paid, answers = {}, {}
        for name, account in (("kept", ""), ("unkept", ", prompt_cache: no")):
            folder, provider = self.study(name, account)
            plan = harness.must(self.box.clinsafe("plan", folder / "study.yaml", env={"KEPT_KEY": "kept-key-0123456789"})).out
            self.assertIn("m: 30 calls, one a turn; each sends all that was said before once more" + (
                ", and what another turn of the same form shares is marked for the provider's cache: this price counts on none of it.\n" if name == "kept" else ".\n"), plan)
            self.run_study(folder)
            self.assertEqual(len(provider.bodies), CASES * TURNS)
            self.assert_clean(folder)
            bill = harness.must(self.box.clinsafe("bill", folder / "study.yaml", "--json")).json()["sum"]
            self.assertAlmostEqual(bill["cost_usd"], provider.usd(), 9)
            paid[name] = provider.usd()
            answers[name] = {c: (r["digest"], r["conversation"]) for c, r in self.rows(folder).items()}
            marked = [len(b["messages"]) for b in provider.bodies if "cache_control" in b]
            # The last turn has another form of answer, so that nothing of the others' is read by it and nobody reads what it would leave.
            self.assertEqual(sorted(marked), sorted(list(range(1, 2 * TURNS - 2, 2)) * CASES) if name == "kept" else [])
        self.assertEqual(answers["kept"], answers["unkept"])
        self.assertLess(paid["kept"], 0.6 * paid["unkept"])  # 2.55 of 5 prompts: 1.25, then thrice 0.1, then one that is not kept

    def test_an_answer_at_each_turn_reads_all_that_was_said(self):
        folder, provider = self.study("each", "", STUDY.replace('"No"]}}}]', f'"No"]}}}}, answer_at: {list(range(1, TURNS + 1))}}}]'))
        self.run_study(folder)
        for body, used in zip(provider.bodies, provider.used):
            self.assertIn("cache_control", body)
            self.assertEqual(used["cache_read_input_tokens"] > 0, len(body["messages"]) > 1)

    def test_a_change_asks_nothing_again(self):
        folder, provider = self.study("changed", "")
        self.run_study(folder)
        self.providers(folder, provider, ", prompt_cache: no")
        self.run_study(folder)
        self.assertEqual(len(provider.bodies), CASES * TURNS)
        self.assert_clean(folder)

    def test_a_server_that_refuses_the_mark(self):
        folder, provider = self.study("strict", "")
        provider.strict = True
        for account, code, words in (("", 2, "write prompt_cache: no in its account"), (", prompt_cache: no", 0, "a trial's first call")):
            self.providers(folder, provider, account)
            done = self.box.clinsafe("providers", "check", folder / "study.yaml", env={"KEPT_KEY": "kept-key-0123456789"})
            self.assertExit(done, code)
            self.assertIn(words, done.out)

    def test_where_it_is_not_known(self):
        folder, _ = self.study("wrong", ", prompt_cache: maybe")
        done = self.box.clinsafe("plan", folder / "study.yaml")
        self.assertEqual(done.code, 65)
        self.assertRegex(done.err, r"providers\.yaml:1:\d+: prompt_cache is \"maybe\"; known: no, yes")
        text = (folder / "providers.yaml").read_text()
        (folder / "providers.yaml").write_text(text.replace("anthropic-messages", "gemini"))
        done = self.box.clinsafe("plan", folder / "study.yaml")
        self.assertEqual(done.code, 65)
        self.assertRegex(done.err, r"providers\.yaml:1:\d+: prompt_cache is for anthropic-messages and bedrock-converse")


if __name__ == "__main__":
    harness.main()
