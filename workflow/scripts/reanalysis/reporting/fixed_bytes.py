"""Office files and archives that are the same bytes whenever they are made.

Word, PowerPoint and zip files carry the time of their making; two runs of the same
input would differ. Here every date is :data:`DATE` and every archive is written in
one order with one set of attributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from io import BytesIO
from typing import Protocol
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

#: The date of every file: the earliest a zip archive can hold.
DATE = datetime(1980, 1, 1)
#: Endings whose content is compressed already.
_PACKED = (".png", ".pdf", ".jpg", ".xlsx", ".docx", ".pptx")
#: The part that has to come first in an office file.
_TYPES = "[Content_Types].xml"


class _Office(Protocol):
    """A document of python-docx or a presentation of python-pptx."""

    core_properties: object

    def save(self, stream: BytesIO) -> None: ...


def archive(parts: Mapping[str, bytes]) -> bytes:
    """Return a zip archive of ``parts``, by name, in their order."""
    stream = BytesIO()
    with ZipFile(stream, "w") as made:
        for name, content in parts.items():
            entry = ZipInfo(name, DATE.timetuple()[:6])
            packed = name.lower().endswith(_PACKED)
            entry.compress_type = ZIP_STORED if packed else ZIP_DEFLATED
            entry.create_system = 3  # as on Unix, wherever it is made
            entry.external_attr = 0o644 << 16
            made.writestr(entry, content)
    return stream.getvalue()


def office_file(document: _Office, *, title: str, subject: str = "") -> bytes:
    """Return a Word or PowerPoint file; its properties name nobody and one date."""
    properties = document.core_properties
    properties.title = title
    properties.subject = subject
    properties.author = properties.last_modified_by = ""
    properties.comments = properties.keywords = properties.category = ""
    properties.created = properties.modified = properties.last_printed = DATE
    properties.revision = 1
    stream = BytesIO()
    document.save(stream)
    with ZipFile(stream) as made:
        names = sorted(made.namelist(), key=lambda name: (name != _TYPES, name))
        return archive({name: made.read(name) for name in names})
