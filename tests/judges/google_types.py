# SPDX-License-Identifier: Apache-2.0
"""Google's own message classes as judges: what is no member of theirs, or no value of it, is refused.

Vertex is judged by google-cloud-aiplatform's v1beta1, the Gemini API by google-ai-generativelanguage's v1beta. Members
that are newer than these packages stand in newer.txt, each with its reason; one that was never met, or that the
package has learnt, is a failure too (unneeded).
"""

import importlib
import importlib.util
import json
import pathlib
import sys
import types

from google.protobuf import json_format

NEWER = pathlib.Path(__file__).with_name("newer.txt")
FREE = {"google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue"}  # any JSON


def message_types(package):
    """A package's message classes without its clients, which would want a dozen packages more."""
    found = importlib.util.find_spec(package)
    sys.modules[package] = stub = types.ModuleType(package)
    stub.__path__, stub.__spec__ = list(found.submodule_search_locations), found
    importlib.import_module(package + ".gapic_version")
    return importlib.import_module(package + ".types")


class Judge:
    def __init__(self, surface, package):
        self.surface, found = surface, message_types(package)
        self.request = found.GenerateContentRequest.pb()
        self.response = found.GenerateContentResponse.pb()
        self.cache = found.CachedContent.pb()
        self.newer, self.met = {}, set()
        for line in NEWER.read_text().splitlines():
            if line.strip() and not line.startswith("#"):
                where, name, reason = line.split(None, 2)
                if where == surface:
                    self.newer[name] = reason

    def judge(self, kind, message):
        """kind: "request", "response" or "cache". Returns what is wrong with the message, or None."""
        cls = getattr(self, kind)
        kept = self._without_newer(message, cls.DESCRIPTOR)
        try:
            json_format.Parse(json.dumps(kept), cls(), ignore_unknown_fields=False, max_recursion_depth=1000)
        except json_format.ParseError as error:
            return f"{self.surface}: {str(error).splitlines()[0]}"
        return None

    def _is_newer(self, name):
        if name in self.newer:
            self.met.add(name)
        return name in self.newer

    def _without_newer(self, message, descriptor):
        """A copy without the listed members and enum values that the package does not know."""
        if not isinstance(message, dict) or descriptor.full_name in FREE:
            return message
        fields = {spelling: field for field in descriptor.fields for spelling in (field.json_name, field.name)}
        kept = {}
        for name, value in message.items():
            field = fields.get(name)
            if field is None:
                if not self._is_newer(f"{descriptor.name}.{name}"):
                    kept[name] = value  # the parser's to complain about
            elif field.enum_type and isinstance(value, str) and value not in field.enum_type.values_by_name and \
                    self._is_newer(f"{descriptor.name}.{name}={value}"):
                pass
            elif field.message_type is None:
                kept[name] = value
            elif field.message_type.GetOptions().map_entry:
                inner = field.message_type.fields_by_name["value"].message_type
                kept[name] = {k: self._without_newer(v, inner) for k, v in value.items()} if inner else value
            elif isinstance(value, list) and field.message_type.full_name not in FREE:
                kept[name] = [self._without_newer(one, field.message_type) for one in value]
            else:
                kept[name] = self._without_newer(value, field.message_type)
        return kept

    def unneeded(self):
        """Listed members that nothing needed: no message had them, or the package knows them now."""
        return sorted(set(self.newer) - self.met)


def judges():
    return {"vertex": Judge("vertex", "google.cloud.aiplatform_v1beta1"),
            "gemini": Judge("gemini", "google.ai.generativelanguage_v1beta")}
