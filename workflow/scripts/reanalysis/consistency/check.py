"""What one test of printed numbers says of one claim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of one test of a claim.

    ``outcome`` is ``impossible``, ``attainable`` or empty when the check decides
    nothing but is worth telling; ``details`` holds the numbers behind the reason.
    """

    claim_id: str
    family: str
    check: str
    outcome: str
    reason: str
    details: Mapping[str, object] = field(default_factory=dict)
