# SPDX-License-Identifier: Apache-2.0
"""What a JSON Schema lost on its way into a native body, found without knowing how the translator does it.

Two ways: values are made up, and a value that one of the two schemas takes and the other refuses is a loss; and
keywords that no value can show (format), or seldom, are looked for by name. Every loss must be told in
x-dragoman-schema-notes under the tool's name.
"""

import json
import re

import jsonschema
import seeded

# What OpenAPI's subset has no word for (google.md 6.5). Others are judged by values alone.
TOLD_BY_NAME = {"multipleOf", "uniqueItems", "contains", "patternProperties", "propertyNames", "dependentRequired",
                "dependentSchemas", "not", "if", "contentEncoding", "exclusiveMinimum", "exclusiveMaximum"}
SUBSCHEMAS = {"items", "additionalItems", "contains", "not", "if", "then", "else", "propertyNames", "additionalProperties"}
LISTS = {"anyOf", "oneOf", "allOf", "prefixItems"}
MAPS = {"properties", "patternProperties", "dependentSchemas", "$defs", "definitions", "defs"}
VALUES = 40  # made for each schema


def each_below(schema):
    """The schemas right below one."""
    if not isinstance(schema, dict):
        return
    for key, value in schema.items():
        if key in MAPS and isinstance(value, dict):
            yield from value.values()
        elif (key in LISTS or key == "items") and isinstance(value, list):
            yield from value
        elif key in SUBSCHEMAS:
            yield value


def resolve(root, ref):
    node = root
    for step in ref.removeprefix("#").split("/")[1:]:
        node = node[step.replace("~1", "/").replace("~0", "~")]
    return node


def keywords(root):
    """The keywords that are used where a value can get to, `$ref` followed: of what refers to nothing, none."""
    found, waiting, seen = set(), [root], set()
    while waiting:
        schema = waiting.pop()
        if not isinstance(schema, dict) or id(schema) in seen:
            continue
        seen.add(id(schema))
        found |= set(schema)
        if isinstance(schema.get("$ref"), str):
            waiting.append(resolve(root, schema["$ref"]))
        # What is told by name takes with it what stands below.
        without = {key: value for key, value in schema.items() if key not in {"$defs", "definitions", "then", "else"} | TOLD_BY_NAME}
        waiting += each_below(without)
    return found


def rewritten(schema, change):
    """A deep copy, `change` applied to each schema in it from below."""
    if not isinstance(schema, dict):
        return schema
    made = {}
    for key, value in schema.items():
        if key in MAPS and isinstance(value, dict):
            made[key] = {name: rewritten(one, change) for name, one in value.items()}
        elif (key in LISTS or key == "items") and isinstance(value, list):
            made[key] = [rewritten(one, change) for one in value]
        elif key in SUBSCHEMAS:
            made[key] = rewritten(value, change)
        else:
            made[key] = value
    return change(made)


def _today(schema):
    """Draft 7's tuples as the newest draft has them."""
    if isinstance(schema.get("items"), list):
        schema["prefixItems"] = schema.pop("items")
        if "additionalItems" in schema:
            schema["items"] = schema.pop("additionalItems")
    schema.pop("$schema", None)
    schema.pop("$id", None)
    return schema


def _from_subset(schema):
    """OpenAPI's subset as JSON Schema."""
    made = {key: value for key, value in schema.items() if key not in ("nullable", "example", "propertyOrdering", "format")}
    if isinstance(made.get("type"), str):
        made["type"] = made["type"].lower()
    for key in ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"):
        if key in made:
            made[key] = int(made[key])
    if made.get("type") in ("integer", "number") and "enum" in made:
        made["enum"] = [json.loads(one) for one in made["enum"]]
    if "ref" in made:
        made["$ref"] = made.pop("ref").replace("#/defs/", "#/$defs/")
    if "defs" in made:
        made["$defs"] = made.pop("defs")
    return {"anyOf": [made, {"type": "null"}]} if schema.get("nullable") else made


# --- Values -------------------------------------------------------------------------------------------------------


def a_value(rng, root, schema, depth=0):
    """A value that the schema may well take; at times one that it may not."""
    if depth > 6 or not isinstance(schema, dict) or rng.maybe(0.06):
        return seeded.value(rng, 1)
    if isinstance(schema.get("$ref"), str):
        return a_value(rng, root, resolve(root, schema["$ref"]), depth + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return rng.choice(schema["enum"])
    for key in ("anyOf", "oneOf"):
        if schema.get(key) and rng.maybe(0.8):
            return a_value(rng, root, rng.choice(schema[key]), depth + 1)
    if schema.get("allOf"):
        made = [a_value(rng, root, one, depth + 1) for one in schema["allOf"]]
        if all(isinstance(one, dict) for one in made):
            return {name: value for one in made for name, value in one.items()}
        return rng.choice(made)
    kind = schema.get("type") or ("object" if "properties" in schema else "array" if "prefixItems" in schema else None)
    if isinstance(kind, list):
        kind = rng.choice(kind)
    return _of_kind(rng, root, schema, kind, depth)


def _of_kind(rng, root, schema, kind, depth):
    if kind == "object":
        properties = schema.get("properties") or {}
        wanted = set(schema.get("required") or ())
        made = {name: a_value(rng, root, one, depth + 1) for name, one in properties.items()
                if rng.maybe(0.9 if name in wanted else 0.4)}
        more = schema.get("additionalProperties")
        if isinstance(more, dict) and rng.maybe(0.5):
            made["more"] = a_value(rng, root, more, depth + 1)
        return made
    if kind == "array":
        items, first = schema.get("items", {}), schema.get("prefixItems") or []
        if items is False or (first and "items" not in schema):
            return [a_value(rng, root, one, depth + 1) for one in first[:rng.randint(0, len(first))]]
        return [a_value(rng, root, one, depth + 1) for one in first] + \
            [a_value(rng, root, items, depth + 1) for _ in range(rng.choice([0, 1, 1, 2, 3, 5]))]
    if kind == "string":
        return rng.choice(["", "a", "abc", "ABC", "red", "a long text of many", rng.word(), "2026-01-01"])
    if kind == "integer":
        return rng.choice([0, 1, 2, 3, 7, -1, 50, 51, 100, 101, 5.0])
    if kind == "number":
        return rng.choice([0, 0.5, 1, 1.5, -1, 50, 99.5, 101])
    return {"boolean": rng.maybe(0.5), "null": None}.get(kind, seeded.value(rng, 1))


def _takes(validator, value):
    try:
        return validator.is_valid(value)
    except RecursionError:
        return None


def differing_value(rng, before, after):
    """A value that one takes and the other does not; None when none was found."""
    judges = [jsonschema.Draft202012Validator(schema) for schema in (before, after)]
    for number in range(VALUES):
        schema = (before, after)[number % 2]
        value = a_value(rng, schema, schema)
        taken = [_takes(judge, value) for judge in judges]
        if None not in taken and taken[0] != taken[1]:
            return f"{json.dumps(value)} was {'taken' if taken[0] else 'refused'} and is {'taken' if taken[1] else 'refused'}"
    return None


# --- One tool, one request ----------------------------------------------------------------------------------------


def notes_of(label, notes):
    """The notes that name a tool; "..." says that there are more than the header tells."""
    return [note for note in notes.split(", ") if re.search(rf"(^|\W){re.escape(label)}(\W|$)", note) or note == "..."]


def pruned(schema, told):
    """A copy without what stands at the places where a type or a union is told to be lost: that tells of all below."""
    schema = json.loads(json.dumps(schema))
    for note in told:
        match = re.search(r"(?:type|anyOf|oneOf|allOf) at (/\S*)$", note)
        if not match:
            continue
        *way, last = [step.replace("~1", "/").replace("~0", "~") for step in match[1].split("/")[1:]]
        node = schema
        for step in way:
            node = node[int(step)] if isinstance(node, list) and step.isdigit() and int(step) < len(node) else \
                node.get(step) if isinstance(node, dict) else None
        if isinstance(node, dict) and last in node:
            node[last] = {}
        elif isinstance(node, list) and last.isdigit() and int(last) < len(node):
            node[int(last)] = {}
    return schema


def unreported(rng, label, before, declared, notes):
    """What the schema lost and nobody said; None when all was said. `declared` is the native declaration or config."""
    told = notes_of(label, notes)
    for key in ("parametersJsonSchema", "responseJsonSchema"):
        if key in declared:
            return _unreported_json(before, declared[key], told)
    sent = declared.get("parameters", declared.get("responseSchema"))
    if sent is None:
        return "it was not sent at all" if (before or {}).get("properties") and not told else None
    before = pruned(before, told)
    if "additionalProperties" not in keywords(sent):  # a surface that has none: and yet no other properties come
        before = rewritten(before, lambda schema: {k: v for k, v in schema.items() if (k, v) != ("additionalProperties", False)})
    missing = sorted((keywords(before) & TOLD_BY_NAME) - keywords(sent))
    for keyword in missing:
        if not any(keyword in note or note == "..." for note in told):
            return f"{keyword} is gone, and no note names it: {told}"
    lost = differing_value(rng, rewritten(before, _today), rewritten(sent, _from_subset))
    return f"no note at all: {lost}" if lost and not told else None


def _unreported_json(before, sent, told):
    if told or text(sent) == text(before):
        return None
    plain = {key: value for key, value in before.items() if key != "$schema"}
    return None if text(sent) == text(plain) else "the text is not the client's, and no note says so"


def text(value):
    """Compact JSON; half a surrogate pair is what every request makes of it (user-pain A8)."""
    return re.sub("[\ud800-\udfff]", "\ufffd", json.dumps(value, ensure_ascii=False))


def of_outcome(rng, outcome):
    """(tool, loss) for each unreported one of a request's tools and of its response_format."""
    native, body, notes = outcome.native, outcome.case.body, outcome.told["schema"]
    declared = [one for tool in native.get("tools", []) for one in tool.get("functionDeclarations", [])]
    functions = [tool["function"] for tool in body.get("tools") or ()]
    assert len(declared) == len(functions), f"{len(functions)} tools became {len(declared)}"
    for function, one in zip(functions, declared):
        if isinstance(function.get("parameters"), dict):
            if lost := unreported(rng, function["name"], function["parameters"], one, notes):
                yield function["name"], lost
    asked = body.get("response_format") or {}
    if asked.get("type") == "json_schema":
        if lost := unreported(rng, "response_format", asked["json_schema"]["schema"], native.get("generationConfig", {}), notes):
            yield "response_format", lost
