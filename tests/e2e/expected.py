"""What a study's outputs must be, computed a second time and from the documents alone: the study file's grammar
(ops/studies/README.md), the canonical body (protocol/dialects/request.h), the digest (protocol/base/digest.h) and the
simulator's formulas (tools/simulator/README.md). Nothing here calls ClinSafe.

It covers what the studies in fixtures/ use, and refuses what it does not know rather than guess.
"""
import csv
import hashlib
import io
import itertools
import json
import math
from pathlib import Path

import yaml


class _Words(yaml.SafeLoader):
    """Every scalar is a text, as in a study file: Yes, No and 1 are what is written."""


_Words.yaml_implicit_resolvers = {}


def load_yaml(path):
    return yaml.load(Path(path).read_text(encoding="utf-8"), _Words)


def table(folders, name):
    """The rows of a CSV file in the first of the folders that has it."""
    path = next(folder / name for folder in folders if (folder / name).exists())
    with open(path, encoding="utf-8-sig", newline="") as f:
        return list(csv.DictReader(io.StringIO(f.read(), newline="")))


def json_value(node):
    """A parameter as JSON has it: what reads as a number, true or false is one."""
    if isinstance(node, list):
        return [json_value(v) for v in node]
    if isinstance(node, dict):
        return {k: json_value(v) for k, v in node.items()}
    for kind in (int, float):
        try:
            return kind(node)
        except ValueError:
            pass
    return {"true": True, "false": False}.get(node, node)


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# ---- the study ------------------------------------------------------------------------------------

class Level:
    def __init__(self, id, role="", wordings=None, **more):
        self.id, self.role, self.times = id, role, 1
        self.wordings = [{"id": "", "values": {}}] if wordings is None else wordings
        self.system = more.get("system")
        self.parameters = more.get("parameters", {})
        self.use, self.text_from = more.get("use"), more.get("text_from")
        self.texts = None  # key of a case -> text
        self.order = more.get("order")


class Factor:
    KNOWN = {"name", "file", "level", "wording", "match", "insert", "repeats", "levels", "columns", "control", "texts", "into",
             "labels"}  # what a report calls a level is no part of a prompt

    def __init__(self, node, folders):
        self.name = node["name"]
        assert set(node) <= self.KNOWN, f"factor {self.name}: {set(node) - self.KNOWN} is not known here"
        self.match = node.get("match")
        self.levels = list(self._read_levels(node, folders))
        if "texts" in node:
            self._read_texts(node["texts"], folders)
        if "control" in node:
            if all(level.id != node["control"] for level in self.levels):
                self.levels.append(Level("none"))
            next(level for level in self.levels if level.id == node["control"]).role = "control"
        for role_or_id, times in node.get("repeats", {}).items():
            for level in self.levels:
                if role_or_id in (level.role, level.id):
                    level.times = int(times.rstrip("x"))
        insert = node.get("insert", {})
        self.into = insert.get("into", node.get("into", "case.text")).removeprefix("case.")
        self.after, self.at, self.text = insert.get("after_first"), insert.get("at"), insert.get("text", "text")
        self.replaces = "into" in node and not insert  # texts per case stand for the column

    def _read_levels(self, node, folders):
        if "levels" in node:
            for item in node["levels"]:
                item = dict(item)
                own = {k: item.pop(k) for k in ("role", "system", "parameters", "use", "text_from", "order") if k in item}
                own |= {k: own[k].removeprefix("case.") for k in ("use", "text_from") if k in own}
                yield Level(item["id"], wordings=[{"id": "", "values": item}], **own)
            return
        levels = {}
        for row in table(folders, node["file"]) if "file" in node else ():
            id = "/".join(row[c] for c in node.get("level", ["id"]))
            level = levels.setdefault(id, Level(id, row.get("role", ""), wordings=[]))
            match = row[next(iter(self.match))] if self.match else None
            level.wordings.append({"id": row[node["wording"]] if "wording" in node else "", "values": row, "match": match})
        yield from levels.values()

    def _read_texts(self, node, folders):
        *self.text_key, of_level = node["by"]
        for row in table(folders, node["file"]):
            level = next((level for level in self.levels if level.id == row[of_level]), None)
            if level is None:
                level = Level(row[of_level])
                self.levels.append(level)
            level.texts = level.texts or {}
            level.texts[tuple(row[c] for c in self.text_key)] = row[node["text"]]

    def resting(self):
        """Where the factor stays in a block that does not name it."""
        return next((level for level in self.levels if level.role == "control"), self.levels[0])

    def arms(self, chosen):
        """(level, wording or None for `by the case`) in plan order."""
        if chosen == "all":
            levels = self.levels
        elif chosen is None:
            levels = [self.resting()]
        else:
            wanted = [chosen] if isinstance(chosen, str) else chosen
            levels = [next(level for level in self.levels if level.id == id) for id in wanted]
        for level in levels:
            if self.match:
                yield level, None
            else:
                yield from ((level, w) for w in level.wordings)

    def wording_for(self, level, wording, case):
        if wording is not None:
            return wording
        column = next(iter(self.match.values())).removeprefix("case.")
        return next(w for w in level.wordings if w.get("match") in (None, case[column]))

    def text_of(self, level, row, case):
        if level.text_from:
            return case[level.text_from]
        if level.texts is not None:
            return level.texts[tuple(case[c] for c in self.text_key)]
        return row.get(self.text, "")


class Study:
    def __init__(self, path, data=None):
        self.path = Path(path)
        node = self.node = load_yaml(path)
        data = Path(data) if data else self.path.parent / node.get("data_dir", "")
        folders = [data, self.path.parent]
        at = node["cases"]
        ids = at.get("id", "case_id")
        ids = ids if isinstance(ids, list) else [ids]
        self.cases = table(folders, at["file"])
        for case in self.cases:
            case["#id"] = "/".join(case[c] for c in ids)
            case["#cluster"] = case[at["cluster"]] if "cluster" in at else case["#id"]
        self.strata = at.get("strata", [])
        if "text" in at:
            for case in self.cases:
                case["text"] = case[at["text"]]
        self.factors = [Factor(f, folders) for f in node.get("factors", [])]
        self.questions = node["questions"]
        self.providers = load_yaml(self.path.parent / "providers.yaml")
        self.models = [{"name": m} if isinstance(m, str) else m for m in node["models"]]

    def _settings(self, model, levels):
        """Parameters and cap: the provider file's, then the study's, then the model's, then the levels'; omit removes.
        What the provider file omits only the study's own entry for the model brings back; what a model omits no level sets."""
        merged = {}

        def lay(source, omits_only=False):
            for key, value in source.items():
                if value == "omit":
                    merged.pop(key, None)
                elif not omits_only:
                    merged[key] = value

        provider = self.providers["models"][model["name"]].get("parameters", {})
        lay(provider)
        lay(self.node.get("parameters", {}))
        lay(provider, omits_only=True)
        own = model.get("parameters", {})
        lay(own)
        never = {k for k, v in {**provider, **own}.items() if v == "omit" and k != "max_output_tokens"}
        for level in levels:
            lay({k: v for k, v in level.parameters.items() if k not in never})
        merged.pop("timeout_s", None)
        cap = merged.pop("max_output_tokens", None)
        return {k: json_value(v) for k, v in merged.items()}, int(cap) if cap is not None else None

    def _expand(self, template, case, values, question):
        """Once, left to right, never recursively."""
        out, rest = "", template
        while "{{" in rest:
            before, rest = rest.split("{{", 1)
            name, rest = rest.split("}}", 1)
            where, column = name.strip().split(".", 1)
            if where == "case":
                value = case[column]
            elif where == "question":
                value = question["#" + column]
            else:
                value = values[where].get(column, "")
            out += before + value
        return out + rest

    def render(self, case, picks, question):
        """System and user text of a prompt; picks: (factor, level, wording) for each factor."""
        case, values, system = dict(case), {}, None
        for factor, level, wording in picks:
            row = factor.wording_for(level, wording, case)["values"]
            text = factor.text_of(level, row, case)
            values[factor.name] = {"text": text} | row
            if level.use:
                case[factor.into] = case[level.use]
            elif factor.replaces and (level.texts is not None or level.text_from):
                case[factor.into] = text
            whole = case.setdefault(factor.into, "")
            if factor.after is not None and text:
                head, tail = whole.split(factor.after, 1)
                whole = head + factor.after + text + " " + tail
            elif factor.at is not None:
                head, tail = whole.split(factor.at, 1)
                whole = head + text + (tail if text else tail.removeprefix(" "))
            case[factor.into] = whole
            if level.system is not None:
                system = level.system
        prompt = self.node["prompt"]
        if "by" in prompt:
            prompt = prompt["each"][case[prompt["by"].removeprefix("case.")]]
        assert set(prompt) <= {"system", "user"}
        question = self._with_options(question, case, picks)
        return (self._expand(system if system is not None else prompt.get("system", ""), case, values, question),
                self._expand(prompt["user"], case, values, question))

    def _with_options(self, question, case, picks):
        lines = []
        for field in question["answer"].values():
            if isinstance(field, dict) and "options" in field:
                lines += [f"{chr(65 + i)}. {case[column]}" for i, column in enumerate(options_shown(field, picks))]
        return question | {"#ask": question["ask"], "#options": "\n".join(lines)}

    def _schema(self, question):
        properties = {}
        for name, field in question["answer"].items():
            field = {field: {}} if isinstance(field, str) else field
            words = next((field[k] for k in ("boolean", "ordinal", "nominal") if k in field), None)
            if "options" in field:
                words = [chr(65 + i) for i in range(len(field["options"]))]
            if "number" in field:
                limits = {{"min": "minimum", "max": "maximum"}[k]: json_value(v) for k, v in field["number"].items()}
                entry = {"type": "number"} | limits
            else:
                entry = {"type": "string"} if words is None else {"type": "string", "enum": list(words)}
            if "insufficient" in field:
                entry["enum"].append(field["insufficient"])
            if "describe" in field:
                entry["description"] = field["describe"]
            properties[name] = entry
        return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}

    def body(self, model, case, picks, question):
        """The canonical body, byte for byte."""
        system, user = self.render(case, picks, question)
        messages = [{"role": "system", "content": system}] if system else []
        settings, cap = self._settings(model, [level for _, level, _ in picks])
        body = {"model": self.providers["models"][model["name"]]["model"],
                "messages": messages + [{"role": "user", "content": user}], **settings}
        if cap is not None:
            body["max_completion_tokens"] = cap
        body["response_format"] = {"type": "json_schema", "json_schema": {
            "name": question["name"], "strict": True, "schema": self._schema(question)}}
        return compact(body).encode()

    def _rectangles(self):
        """(block, arms per factor, questions, model names, repeats) in plan order: levels asked k times more often are a
        rectangle of their own, in the order in which the first of them stands in the file."""
        blocks = self.node.get("blocks") or [{}]
        for number_of_block, block in enumerate(blocks):
            known = {"factors", "models", "questions", "repeats"}
            assert set(block) <= known, f"block {number_of_block}: {set(block) - known} is not known here"
            chosen = block.get("factors", {})
            repeats = int(block.get("repeats", self.node.get("repeats", 1)))
            per_factor = []
            for factor in self.factors:
                arms = list(factor.arms(chosen.get(factor.name) if "blocks" in self.node else "all"))
                times = list(dict.fromkeys(level.times for level, _ in arms))
                per_factor.append([(t, [a for a in arms if a[0].times == t]) for t in times])
            questions = [q for q in self.questions if "questions" not in block or q["name"] in block["questions"]]
            models = block.get("models", [m["name"] for m in self.models])
            for split in itertools.product(*per_factor):
                yield (number_of_block, [arms for _, arms in split], questions, models,
                       repeats * math.prod(t for t, _ in split))

    def trials(self):
        """Every planned trial, with its request."""
        for model in self.models:
            sent = self.providers["models"][model["name"]]["model"]
            for case in self.cases:
                twins = {}
                for block, arms, questions, models, repeats in self._rectangles():
                    if model["name"] not in models:
                        continue
                    for picks in itertools.product(*arms):
                        picks = [(f, level, wording) for f, (level, wording) in zip(self.factors, picks)]
                        for question in questions:
                            body = self.body(model, case, picks, question)
                            twin = twins[body] = twins.get(body, -1) + 1
                            for repeat in range(repeats):
                                yield Trial(self, model["name"], sent, case, picks, block, question, repeat, body, twin)


def options_shown(field, picks):
    """The option columns in the order in which they are shown."""
    order = next((level.order for f, level, _ in picks if f.name == field.get("order")), None)
    columns = [c.removeprefix("case.") for c in field["options"]]
    return [columns[int(i) - 1] for i in order] if order else columns


class Trial:
    def __init__(self, study, model, sent, case, picks, block, question, repeat, body, twin):
        self.study, self.model, self.sent, self.case, self.picks = study, model, sent, case, picks
        self.block, self.question, self.repeat, self.body, self.twin = block, question, repeat, body, twin
        of_body = hashlib.blake2b(body, digest_size=32).digest()
        self.digest = hashlib.blake2b(
            b"clinsafe-trial-1\0openai-chat\0" + sent.encode() + b"\0" + of_body +
            repeat.to_bytes(4, "big") + twin.to_bytes(4, "big"), digest_size=32).hexdigest()[:32]

    @property
    def prompt(self):
        return "\n".join(m["content"] for m in json.loads(self.body)["messages"])

    def coordinates(self):
        """Everything that says which trial it is, as an export has it."""
        at = {"model": self.model, "model_sent": self.sent, "case_id": self.case["#id"], "cluster": self.case["#cluster"],
              "block": self.block + 1, "question": self.question["name"], "repeat": self.repeat + 1, "twin": self.twin,
              "digest": self.digest}
        at |= {"case." + column: self.case[column] for column in self.study.strata}
        for factor, level, wording in self.picks:
            at["factor." + factor.name] = level.id
            if any(len(level.wordings) > 1 for level in factor.levels):
                at["wording." + factor.name] = factor.wording_for(level, wording, self.case)["id"] or None
        return at


# ---- the simulator's formulas ---------------------------------------------------------------------

def unit(seed, *words):
    hashed = hashlib.blake2b("\x1f".join([str(seed), *words]).encode(), digest_size=32).digest()
    return (int.from_bytes(hashed[:8], "big") >> 11) * 2.0 ** -53


def normal(seed, *words):
    return math.sqrt(-2 * math.log(1 - unit(seed, *words, "1"))) * math.cos(2 * math.pi * unit(seed, *words, "2"))


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def logit(p):
    return math.log(p / (1 - p)) if 0 < p < 1 else math.copysign(math.inf, p - 0.5)


class Truth:
    def __init__(self, path):
        self.node = load_yaml(path)
        self.seed = int(self.node.get("seed", 0))
        at = self.node["cases"]
        folder = [Path(path).parent]
        rows = table(folder, at["file"])
        self.cases = {row[at["id"]]: row for row in rows}
        self.case_texts = {id: row[at["text"]].split(at["after_first"], 1)[1] if "after_first" in at else row[at["text"]]
                           for id, row in self.cases.items()}
        at = self.node["levels"]
        ids = at.get("id", "case_id")
        ids = ids if isinstance(ids, list) else [ids]
        self.level_texts = {}  # (level, wording or None) -> its sentence; of equal sentences the first row counts
        for row in table(folder, at["file"]):
            if row[at["text"]] and row[at["text"]] not in self.level_texts.values():
                wording = row[at["wording"]] if "wording" in at else None
                self.level_texts["/".join(row[c] for c in ids), wording] = row[at["text"]]

    @staticmethod
    def _find(texts, prompt):
        """The one text that the prompt contains; one that lies inside a longer one that is there does not count."""
        there = {id: text for id, text in texts.items() if text in prompt}
        outer = [id for id, text in there.items()
                 if not any(text != longer and text in longer and
                            prompt.count(text) == prompt.count(longer) * longer.count(text)
                            for longer in there.values())]
        assert len(outer) <= 1, f"several: {outer}"
        return outer[0] if outer else None

    def place(self, prompt):
        case = self._find(self.case_texts, prompt)
        assert case is not None, "no case"
        return case, self._find(self.level_texts, prompt) or ("control", None)

    def refuses(self, model, level, digest):
        refusal = self.node["models"][model].get("refusal")
        if not refusal or float(refusal["rate"]) == 0:
            return False
        shift = float(refusal.get("shift", {}).get(level[0], 0))
        return unit(self.seed, "refusal", digest) < sigmoid(logit(float(refusal["rate"])) + shift)

    def answer(self, model, field, case, level, digest):
        at = self.node["models"][model]["answers"][field]
        kind = next(k for k in ("boolean", "ordinal", "nominal") if k in at)
        words = at[kind]
        base = at["base"]
        rates = base["rates"] if isinstance(base, dict) else base
        u = unit(self.seed, "answer", digest, field)
        label = self.cases[case][base["column"]] if isinstance(base, dict) else None

        level, wording = level
        shift_sd = at.get("shift_sd", 0)
        shift_sd = shift_sd.get(level, 0) if isinstance(shift_sd, dict) else 0 if level == "control" else shift_sd

        def moved(*word):
            of_wording = [level] + ([wording] if wording is not None else [])
            return (float(at.get("case_sd", 0)) * normal(self.seed, "case", model, field, case, *word) +
                    float(shift_sd) * normal(self.seed, "shift", model, field, case, level, *word) +
                    float(at.get("wording_sd", 0)) * normal(self.seed, "wording", model, field, case, *of_wording, *word))

        shift = at.get("shift", {}).get(level, 0)
        where = at.get("shift_where")
        more = where["shift"].get(self.cases[case][where["column"]], {}).get(level, 0) if where else 0
        placebo = at.get("placebo_shift", 0) if level != "control" else 0
        if kind != "nominal":
            shift = float(shift) + float(more)
        if kind == "boolean":
            rate = float(rates[label] if label is not None else rates)
            return words[0] if u < sigmoid(logit(rate) + moved() + float(shift) + float(placebo)) else words[1]
        rates = [float(r) for r in (rates[label] if label is not None else rates)]
        if kind == "ordinal":
            s, total = moved() + float(shift) + float(placebo), 0.0
            for word, rate in zip(words[:-1], rates):
                total += rate
                if u < sigmoid(logit(min(total, 1.0)) - s):
                    return word
            return words[-1]
        shifts, mores, placebos = shift or {}, more or {}, placebo or {}
        weights = [r * math.exp(moved(w) + float(shifts.get(w, 0)) + float(mores.get(w, 0)) + float(placebos.get(w, 0))) for w, r in zip(words, rates)]
        for word, reached in zip(words, itertools.accumulate(weights)):
            if u < reached / sum(weights):
                return word
        return words[-1]

    def outcome(self, trial):
        """(outcome class, {field: word}) of a trial; a level is (id, wording or None)."""
        case, level = self.place(trial.prompt)
        if self.refuses(trial.sent, level, trial.digest):
            return "refused", {}
        return "ok", {field: self.answer(trial.sent, field, case, level, trial.digest)
                      for field in trial.question["answer"]}
