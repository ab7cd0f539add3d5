#!/usr/bin/env python3
"""`clinsafe drill`: kills a fleet that works on the user's study, loses nothing, pays nobody, and cleans up after itself; and it can fail."""
import json
import os
import signal
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness


class Drill(harness.TestCase):
    TIME_LIMIT_S = 240

    def setUp(self):
        super().setUp()
        self.study = self.box.copy("small")
        self.env = {"TMPDIR": str(self.box.runtime)}

    def drill(self, *args):
        return self.box.clinsafe("drill", self.study, *args, env=self.env, timeout=200)

    def left_behind(self):
        return [p.name for p in self.box.runtime.iterdir()] + [p.name for p in self.study.parent.glob("*.clinsafe")]

    def test_loss_table(self):
        done = self.drill("--rounds", 5, "--seed", 11, "--json")
        self.assertExit(done)
        table = done.json()
        self.assertEqual(set(table["killed"].values()), {1}, "each of the five once")
        self.assertEqual(table["workers_killed"], 5, "one, and all four")
        self.assertEqual((table["trials"], table["done"] + table["failed"], table["lost"]), (252, 252, 0))
        self.assertTrue(200 < table["acknowledged"] <= 252, table)
        self.assertEqual(table["paid_twice"], table["answered"] - table["done"])
        self.assertLessEqual(table["paid_twice"], table["paid_twice_at_most"])
        self.assertEqual(table["paid_twice_at_most"], 5 * 64 + 2 * 64)
        self.assertEqual(done.err.count("killed"), 5, done.err)
        self.assertIn("all models simulated: nothing is paid", done.err)
        self.assertEqual(self.left_behind(), [])

    def test_no_provider_is_called(self):
        """The study's own accounts are a real provider's: with an address, a key, and somebody who listens there."""
        trap = self.box.simulator("--latency-ms", 0)
        (self.study.parent / "providers.yaml").write_text(f"""accounts:
  paid: {{protocol: openai-chat, base_url: "{trap.url}/v1", key: {{env: PAID_KEY}}}}
models:
  model-a: {{account: paid, model: a-1}}
  model-b: {{account: paid, model: b-1}}
""")
        self.env["PAID_KEY"] = "sk-not-to-be-used"
        folder = self.box.dir / "mine"
        done = self.drill("--rounds", 1, "--dir", folder)
        self.assertExit(done)
        self.assertIn("Nothing was lost.", done.out)
        self.assertEqual(trap.stats()["requests"], 0)
        self.assertEqual(self.left_behind(), [])
        for file in ("acknowledged", "arrivals", "store", "logs"):
            self.assertTrue((folder / file).exists(), file)
        again = self.drill("--rounds", 1, "--dir", folder)
        self.assertEqual(again.code, harness.EXIT_USAGE)
        self.assertOneLine(again.err, "a drill wants a folder of its own")

    def test_a_lost_output_and_a_broken_bound_are_seen(self):
        folder = self.box.dir / "mine"
        folder.mkdir()
        (folder / "acknowledged").write_text("00112233445566778899aabbccddeeff\n")
        line = "\t".join(["1", "0" * 16, "m", "ffeeddccbbaa99887766554433221100", "1", "10", "200", ""])
        done = self.drill("--rounds", 1, "--dir", folder, "--json")
        self.assertEqual(done.code, 2, done)
        self.assertEqual((done.json()["lost"], done.json()["sound"]), (1, False))

        folder = self.box.dir / "other"
        folder.mkdir()
        sample = (self.box.dir / "mine" / "arrivals").read_text().splitlines()[1].split("\t")
        (folder / "arrivals").write_text((line.rsplit("\t", 1)[0] + "\t" + sample[7] + "\n") * 2000)
        done = self.drill("--rounds", 1, "--dir", folder, "--json")
        self.assertEqual(done.code, 2, done)
        self.assertEqual((done.json()["lost"], done.json()["sound"]), (0, False))
        self.assertGreaterEqual(done.json()["paid_twice"], 1999)

    def test_interrupted(self):
        process = self.box.start("clinsafe", "drill", self.study, "--rounds", 50, env=self.env)
        harness.wait_for(lambda: "round 2 of 50" in process.printed(), 60, "the second round", process)
        # The next round may have begun and have killed them: until enough are there again.
        children = harness.wait_for(lambda: (c := Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()) and len(c) >= 5 and c,
                                    what="its programs", process=process)
        process.signal(signal.SIGINT)
        done = process.wait(60)
        self.assertEqual(done.code, harness.EXIT_INTERRUPTED, done)
        self.assertEqual([c for c in children if os.path.exists(f"/proc/{c}")], [])
        self.assertEqual(self.left_behind(), [])


if __name__ == "__main__":
    harness.main()
