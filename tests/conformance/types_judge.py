"""Judges recorded requests and replies by the vendors' clients: types_judge.py WORK   (types_referee.py runs it where their packages are)

WORK: {"talks": [record], "loops": [[record of a turn]]}. Prints `ok NAME: ...` or `FAILED NAME: ...` a dialect and kind.
"""
import base64
import copy
import json
import sys
from pathlib import Path

import types_clients

CLIENTS = types_clients.of_dialects()


def unpack(record):
    return json.loads(base64.b64decode(record["request"])), base64.b64decode(record["reply"])


def bare(body):
    """The body without the marks of a prompt cache, and whether they stood where they belong: at the top, or behind the last message."""
    body = copy.deepcopy(body)
    kept = body.pop("cache_control", None) == {"type": "ephemeral"}
    content = (body.get("messages") or [{}])[-1].get("content")
    if isinstance(content, list) and content[-1] == {"cachePoint": {"type": "default"}}:
        content.pop()
        kept = True
    return body, kept


# ---- conversations with images ---------------------------------------------------------------------------------

def same(data):
    """Base64 in one alphabet: Google's client writes the other."""
    return base64.b64encode(base64.b64decode(data.replace("-", "+").replace("_", "/"), validate=True)).decode()


def picture_of(part):
    """(type, bytes) of a part that is an image, or None."""
    url = part.get("image_url")
    url = url["url"] if isinstance(url, dict) else url
    if url:
        kind, data = url.removeprefix("data:").split(";base64,")
    elif "source" in part:
        kind, data = part["source"]["media_type"], part["source"]["data"]
    elif "inlineData" in part:
        kind, data = part["inlineData"].get("mimeType") or part["inlineData"]["mime_type"], part["inlineData"]["data"]  # protobuf takes both
    elif "image" in part:
        kind, data = "image/" + part["image"]["format"], part["image"]["source"]["bytes"]
    else:
        return None
    return [kind, same(data)]


def shown(client, body):
    """[side, text] of each message, and the pictures in their order."""
    texts, pictures = [], []
    for m in body[client.MESSAGES]:
        parts = m.get("parts", m.get("content"))
        parts = [{"text": parts}] if isinstance(parts, str) else parts
        found = [picture_of(p) for p in parts]
        pictures += [p for p in found if p]
        if m["role"] != "system":
            texts.append(["model" if m["role"] in ("assistant", "model") else "user", "".join(p["text"] for p, f in zip(parts, found) if not f)])
    return texts, pictures


def sends(client, body, reply):
    """The client sends what we sent; what it makes of the reply."""
    client.check(body)
    read, sent = client.post(body, reply)
    if client.MESSAGES == "contents":  # typed, which writes the same in another form
        assert plain(sent["contents"]) == plain(body["contents"]), "its client sends other messages"
        assert plain(sent.get("tools")) == plain(body.get("tools")), f"its client declares other tools: {plain(sent.get('tools'))}, ours {plain(body.get('tools'))}"
        assert sent["generationConfig"].keys() == body["generationConfig"].keys(), sent["generationConfig"]
    else:
        assert sent == body, "its client sends another body"
    return read


def judge_talk(client, record):
    body, reply = unpack(record)
    want = record["want"]
    plainly, kept = bare(body)
    assert kept == want["kept"], f"to be kept: {kept}, want {want['kept']}"
    texts, pictures = shown(client, plainly)
    assert texts == want["texts"], f"other texts than the study's: {texts}"
    assert pictures == want["pictures"], "other pictures than the study's files"
    read = client.text(sends(client, body, reply))
    assert read == want["reply"], f"the client reads {read!r}, we read {want['reply']!r}"


# ---- tools ------------------------------------------------------------------------------------------------------

def plain(value):
    """A JSON value without members that say nothing, and bytes in one alphabet."""
    if isinstance(value, dict):
        made = {k: plain(v) for k, v in value.items()}
        for key in ("thoughtSignature", "data"):
            if isinstance(made.get(key), str):
                made[key] = same(made[key])
        for snake, camel in (("mime_type", "mimeType"), ("parameters_json_schema", "parametersJsonSchema")):  # protobuf takes both
            if snake in made:
                made[camel] = made.pop(snake)
        return {k: v for k, v in made.items() if v not in (None, "", [])}
    return [plain(v) for v in value] if isinstance(value, list) else value


def declared(body):
    """[name, description, JSON schema] of each tool."""
    found = []
    for tool in body.get("tools") or body.get("toolConfig", {}).get("tools", []):
        for t in tool.get("functionDeclarations") or [tool.get("function") or tool.get("toolSpec") or tool]:
            schema = next(t[k] for k in ("parameters", "input_schema", "parametersJsonSchema", "inputSchema") if k in t)
            found.append([t["name"], t["description"], schema.get("json", schema)])
    return found


def judge_loop(client, turns):
    """A trial: each request is what the vendor's own loop sends after the reply before, with what its tools returned."""
    for turn, follows in zip(turns, [*turns[1:], None]):
        body, reply = unpack(turn)
        want = turn["want"]
        read = sends(client, body, reply)
        body, kept = bare(body)
        assert kept == want["kept"], f"to be kept: {kept}, want {want['kept']}"
        assert declared(body) == want["tools"], f"other tools than the study's: {declared(body)}"
        calls = client.calls(read)
        if want["answer_tool"]:
            assert [(n, json.loads(a)) for _, n, a in calls] == [(want["answer_tool"], json.loads(want["reply"]))], calls
        else:
            assert client.text(read) == want["reply"], f"the client reads {client.text(read)!r}, we read {want['reply']!r}"
            made = [[name, json.loads(arguments)] for _, name, arguments in calls]
            assert made == [[c["tool"], json.loads(c["arguments"])] for c in want["calls"]], f"the client reads {made}, we read {want['calls']}"
        if follows is None:
            continue
        results = [(i, name, c["result"], c["came"] == "answered") for (i, name, _), c in zip(calls, want["calls"], strict=True)]
        next_body, next_reply = unpack(follows)
        next_body, _ = bare(next_body)
        own = [*body[client.MESSAGES], *client.said(read), *client.results(results, follows["want"]["user"])] if results or follows["want"]["user"] else None
        _, sent = client.post({**next_body, client.MESSAGES: own}, next_reply)
        assert plain(sent[client.MESSAGES]) == plain(next_body[client.MESSAGES]), (
            f"the vendor's loop sends {plain(sent[client.MESSAGES])}, we sent {plain(next_body[client.MESSAGES])}")


def places(value, key):
    """Every object that has this key."""
    if isinstance(value, dict):
        if key in value:
            yield value
        value = list(value.values())
    for v in value if isinstance(value, list) else ():
        yield from places(v, key)


def without(key):
    def spoil(body):
        next(places(body, key)).pop(key)
    return spoil


def renamed(key, other):
    def spoil(body):
        place = next(places(body, key))
        place[other] = place.pop(key)
    return spoil


def changed(key, value):
    def spoil(body):
        next(places(body, key))[key] = value
    return spoil


# What a client or its loop must have something against, by dialect.
SPOILT = {
    "openai-chat": [without("tool_call_id"), changed("tool_call_id", "tcall_0"), renamed("tool_calls", "toolCalls"), changed("tool_choice", "maybe"),
                    without("function"), renamed("parameters", "input_schema"), without("reasoning_content")],
    "openai-responses": [without("call_id"), changed("call_id", "tcall_0"), changed("tool_choice", "maybe"), renamed("parameters", "input_schema"),
                         changed("output", 7), without("encrypted_content"), changed("type", "function_result")],
    "anthropic-messages": [without("tool_use_id"), changed("tool_use_id", "tcall_0"), without("signature"), changed("signature", "x"), without("input_schema"),
                           changed("tool_choice", "auto"), renamed("tool_use_id", "toolUseId"), changed("cache_control", {"type": "forever"}),
                           without("cache_control")],
    "gemini": [without("functionResponse"), renamed("functionCall", "function"), without("thoughtSignature"), changed("mode", "PERHAPS"),
               renamed("functionDeclarations", "functions"), renamed("response", "result")],
    "bedrock-converse": [without("toolUseId"), changed("toolUseId", "tcall_0"), without("signature"), without("inputSchema"), changed("status", "fine"),
                         renamed("toolChoice", "choice"), changed("toolChoice", "auto"), renamed("cachePoint", "cache_control"), changed("cachePoint", {"kind": "default"})],
}


def spoilt_pass(client, turns, spoil):
    """Whether a trial passes whose second request is spoilt."""
    turns = copy.deepcopy(turns)
    body, _ = unpack(turns[1])
    before = json.dumps(body)
    spoil(body)
    assert json.dumps(body) != before
    turns[1]["request"] = base64.b64encode(json.dumps(body).encode()).decode()
    try:
        judge_loop(client, turns)
        return True
    except Exception:  # whatever it has against it
        return False


def controls(protocol, loops):
    """How many spoilt requests were refused; the first that was not, or None."""
    turns = next(t for t in loops if len(t) > 2 and t[0]["want"]["calls"])
    judge_loop(CLIENTS[protocol], turns)
    passed = [i for i, spoil in enumerate(SPOILT[protocol]) if spoilt_pass(CLIENTS[protocol], turns, spoil)]
    return len(SPOILT[protocol]) - len(passed), f"spoilt requests pass: {passed}" if passed else None


# ---- the whole --------------------------------------------------------------------------------------------------

def told(name, what, work):
    """work() is how much was judged; whatever it has against it is a line."""
    try:
        print(f"ok {name}: {work()} {what}", flush=True)
    except Exception as e:  # whatever a client has against a request
        print(f"FAILED {name}: {type(e).__name__}: {str(e)[:1200]}", flush=True)


def of_lane(lane, work):
    protocol = work["lanes"][lane]
    client = CLIENTS[protocol]
    talks = [r for r in work["talks"] if r["lane"] == lane]
    loops = [t for t in work["loops"] if t[0]["lane"] == lane]

    def all_talks():
        for record in talks:
            judge_talk(client, record)
        return len(talks)

    def all_loops():
        for turns in loops:
            judge_loop(client, turns)
        made = sum(len(r["want"]["calls"]) for t in loops for r in t)
        assert made > 0 and any(len(r["want"]["calls"]) > 1 for t in loops for r in t), "no reply has two calls"
        return f"{sum(map(len, loops))} requests and replies, {made}"

    def all_controls():
        refused, why = controls(protocol, loops)
        assert why is None, why
        return refused

    if talks:
        told(f"{lane}, images", "requests and replies", all_talks)
    told(f"{lane}, tools", "calls", all_loops)
    told(f"{lane}, spoilt tools", "spoilt requests refused", all_controls)


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[1]).read_text())
    for each in given["lanes"]:
        of_lane(each, given)
