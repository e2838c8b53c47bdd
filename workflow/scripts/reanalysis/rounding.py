"""What a printed number says: the interval of true values that would be printed so."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from reanalysis.errors import InputError

RELATIONS = ("=", "<", ">", "~", "words")

#: Statistics whose value is a whole number by nature.
COUNTS = frozenset({"count", "n", "events", "number_at_risk", "observed_events"})

_NUMBER = re.compile(
    r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+|(?<=\d)\.)?(?:e[+-]?\d+)?", re.I
)
# Minus signs and the decimal point of some journals, as typesetters write them.
_TYPESET = str.maketrans({"\u2212": "-", "\u2013": "-", "\u00b7": ".", "\u2009": ""})


@dataclass(frozen=True, slots=True)
class Printed:
    """One printed number.

    ``low`` and ``high`` bound the true values that would be printed so; both
    ends belong to the interval except the printed end of ``<`` and ``>``.
    ``step`` is one unit of the last printed digit and ``digits`` its decimal
    place (2 for 0.05, 0 for 12, negative for 1e3). Words have no interval: all
    numbers are nan.
    """

    value: float
    low: float
    high: float
    relation: str = "="
    step: float = math.nan
    digits: int = 0

    def holds(self, low: float, high: float | None = None) -> bool:
        """Tell whether a value, or some value of a range, would be printed so.

        A billionth of the last digit is forgiven, so that noise in the last
        bits of a computed value at the very edge decides nothing.
        """
        high = low if high is None else high
        if math.isnan(low) or math.isnan(high) or self.relation == "words":
            return False
        if self.relation == "<":
            return low < self.value and high >= self.low
        if self.relation == ">":
            return high > self.value and low <= self.high
        slack = 1e-9 * self.step
        return low <= self.high + slack and high >= self.low - slack

    def counts(self, x: float) -> bool:
        """Tell whether a count is exactly the printed one (or obeys its < or >)."""
        if self.relation == "=":
            return x == self.value
        return self.holds(x)


def decimal(text: str) -> Decimal:
    """Return a printed number exactly, with its trailing zeros.

    Reads ``0.02``, ``.857``, ``+0.75``, ``4.2e-5`` and ``1,296``. Raises
    :class:`InputError` for anything else, a decimal comma among them.
    """
    plain = text.strip().translate(_TYPESET)
    if not plain or not any(map(str.isdigit, plain)) or not _NUMBER.fullmatch(plain):
        raise InputError(
            "this is not one plain number",
            column="value",
            value=text,
            expected="digits with a decimal point, such as 0.02, 1,296 or 4.2e-5",
        )
    return Decimal(plain.replace(",", ""))


def interval(
    printed: str, value: str, relation: str = "=", *, field: str = "estimate"
) -> Printed:
    """Return the interval of true values behind a printed number.

    ``printed`` is the text of the source and ``value`` the one number in it with
    all its digits. ``=`` gives half a unit of the last digit either side, closed,
    which covers rounding half up and half to even; ``~`` one unit more; ``<`` and
    ``>`` everything beyond the number. A ``p_value`` stays within [0, 1]. Raises
    :class:`InputError` for an unknown relation, for text that is no number and
    for a value that has lost digits the printed text has.
    """
    if relation not in RELATIONS:
        raise InputError(
            "unknown relation",
            column="relation",
            value=relation,
            expected="one of " + ", ".join(RELATIONS),
        )
    if relation == "words":
        return Printed(math.nan, math.nan, math.nan, relation)
    number = decimal(value)
    _refuse_lost_digits(printed, value, number)
    bottom, top = (0.0, 1.0) if field == "p_value" else (-math.inf, math.inf)
    if not bottom <= number <= top:
        raise InputError("a p-value lies between 0 and 1", column="value", value=value)
    exponent = number.as_tuple().exponent
    step = Decimal(1).scaleb(exponent)
    reach = step / 2 if relation == "=" else step * 3 / 2
    # Exact in decimal; the conversion to float is monotone, so a float that
    # rounds to the printed number is never left outside.
    low = bottom if relation == "<" else float(number - reach)
    high = top if relation == ">" else float(number + reach)
    if relation == "<":
        high = float(number)
    elif relation == ">":
        low = float(number)
    return Printed(
        value=float(number),
        low=max(low, bottom),
        high=min(high, top),
        relation=relation,
        step=float(step),
        digits=-exponent,
    )


def truncates(value: str, x: float) -> bool:
    """Tell whether ``x`` with its further digits cut off (not rounded) is ``value``."""
    number = decimal(value)
    step = float(Decimal(1).scaleb(number.as_tuple().exponent))
    shown, slack = abs(float(number)), 1e-9 * step
    if number and (number < 0) != (x < 0):
        return False
    return shown - slack <= abs(x) < shown + step - slack


def cut_off(printed: Printed) -> Printed:
    """Return the interval of true values that give the digits when cut off.

    Truncation leaves the digits up to one whole unit short of the value; a printed
    zero may stand for either sign. Inequalities and words are returned unchanged.
    """
    if printed.relation not in {"=", "~"}:
        return printed
    step = Decimal(repr(printed.step))
    value = Decimal(repr(printed.value))
    # The far end itself would be printed with the next digit.
    away = math.nextafter(float(abs(value) + step), 0)
    if value == 0:
        low, high = -away, away
    elif value > 0:
        low, high = printed.value, away
    else:
        low, high = -away, printed.value
    return replace(printed, low=low, high=high)


@dataclass(frozen=True, slots=True)
class Reading:
    """One number or phrase of a printed text, as the columns of a claim take it.

    ``value`` is empty for words. ``part`` says where a number stands in a range
    (``low`` or ``high``) and is empty otherwise; ``unit`` is ``%`` or empty. The
    signs for "at most" and "at least" give ``<`` and ``>`` with ``closed`` set.
    """

    value: str
    relation: str = "="
    unit: str = ""
    part: str = ""
    closed: bool = False


_FIGURE = (
    r"(?:\d{1,3}(?:[,\u2009\u202f]\d{3})+(?!\d)|\d+)?(?:[.\u00b7]\d+)?(?:e[+-]?\d+)?"
)
_RANGE = re.compile(
    rf"(?P<low>[+\u2212-]?{_FIGURE})\s*(?P<pl>%?)\s*(?:\u2013|-|~|\bto\b)\s*"
    rf"(?P<high>[+\u2212-]?{_FIGURE})\s*(?P<ph>%|per\s?cent\b)?",
    re.I,
)
_ONE = re.compile(
    rf"(?P<sign>[<>\u2264\u2265~\u2248\u2243]|=|less than|more than|about|at most|"
    rf"at least)?\s*(?P<value>(?<![\w.])[+\u2212-]?{_FIGURE})"
    rf"\s*(?P<percent>%|per\s?cent\b)?",
    re.I,
)
_SIGNS = {
    "<": ("<", False),
    "less than": ("<", False),
    "\u2264": ("<", True),
    "at most": ("<", True),
    ">": (">", False),
    "more than": (">", False),
    "\u2265": (">", True),
    "at least": (">", True),
    "~": ("~", False),
    "\u2248": ("~", False),
    "\u2243": ("~", False),
    "about": ("~", False),
}
#: What asterisks stand for where the source gives no other key.
STARS = {"*": 0.05, "**": 0.01, "***": 0.001, "****": 0.0001}
_PHRASE = re.compile(
    r"\b(?:not|non|no|in)[ -]?(?:statistically )?significan\w*|\bn\.?\s?s\.?(?!\w)",
    re.I,
)


def read(text: str) -> tuple[Reading, ...]:
    """Return what a printed text says, number by number, in its order.

    Reads per cent, thousands (comma or thin space), signs such as ``<`` and
    "about", typeset minus and point, ranges such as ``1.6-15.3`` and "9 to 32",
    asterisks and "not significant". Nothing is guessed beyond the text: digits
    inside a word (CD19) are no number.
    """
    plain = text.strip()
    stars = re.fullmatch(r"\*{1,4}", plain)
    if stars:
        return (Reading(repr(STARS[plain]), "<"),)
    found: list[tuple[int, Reading]] = []
    taken: list[tuple[int, int]] = []
    for match in _RANGE.finditer(plain):
        low, high = match["low"], match["high"]
        before = plain[match.start() - 1 : match.start()]
        if not (_has_digit(low) and _has_digit(high)) or _inside_word(before):
            continue
        unit = "%" if match["pl"] or match["ph"] else ""
        # A hyphen between two numbers separates them; only a second one is a sign.
        for part, number in (("low", low), ("high", high)):
            found.append((match.start(part), Reading(_plain(number), "=", unit, part)))
        taken.append(match.span())
    for match in _ONE.finditer(plain):
        at = match.start("value")
        if not _has_digit(match["value"]) or any(a <= at < b for a, b in taken):
            continue
        relation, closed = _SIGNS.get((match["sign"] or "").lower(), ("=", False))
        unit = "%" if match["percent"] else ""
        found.append((at, Reading(_plain(match["value"]), relation, unit, "", closed)))
    found.extend(
        (match.start(), Reading("", "words")) for match in _PHRASE.finditer(plain)
    )
    return tuple(reading for _, reading in sorted(found, key=lambda pair: pair[0]))


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))


def _inside_word(before: str) -> bool:
    return bool(before) and (before.isalnum() or before in "._")


def _plain(number: str) -> str:
    """Return a typeset number as plain digits, its trailing zeros kept."""
    return re.sub(r"[,\u202f]", "", number.strip().translate(_TYPESET))


def round_half_up(x: float, digits: int) -> str:
    """Return ``x`` to ``digits`` decimals, halves away from zero as journals do.

    The shortest decimal that reads back as ``x`` is rounded, so 0.285 gives 0.29
    although its binary value lies just below.
    """
    if abs(x) >= 1e15:  # no digits after the point are left in a float
        return f"{x:.0f}"
    rounded = Decimal(repr(float(x))).quantize(
        Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP
    )
    return f"{rounded or abs(rounded):f}"


def _refuse_lost_digits(printed: str, value: str, number: Decimal) -> None:
    """Refuse a value equal to a printed number but with fewer digits.

    A spreadsheet turns 12.0 into 12, and the interval would be ten times too wide.
    """
    found = []
    for match in _NUMBER.finditer(printed.translate(_TYPESET)):
        text = match.group().rstrip(".")
        if any(map(str.isdigit, text)):
            found.append(Decimal(text.replace(",", "")))
    # A dash between two numbers reads as a sign, hence the absolute values.
    same = [other for other in found if abs(other) == abs(number)]
    places = number.as_tuple().exponent
    if same and all(other.as_tuple().exponent != places for other in same):
        raise InputError(
            f"the value does not have the digits of the printed text {printed!r}",
            column="value",
            value=value,
            expected=str(abs(same[0])),
        )


def printed_interval(claim: Mapping) -> Printed:
    """Return the interval a printed number stands for.

    A single asterisk, which stands beside a double one, means that p is not
    below 0.01.
    """
    printed = interval(
        claim["printed"], claim["value"], claim["relation"], field=claim["field"]
    )
    text = claim["printed"].strip()
    if text.startswith("*") and not text.startswith("**") and printed.value == 0.05:
        return Printed(0.05, 0.01, 0.05, "<", printed.step, printed.digits)
    return printed
