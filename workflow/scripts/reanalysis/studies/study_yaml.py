"""Read study.yaml: names stay as written, dates and yes/no stay words."""

from __future__ import annotations

import re

import yaml

from reanalysis.errors import InputError

_Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BOOL, _DATE = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"


class _Loader(_Base):
    """YAML in which a key is the text that stands there, and stands there once."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name is None or name in seen:
                raise InputError(
                    "a key is no plain name" if name is None else "a key stands twice",
                    row=key.start_mark.line + 1,
                    value=name,
                    expected="each key once",
                )
            seen.add(name)
        self.flatten_mapping(node)
        return {
            key.value: self.construct_object(value, deep=True)
            for key, value in node.value
        }


# `date: 2020-01-31` is text and `coding: [no, yes]` two words.
_Loader.yaml_implicit_resolvers = {
    letter: [(tag, form) for tag, form in known if tag not in {_BOOL, _DATE}]
    for letter, known in _Base.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOL, re.compile("true|false"), ["t", "f"])


def read_yaml(text: str) -> object:
    """Return what a study.yaml holds.

    Raises :class:`InputError` for a key that stands twice and
    :class:`yaml.YAMLError` for text that is not YAML.
    """
    return yaml.load(text, Loader=_Loader)
