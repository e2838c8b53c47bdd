"""Papers that describe methods and libraries, and what a setting is called in a text.

Both are tables a person can read and mend: bibliography.yaml and method_words.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml

#: The key of a setting whose choice is a number or a list of numbers.
ANY = "any"


@cache
def bibliography() -> Mapping[str, Mapping]:
    """Return ``papers`` of methods and ``libraries``, each by key."""
    return table("bibliography")


@cache
def method_words() -> Mapping[str, Mapping]:
    """Return ``settings``, and papers by method, test, interval and statistic."""
    return table("method_words")


def table(name: str) -> Mapping[str, Mapping]:
    """Read a table of words that lies beside this module."""
    text = Path(__file__).with_name(f"{name}.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)
