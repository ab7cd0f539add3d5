#!/usr/bin/env python3
"""Studies that want the keys of the workers, and processes, Redis and files in which a key or a prompt could be found."""
import re
import subprocess
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
import hostile
from curve_fleet import CurveFleet
from hostile import harness
from test_providers import Case

VICTIM = "env-of-the-victim-0123456789"


def memory_of(pid):
    """All that a process has in its memory, in pieces."""
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            low, high = (int(x, 16) for x in re.match(r"(\w+)-(\w+)", line).groups())
            try:
                mem.seek(low)
                yield mem.read(high - low)
            except (OSError, ValueError, OverflowError):
                continue  # [vvar], [vsyscall]


class Steal(Case):
    @harness.short
    def test_keys_files_and_variables(self):
        provider, thief = self.provider(good=0.05), self.provider()
        fleet, env = CurveFleet(self.box, workers=("w1", "evil"), redis=True), {**self.ENV, "VICTIM": VICTIM}
        keys = self.box.dir / "keys.yaml"
        keys.write_text(f"127.0.0.1:{provider.port}: {{env: HOSTILE_KEY}}\n")
        worker = fleet.worker("w1", "--keys", keys, "--slots", 16, env=env)
        secret = self.box.dir / "secret"
        secret.write_text("s3cret-of-a-FILE\n")
        secret.chmod(0o600)
        wanted = {"a": "env: HOSTILE_KEY", "b": "env: VICTIM", "c": f"file: {secret}", "d": "file: /etc/hostname", "e": f"file: {fleet.key('w1')}"}
        evil = hostile.study(self.box.dir / "evil", thief.port, list(wanted))
        accounts = evil.parent / "providers.yaml"
        for name, key in wanted.items():
            accounts.write_text(accounts.read_text().replace(f'/{name}/v1", key: {{env: HOSTILE_KEY}}', f'/good/v1", key: {{{key}}}'))
        refused = fleet.ask("submit", evil, key="evil")
        self.assertExit(refused, harness.EXIT_DENIED)
        self.assertIn("role=operator", refused.err)
        self.assertExit(fleet.ask("drain", key="evil"), harness.EXIT_DENIED)

        honest = hostile.study(self.box.dir / "s", provider.port, ["good"], cases=200)
        honest.write_text(honest.read_text().replace("study: hostile", "study: honest"))
        harness.must(fleet.ask("submit", honest))
        harness.must(fleet.ask("submit", evil))  # an operator was talked into it
        harness.wait_for(lambda: provider.calls.get("good", 0) > 50, what="the honest study at work", process=worker)
        for what, process in (("coordinator", fleet.coordinator.pid), ("Redis", self.redis_pid(fleet))):
            self.assertFalse(any(b"SECRETMARK" in piece for piece in memory_of(process)), what)
        self.assertTrue(any(b"SECRETMARK" in piece for piece in memory_of(worker.pid)))  # it would be found
        self.assertFalse(any(b"PROMPTMARK" in piece for piece in memory_of(self.redis_pid(fleet))))
        harness.wait_for(lambda: provider.calls["good"] >= 400, 60, "all answers", worker)

        def reasons():
            done = self.box.clinsafe("status", "hostile", "--redis", fleet.redis, "--json")
            return [lane["reason"] for lane in done.json()["lanes"]] if done.code == 0 else []
        harness.wait_for(lambda: len(reasons()) == len(wanted) and all("may not send" in r for r in reasons()), 30, "the refusals", worker)
        self.assertEqual(thief.calls, {})
        harness.must(fleet.ask("cancel", "--study", "hostile"))
        self.assertExit(worker.stop())
        self.assertExit(fleet.coordinator.stop())
        rows = harness.rows_jsonl(harness.must(self.box.clinsafe("export", "--store", fleet.dir / "store", "--study", "honest", "--format", "jsonl")).out)
        ok = sum(r["outcome"] == "ok" for r in rows)
        print(f"    the honest study: {ok} of 400 answers, {provider.calls['good'] - ok} paid twice; the thief: {len(thief.calls)} calls", flush=True)
        self.assertEqual((ok, provider.calls["good"]), (400, 400))
        for file in (fleet.dir / "store").iterdir():
            self.assertNotIn(b"SECRETMARK", file.read_bytes(), file)
        self.clean("logs", fleet.coordinator.printed() + worker.printed())

    def redis_pid(self, fleet):
        said = subprocess.run(["redis-cli", "-s", fleet.redis[5:], "info", "server"], check=True, capture_output=True, text=True).stdout
        return int(re.search(r"process_id:(\d+)", said)[1])


if __name__ == "__main__":
    harness.main()
