"""The small grammar that selects rows: column, comparison, value; and, or.

::

    age >= 18 and arm = "standard care"
    status in [complete, partial] or (weeks > 12 and relapse is known)
    etype = 1 and first row per id

Nothing is evaluated as code.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches

from reanalysis.errors import InputError

Table = Mapping[str, Sequence[float | str | None]]

_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"[^"]*"|'[^']*')
        |(?P<symbol><=|>=|!=|=|<|>|\(|\)|\[|\]|,)
        |(?P<word>[^\s()\[\],=<>!"']+))""",
    re.VERBOSE,
)
_COMPARE: dict[str, Callable] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def rows_where(condition: str, table: Table) -> list[bool]:
    """Tell for every row of a table whether the condition holds.

    A comparison with a missing value does not hold. Raises
    :class:`InputError` for a sentence outside the grammar, an unknown column,
    or an order comparison with text.
    """
    return _Parser(condition, table).parse()


class _Parser:
    def __init__(self, condition: str, table: Table) -> None:
        self.condition = condition
        self.table = table
        self.length = len(next(iter(table.values()), ()))
        self.tokens = self._tokens(condition)
        self.position = 0

    def _tokens(self, text: str) -> list[tuple[str, str]]:
        tokens, at = [], 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None:
                raise self._error(f"cannot read it from {text[at:].strip()!r} on")
            kind = match.lastgroup or "word"
            word = match.group(kind)
            tokens.append((kind, word[1:-1] if kind == "quoted" else word))
            at = match.end()
        return tokens

    def _error(self, problem: str, expected: str | None = None) -> InputError:
        return InputError(
            f"the condition '{self.condition}' is not understood: {problem}",
            expected=expected
            or "column, comparison, value, joined by 'and' or 'or'; "
            "'first row per <column>'; '<column> is missing'",
        )

    def _peek(self) -> tuple[str, str]:
        if self.position < len(self.tokens):
            return self.tokens[self.position]
        return ("end", "")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self.position += 1
        return token

    def _accept(self, word: str) -> bool:
        kind, text = self._peek()
        if kind != "quoted" and text.lower() == word:
            self.position += 1
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            found = self._peek()[1] or "the end"
            raise self._error(f"'{word}' is missing before {found!r}")

    def parse(self) -> list[bool]:
        held = self._either()
        if self._peek()[0] != "end":
            raise self._error(f"{self._peek()[1]!r} is unexpected")
        return held

    def _either(self) -> list[bool]:
        held = self._both()
        while self._accept("or"):
            held = [a or b for a, b in zip(held, self._both(), strict=True)]
        return held

    def _both(self) -> list[bool]:
        held = self._term()
        while self._accept("and"):
            held = [a and b for a, b in zip(held, self._term(), strict=True)]
        return held

    def _term(self) -> list[bool]:
        if self._accept("("):
            held = self._either()
            self._expect(")")
            return held
        if self._peek() == ("word", "first"):
            return self._first_row()
        column = self._column()
        if self._accept("is"):
            missing = self._accept("missing")
            if not missing:
                self._expect("known")
            return [(value is None) == missing for value in self.table[column]]
        if self._accept("in"):
            return self._member(column)
        kind, symbol = self._next()
        if kind != "symbol" or symbol not in _COMPARE:
            raise self._error(
                f"{symbol or 'the end'!r} is no comparison", ", ".join(_COMPARE)
            )
        return self._comparison(column, symbol, self._value())

    def _first_row(self) -> list[bool]:
        self._next()
        self._expect("row")
        self._expect("per")
        seen: set[object] = set()
        held = []
        for value in self.table[self._column()]:
            held.append(value is not None and value not in seen)
            seen.add(value)
        return held

    def _column(self) -> str:
        kind, name = self._next()
        if kind not in {"word", "quoted"} or name not in self.table:
            near = get_close_matches(name, list(self.table), n=1)
            raise self._error(
                f"there is no column {name!r}"
                + (f", perhaps '{near[0]}' is meant" if near else ""),
                "one of " + ", ".join(self.table),
            )
        return name

    def _value(self) -> str:
        kind, text = self._next()
        if kind not in {"word", "quoted"}:
            raise self._error("a value is missing after the comparison")
        return text

    def _member(self, column: str) -> list[bool]:
        self._expect("[")
        held = self._comparison(column, "=", self._value())
        while self._accept(","):
            other = self._comparison(column, "=", self._value())
            held = [a or b for a, b in zip(held, other, strict=True)]
        self._expect("]")
        return held

    def _comparison(self, column: str, symbol: str, text: str) -> list[bool]:
        values = self.table[column]
        numeric = any(isinstance(value, float) for value in values)
        try:
            wanted: float | str = float(text)
        except ValueError:
            wanted = text
        if numeric and isinstance(wanted, str):
            raise self._error(f"column '{column}' holds numbers", "a number")
        if not numeric:
            if symbol not in {"=", "!="} and any(v is not None for v in values):
                raise self._error(
                    f"column '{column}' holds text, which has no order", "= or !="
                )
            wanted = text
        compare = _COMPARE[symbol]
        return [value is not None and compare(value, wanted) for value in values]
