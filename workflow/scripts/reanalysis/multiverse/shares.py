"""How much of the spread of a multiverse each choice accounts for.

Main effects of the choices are fitted to the estimates of all specifications by
least squares. Where combinations are missing the choices overlap, so each gets the
mean, over all orders in which they could enter, of what it adds to the explained
variance (Lindeman, Merenda and Gold 1980, section 4.4; the Shapley value of R
squared). On a full factorial that is its part of the analysis of variance. What main
effects leave is owed to choices acting together.

The library that has it (R's relaimpo) needs the Gram matrix only, and so does this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import factorial

import numpy as np

from reanalysis.data_set_arrays import Floats

#: Of the total variance: below it the estimates are all the same.
NOTHING = 1e-20


def shares(
    values: Floats, chosen: Mapping[str, Sequence[str]]
) -> tuple[dict[str, float], float]:
    """Return the share of the variance of each choice, and of choices together.

    ``values`` (specifications,) are finite; ``chosen`` names the option of each
    specification per choice. Choices that do not vary have no share. All shares are
    nan where the values do not vary, or no choice does.
    """
    varying = {name: o for name, o in chosen.items() if len(set(o)) > 1}
    y = np.asarray(values, float)
    y = y - y.mean() if len(y) else y
    total = float(y @ y)
    scale = float(np.abs(values).max(initial=0.0))
    if not varying or total <= NOTHING * max(scale, 1e-300) ** 2 * max(len(y), 1):
        return dict.fromkeys(varying, np.nan), np.nan
    columns, owner = [], []
    for number, options in enumerate(varying.values()):
        for option in sorted(set(options))[1:]:
            columns.append([float(o == option) for o in options])
            owner.append(number)
    x = np.array(columns).T
    x = x - x.mean(axis=0)
    gram, moment, of = x.T @ x, x.T @ y, np.array(owner)
    count = len(varying)
    explained = np.zeros(2**count)
    for subset in range(1, 2**count):
        held = (subset >> of) & 1 == 1
        part = np.linalg.pinv(gram[np.ix_(held, held)], rcond=1e-10, hermitian=True)
        explained[subset] = moment[held] @ part @ moment[held] / total
    found = {}
    for number, name in enumerate(varying):
        share = 0.0
        for subset in range(2**count):
            if not subset >> number & 1:
                size = subset.bit_count()
                weight = factorial(size) * factorial(count - size - 1)
                added = explained[subset | 1 << number] - explained[subset]
                share += weight / factorial(count) * added
        found[name] = max(float(share), 0.0)
    return found, max(float(1 - explained[-1]), 0.0)
