"""Events as the sources can log them, and as ops/EVENTS.md has them: name, levels, keys. tests/lint/run compares the two."""
import re
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
PAGE = TOP / "ops" / "EVENTS.md"
CALL = re.compile(r"\b(cs_log|cs_do_log)\s*\(")
NAMED = re.compile(r'\s*(?:[^"?]*\?\s*"\w+"\s*:\s*)*"\w+"\s*')  # "ev", or `x ? "ev" : "other"`
PASSED_ON = {("protocol/base/log.c", "const char *ev"), ("worker/core/do.c", "const char *ev"), ("worker/shell.c", "a->ev")}  # of cs_do_log
LITERAL = re.compile(r'"((?:\\.|[^"\\])*)"')
FATAL = re.compile(r'lvl=fatal ev=(\w+) ((?:\\.|[^"\\])*)')  # written without log.c: nothing works any more
OF_FOLDER = {"coordinator": {"coordinator"}, "worker": {"worker"}}


class Event:
    def __init__(self):
        self.levels, self.keys, self.by = set(), set(), set()


def _arguments(text, at):
    """Of a call whose parenthesis opens at text[at]."""
    found, depth, begin, i = [], 0, at + 1, at
    while True:
        c = text[i]
        if c == '"':
            i = LITERAL.match(text, i).end()
            continue
        depth += (c == "(") - (c == ")")
        if depth == 0 or (c == "," and depth == 1):
            found.append(text[begin:i])
            begin = i + 1
        if depth == 0:
            return found
        i += 1


def _keys(text):
    return set(re.findall(r"(?:^|[ \"])(\w+)=", re.sub(r'\\"[^"]*?\\"', "X", text)))


def of_sources(unread=None):
    """unread: gets a line for each call whose event cannot be read from it, and which would be missed therefore."""
    files = subprocess.run(["git", "-C", TOP, "ls-files", "-co", "--exclude-standard", "*.c"], capture_output=True, text=True, check=True)
    out = {}

    def note(name, levels, keys, path):
        e = out.setdefault(name, Event())
        e.levels |= levels
        e.keys |= keys
        e.by |= OF_FOLDER.get(path.split("/")[0], {"coordinator", "worker"})

    for path in files.stdout.split():
        if path.startswith("tests/") or not (TOP / path).exists():
            continue
        text = (TOP / path).read_text()
        for m in CALL.finditer(text):
            arguments = _arguments(text, m.end() - 1)[m.group(1) == "cs_do_log":]
            names = LITERAL.findall(arguments[1])
            if unread is not None and not NAMED.fullmatch(arguments[1]) and (path, arguments[1].strip()) not in PASSED_ON:
                unread.append(f"{path}:{text.count(chr(10), 0, m.start()) + 1}: the name of an event is a literal, or a choice of literals, where it is logged")
            levels = {w.lower() for w in re.findall(r"CS_(DEBUG|INFO|WARN|ERROR)\b", arguments[0])} or {"info", "warn"}
            keys = _keys("".join(LITERAL.findall(arguments[2]))) if names else set()
            for more in arguments[3:]:  # `g != NULL ? " apart=1" : ""`
                for literal in LITERAL.findall(more):
                    keys |= _keys(literal)
            for name in names:
                note(name, levels, keys, path)
        for name, rest in FATAL.findall(text):
            note(name, {"fatal"}, _keys(rest.replace('\\"%s\\"', "X")), path)
    return out


def of_page():
    out = {}
    for line in PAGE.read_text().splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")]
        if len(cells) == 5 and cells[0].startswith("`"):
            e = out[cells[0].strip("`")] = Event()
            e.levels, e.by, e.keys = set(cells[1].split()), set(cells[2].split()), set(re.findall(r"`(\w+)`", cells[3]))
    return out


def differences():
    unread = []
    sources, page = of_sources(unread), of_page()
    yield from unread
    for name in sorted(set(sources) | set(page)):
        if name not in page:
            yield f"ops/EVENTS.md: says nothing of ev={name}"
        elif name not in sources:
            yield f"ops/EVENTS.md: no source logs ev={name}"
        else:
            for what in ("levels", "by", "keys"):
                a, b = getattr(sources[name], what), getattr(page[name], what)
                if a != b:
                    yield f"ops/EVENTS.md: ev={name}: {what} are {' '.join(sorted(a))}, not {' '.join(sorted(b))}"
