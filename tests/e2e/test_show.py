#!/usr/bin/env python3
"""`clinsafe show`: the exact request, every output of it. The server of test_again knows which bytes it was asked."""
import hashlib
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
from test_again import TRIALS, Again


@harness.short
class Show(Again):
    def show(self, *args, code=0):
        done = self.box.clinsafe("show", self.study, *args)
        self.assertExit(done, code)
        return done

    def test_requests_are_the_bytes_that_were_sent_and_every_output_is_shown(self):
        self.server.odd = lambda body: b"sugar" in body and b"problem 3." in body
        self.server.answer = lambda body: "\x1b[31mNo" if b"problem 4." in body and b"treatment" in body else "No"
        self.run_study(code=2)
        self.server.odd = lambda body: False
        self.run_study("--retry-unparsable", code=2)
        rows = {r["output_id"]: r for r in self.rows("--superseded")}

        everything = self.show("c03", "-", "--json").json()["trials"]
        self.assertEqual(len(everything), 3)
        [trial] = self.show("c03", "sham", "--json").json()["trials"]
        self.assertIn(trial, everything)
        body = trial["request"].encode()
        self.assertEqual(self.server.asked[body], 2)
        parts = b"clinsafe-trial-1\0openai-chat\0slow-1\0" + hashlib.blake2b(body, digest_size=32).digest() + bytes(8)
        self.assertEqual(trial["digest"], hashlib.blake2b(parts, digest_size=32).hexdigest()[:32])
        self.assertEqual([o["outcome"] for o in trial["outputs"]], ["unparsable", "ok"])
        for o in trial["outputs"]:
            mine = rows[o["output_id"]]
            self.assertEqual({k: o[k] for k in ("text", "cost_usd", "started", "attempts", "digest")},
                             {k: mine[k] for k in ("text", "cost_usd", "started", "attempts", "digest")})

        text = self.show("c03", "group=sham", 1).out
        self.assertIn('{"model":"slow-1","messages":[', text)
        self.assertRegex(text, r"output \d+: unparsable: no_object, superseded: it was asked again by declaration")
        self.assertRegex(text, r"output \d+: ok, the answer that counts")
        self.assertIn("      I cannot tell.", text)
        self.assertIn("read as: answer.urgent = No", text)
        self.assertIn("20 tokens in (0 cached), 5 out (0 thinking), $0.000070", text)
        self.assertIn("1 prompt, 1 trial, 2 outputs", text)

        text = self.show("c04", "treated").out
        self.assertNotIn("\x1b", text)
        self.assertIn("u001b[31mNo", text)

    def test_what_is_not_there_is_named(self):
        self.run_study()
        self.assertEqual(sum(self.server.asked.values()), TRIALS)
        for args, words in ((("c99", "sham"), 'the study has no case "c99"'), (("c01", "shame"), 'no level "shame"; did you mean "sham"'),
                            (("c01", "arm=sham"), 'no level "arm=sham"'), (("c01", "sham", 2), "nothing is asked of case"),
                            (("c01", "sham", "--model", "n"), 'no model "n"'), (("c01", "sham", "--question", "q"), 'no question "q"')):
            self.assertOneLine(self.show(*args, code=harness.EXIT_INVALID).err, words)
        self.assertOneLine(self.show("c01", "sham", "first", code=harness.EXIT_USAGE).err, 'REPEAT is "first"')


if __name__ == "__main__":
    harness.main()
