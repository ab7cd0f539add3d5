#!/usr/bin/env python3
"""Redis flushed, restarted, read-only, a replica, out of memory, slow, with another password: the study goes on, no limit is exceeded, and what
is shown comes back and is never ahead of the store.

    make redisfault [SHORT=1]

The provider has the same limit as the study declares and one second of it as its burst: a second quota would show as 429s.
"""
import json
import socket
import time

import fleet as f

RPM = 12000  # of each of two models
PASSWORD = "right"
BEFORE_S, AFTER_S = 2.0, 3.0


class RedisFleet(f.Fleet):
    def __init__(self, box, cases):
        super().__init__(box, cases=cases, workers=2, slots=64, limits=f"{{requests_per_minute: {RPM}}}", simulator=(
            "--latency-ms", "50", "--rpm", str(RPM), "--burst-requests", str(RPM // 60)))
        self.worker_env = {"CRASH_TEST_KEY": "one-key"}  # the provider's limits hold for a key and model
        self.redis_env = {"CLINSAFE_REDIS_PASSWORD": PASSWORD}
        self.redis_args = ["--requirepass", PASSWORD]

    def say(self, *commands, password=PASSWORD):
        """To Redis, as its administrator; the last reply."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(str(self.dir / "redis.sock"))
            file = s.makefile("rwb")
            for command in (f"AUTH {password}", *commands):
                file.write(command.encode() + b"\r\n")
                file.flush()
                reply = file.readline().decode().strip()
                if reply.startswith("-"):
                    raise AssertionError(f"{command}: {reply}")
                if reply.startswith("$") and reply != "$-1":
                    reply = file.read(int(reply[1:]) + 2).decode()[:-2]
        return reply

    def restart_redis(self, seconds):
        self.redis.kill()
        time.sleep(seconds)
        self.redis.start()


def flush(fleet):
    fleet.say("FLUSHALL")


def restart(fleet):
    fleet.restart_redis(1)


def read_only(fleet):
    fleet.say("CONFIG SET min-replicas-to-write 1")
    time.sleep(AFTER_S)
    fleet.say("CONFIG SET min-replicas-to-write 0")


def replica(fleet):
    fleet.say("REPLICAOF 127.0.0.1 1")
    time.sleep(AFTER_S)
    fleet.say("REPLICAOF NO ONE")


def out_of_memory(fleet):
    fleet.say("CONFIG SET maxmemory-policy noeviction", "CONFIG SET maxmemory 1")
    time.sleep(AFTER_S)
    fleet.say("CONFIG SET maxmemory 0")


def slow(fleet):
    for seconds in (0.2, 0.5, 3):
        fleet.redis.stop()
        time.sleep(seconds)
        fleet.redis.go_on()
        time.sleep(0.3)


def other_password(fleet):
    fleet.redis_args = ["--requirepass", "another"]
    fleet.restart_redis(0)
    time.sleep(AFTER_S)
    fleet.redis_args = ["--requirepass", PASSWORD]
    fleet.restart_redis(0)


FAULTS = [flush, restart, read_only, replica, out_of_memory, slow, other_password]


def not_ahead(fleet, checker):
    """What Redis shows is read first, then what the store has."""
    shown = fleet.status().get("done", 0)
    there = checker.look()["outputs"]
    if shown > there:
        raise f.Lost(f"Redis shows {shown} done, the store has {there}")
    return shown


def recovers(fleet, checker):
    """The projection is built again: it shows what is there now."""
    there = checker.look()["outputs"]
    f.harness.wait_for(lambda: not_ahead(fleet, checker) >= there, timeout=30, what="progress in Redis")


def no_second_quota(fleet):
    stats = fleet.simulator_stats()
    if stats["limit_violations"] != 0:
        raise f.Lost(f"the provider refused {stats['limit_violations']} of {stats['requests']} calls for its limit")
    return stats


def study(box, faults):
    fleet = RedisFleet(box, cases=26 * len(faults) + 20)
    fleet.start()
    checker, told = f.Checker(fleet), []
    fleet.wait_acked(100)
    for fault in faults:
        recovers(fleet, checker)
        time.sleep(BEFORE_S)
        before = fleet.acked()
        fault(fleet)
        not_ahead(fleet, checker)
        time.sleep(AFTER_S)
        no_second_quota(fleet)
        recovers(fleet, checker)
        told.append(f"{fault.__name__} {fleet.acked() - before}")
    if fleet.acked() == fleet.trials:
        raise f.Lost("the study was too small: it ended before the faults did")
    fleet.wait_finished()
    stats = no_second_quota(fleet)
    fleet.drain()
    checker.look("full")
    if fleet.must_verify()["done"] != fleet.trials or stats["paid_again"] != 0:
        raise f.Lost(f"done {fleet.must_verify()['done']} of {fleet.trials}, paid again {stats['paid_again']}")
    return f"{fleet.trials} trials, 0 of {stats['requests']} calls over the limit; acknowledged meanwhile: " + ", ".join(told)


def over_the_limit(box):
    """Two workers with a Redis each: both take the whole limit."""
    fleet = RedisFleet(box, cases=100)
    fleet.start_redis("other.sock")
    fleet.redis_of = {"worker-2": "other.sock"}
    fleet.start()
    fleet.wait_acked(100)

    def look():
        for _ in range(20):
            time.sleep(0.5)
            no_second_quota(fleet)

    return f.must_lose(look)


def forged(box):
    """A projection that is ahead of the store."""
    fleet = RedisFleet(box, cases=100)
    fleet.start()
    checker = f.Checker(fleet)
    fleet.wait_acked(100)
    recovers(fleet, checker)
    fleet.coordinator.stop()
    key = f"clinsafe:{fleet.status()['fleet']}:progress"
    shown = json.loads(fleet.say(f"HGET {key} fleet"))
    quoted = json.dumps({**shown, "done": 1000000}).replace("\\", "\\\\").replace('"', '\\"')
    fleet.say(f'HSET {key} fleet "{quoted}"')
    return f.must_lose(lambda: not_ahead(fleet, checker))


def main():
    args = f.options(__doc__.splitlines()[0])
    score = f.Score()
    score.run("the study goes on", study, [flush, out_of_memory, other_password] if args.short else FAULTS)
    score.run("control: a second quota", over_the_limit)
    score.run("control: progress ahead of the store", forged)
    score.end()


if __name__ == "__main__":
    main()
