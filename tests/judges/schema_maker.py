# SPDX-License-Identifier: Apache-2.0
"""Makes JSON Schemas out of seeds: all keywords, references and recursion among them, and names that are keywords."""

from seeded import value

KEYWORDS_AS_NAMES = ("type", "properties", "$ref", "items", "enum", "required", "const", "anyOf", "additionalProperties",
                     "default", "title", "format", "$defs", "nullable", "description")
FORMATS = ("date-time", "date", "time", "email", "uri", "uuid", "ipv4", "hostname", "regex", "byte", "binary", "enum", "odd one")
TYPES = ("string", "integer", "number", "boolean", "null", "object", "array")


class Schemas:
    """The schemas of one document, which may refer to its definitions; those may refer to each other and to themselves."""

    def __init__(self, rng):
        self.rng, self.refs, self.definitions = rng, [], {}
        if rng.maybe(0.4):
            names = {rng.choice(["Node", "a/b", "m~n", "Ünit", "x y", rng.word()]): None for _ in range(rng.randint(1, 3))}
            self.keep = rng.choice(["$defs", "$defs", "definitions"])
            self.refs = [f"#/{self.keep}/" + name.replace("~", "~0").replace("/", "~1") for name in names]
            self.definitions = {name: self.object(2) for name in names}

    def root(self):
        """What a tool's parameters are: an object."""
        root = self.object(3)
        if self.definitions:
            root[self.keep] = self.definitions
        if self.rng.maybe(0.3):
            root["$schema"] = self.rng.choice(["http://json-schema.org/draft-07/schema#",
                                              "https://json-schema.org/draft/2020-12/schema"])
        return root

    def object(self, depth):
        rng = self.rng
        names = [rng.choice(KEYWORDS_AS_NAMES) if rng.maybe(0.15) else rng.word() for _ in range(rng.randrange(5))]
        schema = {"type": "object", "properties": {name: self.any(depth - 1) for name in names}}
        if rng.maybe(0.6):
            schema["required"] = rng.some(list(schema["properties"]))
        if rng.maybe(0.4):
            schema["additionalProperties"] = rng.choice([False, False, True, {"type": "string"}])
        if rng.maybe(0.08):
            schema["patternProperties"] = {"^x-": self.any(0)}
        if rng.maybe(0.08):
            schema |= rng.choice([{"minProperties": 1}, {"maxProperties": 3}, {"propertyNames": {"maxLength": 9}},
                                  {"dependentRequired": {names[0]: [names[0]]} if names else {}}])
        return self.told(schema)

    def any(self, depth):
        """A schema of any kind."""
        rng = self.rng
        if self.refs and rng.maybe(0.2):
            schema = {"$ref": rng.choice(self.refs)}
            return self.told(schema) if rng.maybe(0.3) else schema
        makers = [self.string, self.string, self.number, self.number, self.enum, self.plain, self.types]
        if depth > 0:
            makers += [self.object_below, self.array, self.array, self.union, self.union, self.nullable, self.allof, self.negated]
        maker = rng.choice(makers)
        return maker(depth)

    def told(self, schema):
        rng = self.rng
        if rng.maybe(0.3):
            schema["description"] = rng.text()
        if rng.maybe(0.2):
            schema["title"] = rng.word().title()
        if rng.maybe(0.1):
            schema |= rng.choice([{"examples": [value(rng, 0)]}, {"$comment": "a remark"}, {"deprecated": True},
                                  {"readOnly": True}, {"x-odd": {"a": 1}}])
        return schema

    def object_below(self, depth):
        return self.object(depth)

    def plain(self, _):
        return self.rng.choice([{}, True, {"description": "anything"}, {"type": "null"}, {"type": "boolean"},
                                {"const": value(self.rng, 0)}, {"type": "object"}, {"type": "array"}])

    def types(self, _):
        return self.told({"type": self.rng.sample(TYPES, self.rng.randint(1, 3))})

    def string(self, _):
        schema = {"type": "string"}
        for key, made in (("format", lambda: self.rng.choice(FORMATS)), ("pattern", lambda: "^[a-z]+$"),
                          ("minLength", lambda: 1), ("maxLength", lambda: 8), ("default", self.rng.word),
                          ("const", self.rng.word), ("contentEncoding", lambda: "base64")):
            if self.rng.maybe(0.15):
                schema[key] = made()
        return self.told(schema)

    def number(self, _):
        schema = {"type": self.rng.choice(["number", "integer"])}
        for key, made in (("minimum", 0), ("maximum", 100), ("exclusiveMinimum", 0), ("exclusiveMaximum", 50),
                          ("multipleOf", 2), ("default", 1), ("format", "int32"), ("format", "double")):
            if self.rng.maybe(0.15):
                schema[key] = made
        return self.told(schema)

    def enum(self, _):
        """With or without its type, of one kind or of several."""
        kind, values = self.rng.choice([("string", ["red", "green", "blue"]), ("string", ["", "a"]), ("integer", [1, 2, 3]),
                                        ("number", [0.5, 1.0]), ("boolean", [True]), (None, ["a", 1, None, False]),
                                        (None, [None, "x"]), ("string", ["one"]), (None, [{"a": 1}, [2]])])
        schema = {"enum": values}
        if kind and self.rng.maybe(0.6):
            schema["type"] = kind
        return self.told(schema)

    def array(self, depth):
        rng = self.rng
        schema = {"type": "array"}
        kind = rng.randrange(5)
        if kind == 0:
            schema["prefixItems"] = [self.any(depth - 1) for _ in range(rng.randint(1, 3))]
            if rng.maybe(0.5):
                schema["items"] = False
        elif kind == 1:
            schema["items"] = [self.any(depth - 1) for _ in range(rng.randint(1, 2))]  # draft 7's tuple
        elif kind != 2:
            schema["items"] = self.any(depth - 1)
        for key, made in (("minItems", 1), ("maxItems", 4), ("uniqueItems", True), ("contains", {"type": "string"})):
            if rng.maybe(0.12):
                schema[key] = made
        return self.told(schema)

    def union(self, depth):
        key = self.rng.choice(["anyOf", "anyOf", "oneOf"])
        schema = {key: [self.any(depth - 1) for _ in range(self.rng.randint(1, 3))]}
        if self.rng.maybe(0.2):
            schema["type"] = "object"
        if key == "oneOf" and self.rng.maybe(0.3):
            schema["discriminator"] = {"propertyName": "kind"}
        return self.told(schema)

    def nullable(self, depth):
        """pydantic's Optional."""
        return self.told({"anyOf": [self.any(depth - 1), {"type": "null"}], "default": None})

    def allof(self, depth):
        if self.refs and self.rng.maybe(0.5):
            return self.told({"allOf": [{"$ref": self.rng.choice(self.refs)}]})
        return self.told({"allOf": [self.object(depth - 1), self.object(depth - 1)]})

    def negated(self, depth):
        return self.rng.choice([{"not": {"type": "string"}},
                                {"if": {"type": "string"}, "then": {"minLength": 1}, "else": {"type": "integer"}},
                                {"type": "object", "properties": {"a": self.any(0)}, "dependentSchemas": {"a": {"required": ["a"]}}}])


def schema(rng):
    return Schemas(rng).root()


def broken_schema(rng):
    """One that cannot be sent at all: it refers to nothing."""
    root = schema(rng)
    root["properties"]["lost"] = {"$ref": rng.choice(["#/$defs/Nowhere", "#/properties/nowhere/items"])}
    return root
