"""Round ticks and their labels, chosen before drawing so that none collide."""

from __future__ import annotations

import math
from collections.abc import Sequence


def linear_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return at most ``most`` round numbers from ``low`` to ``high``."""
    span = high - low
    if not span > 0:
        return [low]
    raw = span / max(most - 1, 1)
    scale = 10.0 ** math.floor(math.log10(raw))
    for step in (1, 2, 2.5, 5, 10, 20):
        size = step * scale
        first = math.ceil(low / size - 1e-9)
        last = math.floor(high / size + 1e-9)
        if last - first + 1 <= most:
            return [k * size for k in range(first, last + 1)]
    return [low, high]


def log_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return at most ``most`` round numbers of a logarithmic scale."""
    if high / low < 6:
        return [t for t in linear_ticks(low, high, most) if t > 0]
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1, 2, 5), (1, 3), (1,)):
        ticks = [
            d * 10.0**e
            for e in exponents
            for d in digits
            if low * (1 - 1e-9) <= d * 10.0**e <= high * (1 + 1e-9)
        ]
        if len(ticks) <= most:
            return ticks
    for every in range(2, len(ticks) + 1):
        # A tick at 1, where there is one, is kept.
        start = next((i for i, t in enumerate(ticks) if abs(t - 1) < 1e-9), 0) % every
        if len(ticks[start::every]) <= most:
            return ticks[start::every]
    return ticks[:most]


def tick_labels(ticks: Sequence[float]) -> list[str]:
    """Return the shortest texts that tell the ticks apart."""
    return [_plain(tick) for tick in ticks]


def _plain(x: float) -> str:
    if x == 0 or abs(x) < 1e-15:
        return "0"
    if abs(x) >= 1e5 or abs(x) < 1e-4:
        exponent = math.floor(math.log10(abs(x)) + 1e-9)
        digit = f"{x / 10.0**exponent:.3g}".replace("-", "\u2212")
        power = str(exponent).translate(_RAISED)
        return f"10{power}" if digit == "1" else f"{digit}\u00d710{power}"
    text = f"{x:.6g}"
    return text.replace("-", "\u2212")


_RAISED = str.maketrans(
    "-0123456789", "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"
)
