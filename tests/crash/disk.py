"""A folder whose disk may lose its power: what was synced survives, of the rest some, none or all.

powercut.c, preloaded into the process that writes, keeps the durable bytes of each file and a line for each change of a name; cut()
makes of them, once the process is dead, a state that a disk may be in:

  none    what was synced, exactly
  all     all that was written (as after kill -9 alone)
  some    a prefix of the changed names; of each file any of its unsynced pages, the last of them torn; its new length or a shorter one

Stricter than file systems are: a new file is durable only once it and its folder are synced.
"""
import os
import shutil

import fleet as f

PAGE, SECTOR = 4096, 512


class Disk:
    def __init__(self, root, shadow):
        self.root, self.shadow, self.cuts = root, shadow, {"none": 0, "some": 0, "all": 0}
        self.lost_bytes = self.lost_names = self.torn = 0

    def environment(self):
        return {"LD_PRELOAD": f.program("powercut.so"), "CS_DISK_ROOT": str(self.root), "CS_DISK_SHADOW": str(self.shadow)}

    def begin(self):
        """What is there now is durable. Tables of RocksDB are never written again: they are shared, all else is copied."""
        shutil.rmtree(self.shadow, ignore_errors=True)
        (self.shadow / "data").mkdir(parents=True)
        self.names, self.folders = {}, {str(self.root)}
        for folder, _, files in os.walk(self.root):
            self.folders.add(folder)
            for name in files:
                if name.startswith("LOG") and name != "LOCK":
                    continue
                path, number = os.path.join(folder, name), len(self.names) + 1
                self.names[path] = number
                put = os.link if name.endswith(".sst") else shutil.copyfile
                put(path, self.shadow / "data" / str(number))
        (self.shadow / "table").write_text("".join(f"{number} {path}\n" for path, number in self.names.items()))
        (self.shadow / "ops").touch()

    # ---- after the process's death ----

    def cut(self, mode, random):
        self.cuts[mode] += 1
        ops = [line.split(" ") for line in (self.shadow / "ops").read_text().split("\n")[:-1]]
        durable = self._durable(ops)
        open_ops = [i for i in range(len(ops)) if not durable[i] and ops[i][0] != "s"]
        keep = {"none": 0, "all": len(open_ops), "some": random.randint(0, len(open_ops))}[mode]
        self.lost_names += len(open_ops) - keep
        kept = set(open_ops[:keep])
        now = {number: path for path, number in self._apply(ops, self.names, self.folders)[0].items()}
        names, folders = self._apply([op for i, op in enumerate(ops) if durable[i] or i in kept], self.names, self.folders)
        contents = {path: self._content(number, now.get(number), mode, random) for path, number in names.items()
                    if os.path.dirname(path) in folders}
        self._rebuild(contents, folders)

    @staticmethod
    def _durable(ops):
        """Whether the folders concerned were synced later."""
        durable, synced = [False] * len(ops), set()
        for i in range(len(ops) - 1, -1, -1):
            kind, *words = ops[i]
            if kind == "s":
                synced.add(words[0])
                continue
            paths = words[1:] if kind == "c" else words
            durable[i] = all(os.path.dirname(path) in synced for path in paths)
        return durable

    @staticmethod
    def _apply(ops, names, folders):
        names, folders = dict(names), set(folders)
        for kind, *words in ops:
            if kind == "c":
                names[words[1]] = int(words[0])
            elif kind == "u":
                names.pop(words[0], None)
            elif kind == "r" and words[0] in names:
                names[words[1]] = names.pop(words[0])
            elif kind == "l" and words[0] in names:
                names[words[1]] = names[words[0]]
            elif kind == "m":
                folders.add(words[0])
            elif kind == "x":
                folders.discard(words[0])
        # A folder is there only with all those above it.
        while gone := {d for d in folders if os.path.dirname(d) not in folders and d != min(folders, key=len)}:
            folders -= gone
        return names, folders

    def _content(self, number, live_path, mode, random):
        """Bytes; None: as it stands."""
        shadow = self.shadow / "data" / str(number)
        live_is = live_path is not None and os.path.exists(live_path)
        if live_is and shadow.exists() and os.path.samefile(shadow, live_path):
            return None
        old = shadow.read_bytes() if shadow.exists() else b""
        if not live_is or mode == "none":
            if live_is:
                self.lost_bytes += max(0, os.path.getsize(live_path) - len(old))
            return old
        with open(live_path, "rb") as file:
            new = file.read()
        if mode == "all" or new == old:
            return new
        return self._some(old, new, random)

    def _some(self, old, new, random):
        length = max(len(old), len(new))
        result = bytearray(old.ljust(length, b"\0"))
        changed = [at for at in range(0, length, PAGE) if old[at:at + PAGE] != new[at:at + PAGE]]
        kept = [at for at in changed if random.random() < 0.5]
        for at in kept:
            page = new[at:at + PAGE]
            if at == kept[-1] and random.random() < 0.5:
                page = page[:random.randrange(0, PAGE, SECTOR)]
                self.torn += 1
            result[at:at + len(page)] = page
        end = random.choice([len(new), len(old), min(len(new), kept[-1] + PAGE) if kept else len(old)])
        self.lost_bytes += sum(min(PAGE, length - at) for at in changed if at not in kept)
        return bytes(result[:max(end, min(len(old), len(new)))])

    def _rebuild(self, contents, folders):
        as_is = {path for path, content in contents.items() if content is None}
        for folder, _, files in os.walk(self.root):
            for name in files:
                path = os.path.join(folder, name)
                if path not in as_is:
                    os.unlink(path)
        for folder in sorted({d for d, _, _ in os.walk(self.root)} - folders, reverse=True):
            os.rmdir(folder)
        for folder in sorted(folders):
            os.makedirs(folder, exist_ok=True)
        for path, content in contents.items():
            if content is not None:
                with open(path, "wb") as file:
                    file.write(content)
