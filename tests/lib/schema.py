"""A referee of JSON Schema: the keywords that ops/schema uses, and no others (an unknown one is an error of the schema)."""
import operator
import re

_KINDS = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool, "null": type(None)}
_WORDS = {"$schema", "$defs", "title", "description"}


def _is(value, kind):
    if kind in ("integer", "number") and isinstance(value, bool):
        return False
    return isinstance(value, _KINDS[kind])


def members(root, part):
    """The properties of an object, those of its allOf among them."""
    while "$ref" in part:
        part = root["$defs"][part["$ref"].removeprefix("#/$defs/")]
    found = {}
    for inner in part.get("allOf", ()):
        found.update(members(root, inner))
    return {**found, **part.get("properties", {})}


def faults(schema, value, root=None, at="$"):
    """What is wrong with value: a list of sentences, empty when nothing is."""
    if isinstance(schema, bool):  # what is never, or always, right
        return [] if schema else [f"{at}: must not be there"]
    root = root or schema
    found = []

    def inside(part, v, where):
        found.extend(faults(part, v, root, where))

    for word, rule in schema.items():
        if word in _WORDS:
            continue
        if word == "$ref":
            inside(root["$defs"][rule.removeprefix("#/$defs/")], value, at)
        elif word == "type":
            kinds = rule if isinstance(rule, list) else [rule]
            if not any(_is(value, k) for k in kinds):
                found.append(f"{at}: no {' or '.join(kinds)}")
        elif word == "enum":
            if not any(type(value) is type(r) and value == r for r in rule):
                found.append(f"{at}: none of {rule}")
        elif word in ("anyOf", "oneOf"):
            n = sum(not faults(r, value, root, at) for r in rule)
            if n == 0 or (word == "oneOf" and n > 1):
                found.append(f"{at}: {n} of {word} hold")
        elif word == "allOf":
            for part in rule:
                inside(part, value, at)
        elif word == "unevaluatedProperties":  # false, of an object that has an allOf
            found += [f"{at}: unknown key {key}" for key in (value if isinstance(value, dict) else {}).keys() - members(root, schema).keys()]
        elif word == "not":
            if not faults(rule, value, root, at):
                found.append(f"{at}: what must not be")
        elif word == "properties":
            for key, part in rule.items() if isinstance(value, dict) else ():
                if key in value:
                    inside(part, value[key], f"{at}.{key}")
        elif word == "additionalProperties":
            for key in value.keys() - schema.get("properties", {}).keys() if isinstance(value, dict) else ():
                if rule is False:
                    found.append(f"{at}: unknown key {key}")
                else:
                    inside(rule, value[key], f"{at}.{key}")
        elif word == "propertyNames":
            for key in value if isinstance(value, dict) else ():
                inside(rule, key, f"{at}.{key}")
        elif word == "required":
            found += [f"{at}: no {key}" for key in rule if isinstance(value, dict) and key not in value]
        elif word == "dependentRequired":
            for key, others in rule.items() if isinstance(value, dict) else ():
                found += [f"{at}: {key} without {other}" for other in others if key in value and other not in value]
        elif word == "items":
            for i, item in enumerate(value if isinstance(value, list) else ()):
                inside(rule, item, f"{at}[{i}]")
        elif word == "uniqueItems":
            if rule and isinstance(value, list) and any(item in value[:i] for i, item in enumerate(value)):
                found.append(f"{at}: the same twice")
        elif word in ("minLength", "maxLength"):
            if isinstance(value, str) and (len(value) < rule if word.startswith("min") else len(value) > rule):
                found.append(f"{at}: {len(value)} characters are not {word} {rule}")
        elif word in ("minItems", "maxItems", "minProperties", "maxProperties"):
            kind = list if word.endswith("Items") else dict
            if isinstance(value, kind) and (len(value) < rule if word.startswith("min") else len(value) > rule):
                found.append(f"{at}: {len(value)} is not {word} {rule}")
        elif word in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
            outside = {"minimum": operator.lt, "maximum": operator.gt, "exclusiveMinimum": operator.le, "exclusiveMaximum": operator.ge}[word]
            if _is(value, "number") and outside(value, rule):
                found.append(f"{at}: {value} is not {word} {rule}")
        elif word == "pattern":
            if isinstance(value, str) and not re.search(rule, value):
                found.append(f"{at}: {value!r} is not like {rule}")
        else:
            raise AssertionError(f"the schema says {word}, which this referee does not know")
    return found
