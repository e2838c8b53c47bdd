"""Office files and archives: the same bytes at any time, and they can be opened."""

from __future__ import annotations

import io
import time
import zipfile
from datetime import datetime

import docx
import pptx
import pytest

from reanalysis.reporting.fixed_bytes import DATE, archive, office_file


def _letter():
    document = docx.Document()
    document.add_paragraph("Dear Dr Nobody")
    return document


@pytest.mark.parametrize("make", [_letter, pptx.Presentation])
def test_two_files_made_at_different_times_are_the_same(make, monkeypatch):
    first = office_file(make(), title="A title")
    monkeypatch.setattr(time, "time", lambda: 2e9)
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(2e9))
    assert office_file(make(), title="A title") == first
    assert office_file(make(), title="Another") != first


def test_the_file_opens_and_names_nobody():
    content = office_file(_letter(), title="A title", subject="of the letter")
    opened = docx.Document(io.BytesIO(content))
    properties = opened.core_properties
    assert (properties.title, properties.subject) == ("A title", "of the letter")
    assert (properties.author, properties.last_modified_by) == ("", "")
    assert properties.created.replace(tzinfo=None) == DATE == datetime(1980, 1, 1)
    assert [p.text for p in opened.paragraphs] == ["Dear Dr Nobody"]


def test_an_archive_keeps_order_content_and_one_date():
    parts = {"z.txt": b"last" * 99, "a.png": b"\x89PNG", "mid/b.csv": b""}
    with zipfile.ZipFile(io.BytesIO(archive(parts))) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == list(parts)
        assert {name: opened.read(name) for name in parts} == parts
        assert {entry.date_time for entry in opened.infolist()} == {
            (1980, 1, 1, 0, 0, 0)
        }
        stored = {e.filename for e in opened.infolist() if e.compress_type == 0}
    assert stored == {"a.png"}, "a picture is compressed already"
