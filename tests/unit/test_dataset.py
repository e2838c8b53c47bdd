"""One table of a study, cell by cell."""

from __future__ import annotations

import pytest
import small_studies

from reanalysis.errors import InputError
from reanalysis.studies.dataset import Dataset


def table(tmp_path, columns, text, **declared):
    folder = small_studies.write(tmp_path / "s", {"t.csv": text, "study.yaml": ""})
    files = {path.name: path for path in folder.iterdir()}
    lost = declared.pop("lost", None)
    return Dataset(
        "t",
        {"file": "t.csv", "kind": "individual", "columns": columns, **declared},
        files,
        {"lost_to_follow_up": lost} if lost else {},
    )


def test_cells_become_what_their_role_says(tmp_path):
    columns = {
        "id": {"role": "id"},
        "t": {"role": "time"},
        "e": {"role": "event", "coding": {"0": "no", "1": "yes"}},
        "c": {"role": "event", "coding": ["death", "relapse"]},
        "v": {"role": "value"},
        "w": {"role": "value", "coding": ["1", "2"]},
        "x": {"role": "covariate"},
        "y": {"role": "covariate", "unit": "years"},
        "z": {"role": "covariate", "type": "number"},
        "s": {"role": "value", "type": "text"},
    }
    read = table(
        tmp_path,
        columns,
        "id,t,e,c,v,w,x,y,z,s\n01,2.50,1,death,-3,1,7,7,7,83.30\n2,,,,,,,,,\n",
    )
    assert {name: cells[0] for name, cells in read.columns.items()} == {
        "id": "01", "t": 2.5, "e": 1.0, "c": "death", "v": -3.0, "w": "1",
        "x": "7", "y": 7.0, "z": 7.0, "s": "83.30",
    }  # fmt: skip
    assert {cells[1] for name, cells in read.columns.items() if name != "id"} == {None}
    assert read.printed["t"][0] == "2.50", "as printed, for its rounding"


@pytest.mark.parametrize("extra", ["visit", "start", "cause", "cluster"])
def test_ids_may_repeat_where_rows_are_not_patients(tmp_path, extra):
    text = f"id,{extra}\na,1\na,2\n"
    columns = {"id": {"role": "id"}, extra: {"role": extra}}
    assert table(tmp_path, columns, text).rows == 2
    with pytest.raises(
        InputError, match=r"s/t\.csv, row 3, column 'id': an id stands twice"
    ):
        table(tmp_path / "x", {**columns, extra: {"role": "value"}}, text)


def test_awaited(tmp_path):
    columns = {"id": {"role": "id"}}
    assert table(tmp_path, columns, "id\n", awaited="One row.").rows == 0
    with pytest.raises(InputError, match="the table has no rows"):
        table(tmp_path / "x", columns, "id\n")


def test_lost_patients_where_the_table_has_the_column(tmp_path):
    columns = {"id": {"role": "id"}, "lost": {"role": "event"}}
    read = table(tmp_path, columns, "id,lost\na,1\nb,0\n", lost="lost = 1")
    assert read.lost == [True, False]
    other = table(tmp_path / "x", columns, "id,lost\na,1\nb,0\n", lost="gone = 1")
    assert other.lost == [False, False]


@pytest.mark.parametrize(
    ("role", "cell", "says"),
    [
        ("time", "-1", "a negative time"),
        ("sd", "-0.1", "a negative sd"),
        ("count", "1.5", "a count that is no whole number"),
        ("n", "-2", "a negative n"),
        ("exposure", "-2", "a negative exposure"),
        ("mean", "x", "text in a column of numbers"),
    ],
)
def test_what_a_role_refuses(tmp_path, role, cell, says):
    with pytest.raises(InputError, match=f"row 3, column 'x': {says}"):
        table(tmp_path, {"x": {"role": role}}, f"x\n1\n{cell}\n")
