#!/usr/bin/env python3
"""The documents that `--json` prints, held to ops/schema/json/NAME.json in both directions.

Every test that reads one through the harness checks it here: what it has must be documented. Which of the documented keys it has is noted in
the folder $CLINSAFE_SEEN; tests/run-all says at the end of a whole run which were never seen.

    tests/lib/documents.py --write     makes tools/json.md from the schemas (test_json.py: it is up to date)
"""
import functools
import json
import os
import sys
from pathlib import Path

import schema

TOP = Path(__file__).resolve().parents[2]
SCHEMAS = TOP / "ops" / "schema" / "json"
PAGE = TOP / "tools" / "json.md"


def names():
    return sorted(p.stem for p in SCHEMAS.glob("*.json") if not p.stem.startswith("_"))


@functools.lru_cache(None)
def load(name):
    """A schema with the parts that several share (_shared.json) in its $defs."""
    whole = json.loads((SCHEMAS / f"{name}.json").read_text().replace("_shared.json#", "#"))
    shared = json.loads((SCHEMAS / "_shared.json").read_text())["$defs"]
    whole["$defs"] = {**shared, **whole.get("$defs", {})}
    return whole


def _resolve(root, part):
    while "$ref" in part:
        part = root["$defs"][part["$ref"].removeprefix("#/$defs/")]
    return part


def _shared(part):
    """The name of the part that several documents share, or None: its keys are told once, and one sight of them is enough."""
    return part["$ref"].removeprefix("#/$defs/") if "$ref" in part else None


def paths(root, part=None, at="", found=None):
    """Every documented key as a path, `worker_list[].name`, `(lane).counters.cost_usd`, with its schema; keys that are names are `*`."""
    found = {} if found is None else found
    part = root if part is None else part
    if _shared(part):
        at = f"({_shared(part)})"
    part = _resolve(root, part)
    for key, inner in part.get("properties", {}).items():
        where = f"{at}.{key}" if at else key
        if where in found:
            continue
        found[where] = inner
        paths(root, inner, where, found)
    if isinstance(part.get("additionalProperties"), dict):
        found[f"{at}.*"] = part["additionalProperties"]
        paths(root, part["additionalProperties"], f"{at}.*", found)
    if "items" in part:
        paths(root, part["items"], f"{at}[]", found)
    for inner in (*part.get("anyOf", ()), *part.get("allOf", ())):
        paths(root, inner, at, found)
    return found


def _seen(root, part, value, at, out):
    if _shared(part):
        at = f"({_shared(part)})"
    part = _resolve(root, part)
    for inner in part.get("allOf", ()):
        _seen(root, inner, value, at, out)
    for inner in part.get("anyOf", ()):
        if not schema.faults(inner, value, root):
            _seen(root, inner, value, at, out)
    if isinstance(value, dict):
        named, others = part.get("properties", {}), part.get("additionalProperties")
        for key, v in value.items():
            inner = named.get(key, others if isinstance(others, dict) else None)
            if inner is not None:
                where = f"{at}.{key}" if at and key in named else key if key in named else f"{at}.*"
                out.add(where)
                _seen(root, inner, v, where, out)
    elif isinstance(value, list) and "items" in part:
        for v in value:
            _seen(root, part["items"], v, f"{at}[]", out)


def seen(name, document):
    out = set()
    root = load(name)
    _seen(root, root, document, "", out)
    return out


def name_of(document):
    words = str(document.get("schema") if isinstance(document, dict) else "").split("/")
    assert len(words) == 2 and words[0].startswith("clinsafe."), f"no document: {str(document)[:200]}"
    return words[0].removeprefix("clinsafe.")


def check(document):
    name = name_of(document)
    assert name in names(), f"ops/schema/json/{name}.json is not there"
    faults = schema.faults(load(name), document)
    assert not faults, f"clinsafe {name} --json is not as ops/schema/json/{name}.json says: {faults[:5]}"
    folder = os.environ.get("CLINSAFE_SEEN")
    for path in seen(name, document) if folder else ():
        (Path(folder) / _file(name, path)).touch()


def _file(name, path):
    return path if path.startswith("(") else f"{name}: {path}"


def never_seen(folder):
    """Documented keys that no test has met."""
    met = {p.name for p in Path(folder).iterdir()}
    missing = {_file(name, path) for name in names() for path in paths(load(name))} - met
    if any(path.endswith("[].note") for path in met):  # one remark that rows of all tables of a report may have
        missing = {path for path in missing if not path.endswith("[].note")}
    return sorted(missing)


# ---- the page ---------------------------------------------------------------------------------------------------


def _kind(root, part):
    part = _resolve(root, part)
    if "enum" in part:
        return "one of " + ", ".join(f"`{w}`" for w in part["enum"])
    if "anyOf" in part:
        return " or ".join(dict.fromkeys(_kind(root, p) for p in part["anyOf"]))
    kinds = part.get("type", "anything")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    words = {"null": "null", "array": "list"}
    return " or ".join(words.get(k, k) for k in kinds)


def _rows(root, part, at=""):
    """Lines of the table; what several documents share is told once, under its own heading."""
    for inner in part.get("allOf", ()):
        yield f"| | | all keys of{_link(inner)[:-1].replace('(', '', 1)}, and |"
    for key, inner in part.get("properties", {}).items():
        where = f"{at}{key}"
        yield f"| `{where}` | {_kind(root, inner)} | {inner.get('description') or _resolve(root, inner).get('description', '')}{_link(inner)} |"
        yield from _inside(root, inner, where)
    if isinstance(part.get("additionalProperties"), dict):
        inner = part["additionalProperties"]
        yield f"| `{at}*` | {_kind(root, inner)} | {inner.get('description', '')}{_link(inner)} |"
        yield from _inside(root, inner, f"{at}*")


def _link(part):
    """To what it shares with others, which is told once."""
    for at in (part, part.get("items", {}), *part.get("items", {}).get("allOf", ())):
        if "$ref" in at:
            name = at["$ref"].removeprefix("#/$defs/")
            return f" ([{name}](#{name}))"
    return ""


def _inside(root, part, at):
    if "items" in part and not _link(part):
        yield from _rows(root, part["items"], f"{at}[].")
    elif "$ref" not in part:
        yield from _rows(root, part, f"{at}.")


def page():
    lines = ["# What `--json` prints", "",
             "Made from `ops/schema/json/*.json` by `tests/lib/documents.py --write`; edit those. Each document is an object with `schema` (its name and",
             "version) and `as_of` (UTC). Within a version keys are added, never renamed or taken away: skip what you do not know. Money is a number of US",
             "dollars under a key that ends in `_usd`, null where it is not known or there is none. `[]` is each element of a list, `*` any name.", ""]
    for name in names():
        root = load(name)
        version = root["properties"]["schema"]["enum"][0]
        lines += [f"## {version}", "", root["description"], "", "| key | is | meaning |", "|---|---|---|"]
        for part in [root, *root.get("anyOf", ())]:
            part = _resolve(root, part)
            lines += [r for r in _rows(root, part) if "`" not in r or r.split("`")[1] not in ("schema", "as_of")]
        lines.append("")
    for name, part in sorted(json.loads((SCHEMAS / "_shared.json").read_text())["$defs"].items()):
        lines += [f"## {name}", "", part["description"], "", "| key | is | meaning |", "|---|---|---|",
                  *_rows({"$defs": load(names()[0])["$defs"]}, part), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page())
    else:
        sys.exit(__doc__)
