"""Draw the curves of a study's patient rows as a figure of 600 pixels and click them.

    python benchmarks/redraw_curve.py data/freireich1963_6mp patients.csv \
        weeks relapse arm --ticks 0 5 10 15 20 25 30 35 --output remission_redrawn.csv

For a study whose patients are public: the clicks have the errors of a careful reader,
and what is rebuilt from them can be held against the truth. The table of numbers at
risk comes with them. The same seed gives the same file.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))
sys.path.insert(0, str(Path(__file__).parent))

from reconstruction import HIGH, LARGEST, WIDE, clicks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("table")
    parser.add_argument("time")
    parser.add_argument("event")
    parser.add_argument("group")
    parser.add_argument("--ticks", type=float, nargs="+", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rows = pd.read_csv(given.study / given.table)
    longest = float(rows[given.time].max())
    rng = np.random.default_rng(given.seed)
    lines = []
    for group, arm in rows.groupby(given.group, sort=False):
        time, event = arm[given.time].to_numpy(float), arm[given.event].to_numpy()
        t, s = clicks(time, event, longest, rng)
        points = zip(t, 100 * s, strict=True)
        lines += [(group, f"{x:.2f}", f"{y:.1f}", "") for x, y in points]
        lines += [
            (group, f"{tick:g}", "", int((time >= tick).sum())) for tick in given.ticks
        ]
    names = [given.group, given.time, "percent", "at_risk"]
    pd.DataFrame(lines, columns=names).to_csv(
        given.study / given.output, index=False, lineterminator="\n"
    )
    print(
        f"largest error: {100 * LARGEST / HIGH:.2f} per cent, "
        f"{LARGEST * longest / WIDE:.3f} in time"
    )


if __name__ == "__main__":
    main()
