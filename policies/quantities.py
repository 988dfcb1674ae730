"""Kubernetes quantities as numbers."""

import re
from typing import Any

SUFFIXES = {
    "": 1.0,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
}
QUANTITY = re.compile(rf"(\d+(?:\.\d+)?)({'|'.join(SUFFIXES)})")


def amount(quantity: Any) -> float | None:
    """``500m`` or ``1Gi`` in cores or bytes; None for what is no quantity."""
    match = QUANTITY.fullmatch(str(quantity))
    return float(match[1]) * SUFFIXES[match[2]] if match else None
