"""What a page of results may load and run: its own text alone."""

from __future__ import annotations

import base64
import hashlib


def content_policy(style: str, script: str = "") -> str:
    """Return a Content-Security-Policy that allows this style, this script, no other.

    Nothing may be loaded but pictures that stand in the page itself; no other script
    runs, not even one that got into the page as text; no form is sent. ``style`` and
    ``script`` are all that stands between their tags.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "img-src data:",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'" if script else "script-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
