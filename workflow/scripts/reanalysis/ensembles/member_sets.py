"""Members of one dataset: written to parquet, read back as sets of rows."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from reanalysis.job import whole_file
from reanalysis.survival.risk_sets import Floats

#: Columns of a member's rows, by what they hold; further ones are refused.
ROW_COLUMNS = ("id", "group", "time", "event", "before", "after")
_METADATA = b"reanalysis"


@dataclass(frozen=True, slots=True, eq=False)
class MemberSet:
    """Data sets that one prior gives (one set of a curve, with the prior "").

    ``rows``: one row per patient with ``member`` (0, 1, ...) and columns of
    :data:`ROW_COLUMNS`. ``weight`` (members,): 0 marks a data set that was sought out
    for an extreme value; it widens ranges and never a band. ``effective``: what the
    weighted members are worth in independent draws.
    """

    prior: str
    rows: pd.DataFrame
    weight: Floats
    effective: float

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Yield the rows of every member in turn."""
        columns = self.rows.drop(columns="member")
        ends = np.searchsorted(self.rows["member"], np.arange(len(self.weight) + 1))
        for first, last in itertools.pairwise(ends):
            yield columns.iloc[first:last].reset_index(drop=True)


def write_members(path: str | Path, sets: Sequence[MemberSet], kind: str) -> None:
    """Write the members of one dataset, all priors in one table.

    The file says of itself that its rows are no patients. Members are numbered
    through, from 0, over all priors.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts, start = [], 0
    for one in sets:
        weight = one.weight[one.rows["member"].to_numpy()]
        part = one.rows.assign(member=one.rows["member"] + start, weight=weight)
        parts.append(part.assign(prior=one.prior))
        start += len(one.weight)
    columns = ["member", "weight", "id", "group", "time", "event", "before", "after"]
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    given = [c for c in columns if c in frame] if parts else columns[:6]
    frame = frame.reindex(columns=[*given, "prior"])
    table = pa.Table.from_pandas(frame, preserve_index=False)
    said = {
        "kind": kind,
        "note": "Rows are members of an ensemble, not observed patients.",
        "effective": {one.prior: one.effective for one in sets},
    }
    table = table.replace_schema_metadata(
        {_METADATA: json.dumps(said, sort_keys=True).encode()}
    )
    with whole_file(path, "wb") as handle:
        pq.write_table(table, handle, compression="zstd")


def read_members(path: str | Path) -> list[MemberSet]:
    """Read what :func:`write_members` wrote; empty where no member was found."""
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    effective: Mapping = json.loads(table.schema.metadata[_METADATA])["effective"]
    frame = table.to_pandas()
    sets = []
    for prior in dict.fromkeys(frame["prior"]):
        rows = frame[frame["prior"] == prior].drop(columns="prior")
        first = rows.drop_duplicates("member")
        rows = rows.assign(member=rows["member"] - first["member"].iloc[0])
        sets.append(
            MemberSet(
                prior,
                rows.drop(columns="weight").reset_index(drop=True),
                first["weight"].to_numpy(),
                effective[prior],
            )
        )
    return sets
