"""The vendors' Python clients over a transport that goes nowhere: whether a request fits their types, what they would send for it, and what they
make of a reply. Runs where their packages are (types_referee.py)."""
import base64
import collections.abc
import importlib
import json
import os
import types
import typing
import warnings

typing_extensions = importlib.import_module("typing_extensions")
warnings.filterwarnings("error", ".*is not a valid.*")  # Google's client only warns of a word that is not of an enumeration


def _post(body, reply, make):
    """What make(transport) -> call(body) sends, and what it returns for the reply."""
    httpx2, sent = importlib.import_module("httpx2"), []

    def handle(request):
        sent.append(json.loads(request.content))
        return httpx2.Response(200, content=reply, headers={"content-type": "application/json"})
    return make(httpx2.MockTransport(handle))(body), sent[0]


def _misfit(kind, value, at):
    """What a JSON value has that a type of a client has not, as text; None: it fits. (pydantic goes through no Iterable that stands in a TypedDict.)"""
    origin, given = typing.get_origin(kind), typing.get_args(kind)
    if typing_extensions.is_typeddict(kind):
        hints = typing_extensions.get_type_hints(kind, include_extras=True)
        if not isinstance(value, dict):
            return f"{at}: {value!r} is no {kind.__name__}"
        odd = [k for k in value if k not in hints] + [k for k in kind.__required_keys__ if k not in value]
        return f"{at}: {kind.__name__} and {odd}" if odd else _first(_misfit(hints[k], v, f"{at}.{k}") for k, v in value.items())
    if origin in (typing.Annotated, typing.Required, typing.NotRequired):
        return _misfit(given[0], value, at)
    if origin in (typing.Union, types.UnionType):
        found = [_misfit(k, value, at) for k in given]
        return None if None in found else max(found, key=len)
    if origin is typing.Literal:
        return None if value in given else f"{at}: {value!r} is none of {given}"
    if origin in (collections.abc.Iterable, collections.abc.Sequence, list):
        return _first(_misfit(given[0], v, f"{at}[{i}]") for i, v in enumerate(value)) if isinstance(value, list) else f"{at}: {value!r} is no list"
    if origin in (dict, collections.abc.Mapping):
        return _first(_misfit(given[1], v, f"{at}.{k}") for k, v in value.items()) if isinstance(value, dict) else f"{at}: {value!r} is no object"
    if kind in (object, typing.Any):
        return None
    simple = (int, float) if kind is float else kind
    good = origin is None and isinstance(value, simple) and (kind is bool or not isinstance(value, bool))  # a generic one is a file, say: not of JSON
    return None if good else f"{at}: {value!r} is no {kind}"


def _first(found):
    return next((f for f in found if f), None)


def _typed(kind, value):
    misfit = _misfit(kind, value, kind.__name__)
    assert misfit is None, misfit


class Chat:
    MESSAGES = "messages"

    def check(self, body):
        params = importlib.import_module("openai.types.chat.completion_create_params")
        body = json.loads(json.dumps(body))
        for message in body["messages"]:  # a member of other servers, which goes back to them; OpenAI has none
            message.pop("reasoning_content", None)
        _typed(params.CompletionCreateParamsNonStreaming, body)

    def post(self, body, reply):
        httpx2, openai = map(importlib.import_module, ("httpx2", "openai"))
        importlib.import_module("openai.types.chat").ChatCompletion.model_validate_json(reply)
        return _post(body, reply, lambda transport: lambda b: openai.OpenAI(
            api_key="k", base_url="http://nowhere/v1", http_client=httpx2.Client(transport=transport)).chat.completions.create(**b))

    def text(self, reply):
        return reply.choices[0].message.content or ""

    def calls(self, reply):
        return [(c.id, c.function.name, c.function.arguments) for c in reply.choices[0].message.tool_calls or []]

    def said(self, reply):
        return [reply.choices[0].message]

    def results(self, made, user):
        return [{"role": "tool", "tool_call_id": i, "content": text} for i, _, text, _ in made] + ([{"role": "user", "content": user}] if user else [])


class Responses:
    MESSAGES = "input"

    def check(self, body):
        params = importlib.import_module("openai.types.responses.response_create_params")
        _typed(params.ResponseCreateParamsNonStreaming, body)

    def post(self, body, reply):
        httpx2, openai = map(importlib.import_module, ("httpx2", "openai"))
        importlib.import_module("openai.types.responses").Response.model_validate_json(reply)
        return _post(body, reply, lambda transport: lambda b: openai.OpenAI(
            api_key="k", base_url="http://nowhere/v1", http_client=httpx2.Client(transport=transport)).responses.create(**b))

    def text(self, reply):
        return reply.output_text

    def calls(self, reply):
        return [(i.call_id, i.name, i.arguments) for i in reply.output if i.type == "function_call"]

    def said(self, reply):
        return list(reply.output)

    def results(self, made, user):
        return [{"type": "function_call_output", "call_id": i, "output": text} for i, _, text, _ in made] + ([{"role": "user", "content": user}] if user else [])


class Anthropic:
    MESSAGES = "messages"

    def check(self, body):
        params = importlib.import_module("anthropic.types.message_create_params")
        _typed(params.MessageCreateParamsNonStreaming, body)

    def post(self, body, reply):
        httpx2, anthropic = map(importlib.import_module, ("httpx2", "anthropic"))
        anthropic.types.Message.model_validate_json(reply)
        return _post(body, reply, lambda transport: lambda b: anthropic.Anthropic(
            api_key="k", base_url="http://nowhere", http_client=httpx2.Client(transport=transport)).messages.create(**b))

    def text(self, reply):
        return "".join(b.text for b in reply.content if b.type == "text")

    def calls(self, reply):
        return [(b.id, b.name, json.dumps(b.input)) for b in reply.content if b.type == "tool_use"]

    def said(self, reply):
        return [{"role": "assistant", "content": reply.content}]

    def results(self, made, user):
        parts = [{"type": "tool_result", "tool_use_id": i, "content": text, **({} if good else {"is_error": True})} for i, _, text, good in made]
        return [{"role": "user", "content": parts + ([{"type": "text", "text": user}] if user else [])}]


class Gemini:
    MESSAGES = "contents"

    def _given(self, body):
        types = importlib.import_module("google.genai.types")
        config = types.GenerationConfig.model_validate(body["generationConfig"]).model_dump(exclude_none=True)
        more = {"system_instruction": types.Content.model_validate(body["systemInstruction"])}
        if "tools" in body:
            more |= {"tools": [types.Tool.model_validate(t) for t in body["tools"]], "tool_config": types.ToolConfig.model_validate(body["toolConfig"])}
        return [types.Content.model_validate(c) for c in body["contents"]], types.GenerateContentConfig(**more, **config)

    def check(self, body):
        unknown = body.keys() - {"contents", "generationConfig", "systemInstruction", "tools", "toolConfig"}
        assert not unknown, f"a request has no {unknown}"
        self._given(body)

    def post(self, body, reply):
        genai, types = map(importlib.import_module, ("google.genai", "google.genai.types"))
        types.GenerateContentResponse.model_validate_json(reply)

        def make(transport):
            client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url="http://nowhere", client_args={"transport": transport}))
            contents, config = self._given(body)
            return lambda _: client.models.generate_content(model="m", contents=contents, config=config)
        return _post(body, reply, make)

    def text(self, reply):
        return "".join(p.text for p in reply.candidates[0].content.parts if p.text and not p.thought)

    def calls(self, reply):
        return [(c.id, c.name, json.dumps(c.args)) for c in reply.function_calls or []]

    def said(self, reply):
        return [reply.candidates[0].content]

    def results(self, made, user):
        types = importlib.import_module("google.genai.types")
        parts = [types.Part(function_response=types.FunctionResponse(id=i, name=name, response={"result" if good else "error": text}))
                 for i, name, text, good in made]
        return [types.Content(role="user", parts=parts + ([types.Part(text=user)] if user else []))]


class Bedrock:
    MESSAGES = "messages"

    def __init__(self):
        os.environ["AWS_BEARER_TOKEN_BEDROCK"] = "k"
        session = importlib.import_module("botocore.session").get_session()
        self.client = session.create_client("bedrock-runtime", region_name="us-east-1", endpoint_url="https://nowhere")
        self.shape = session.get_service_model("bedrock-runtime").operation_model("Converse").input_shape

    @staticmethod
    def _bytes(body):
        """Its types have the bytes of pictures."""
        body = json.loads(json.dumps(body))
        for part in (p for m in body["messages"] for p in m["content"] if "image" in p):
            part["image"]["source"]["bytes"] = base64.b64decode(part["image"]["source"]["bytes"], validate=True)
        return body

    def check(self, body):
        report = importlib.import_module("botocore.validate").ParamValidator().validate({**self._bytes(body), "modelId": "m"}, self.shape)
        assert not report.has_errors(), report.generate_report()

    def post(self, body, reply):
        awsrequest, sent = importlib.import_module("botocore.awsrequest"), []

        class Raw:
            def stream(self, *_, **__):
                yield reply

        def answer(request, **_):
            sent.append(json.loads(request.body))
            return awsrequest.AWSResponse("http://nowhere", 200, {"content-type": "application/json"}, Raw())
        self.client.meta.events.register_first("before-send.bedrock-runtime.Converse", answer, unique_id="nowhere")
        try:
            return self.client.converse(modelId="m", **self._bytes(body)), sent[0]
        finally:
            self.client.meta.events.unregister("before-send.bedrock-runtime.Converse", unique_id="nowhere")

    def text(self, reply):
        return "".join(b.get("text", "") for b in reply["output"]["message"]["content"])

    def calls(self, reply):
        return [(b["toolUse"]["toolUseId"], b["toolUse"]["name"], json.dumps(b["toolUse"]["input"]))
                for b in reply["output"]["message"]["content"] if "toolUse" in b]

    def said(self, reply):
        return [reply["output"]["message"]]

    def results(self, made, user):
        parts = [{"toolResult": {"toolUseId": i, "content": [{"text": text}], "status": "success" if good else "error"}} for i, _, text, good in made]
        return [{"role": "user", "content": parts + ([{"text": user}] if user else [])}]


def of_dialects():
    return {"openai-chat": Chat(), "openai-responses": Responses(), "anthropic-messages": Anthropic(), "gemini": Gemini(), "bedrock-converse": Bedrock()}
