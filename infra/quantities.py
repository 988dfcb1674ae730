"""Kubernetes quantities (``500m``, ``1Gi``) as numbers, so that settings can be compared."""

import re

_SUFFIXES = {
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
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)([a-zA-Z]*)")


def amount(quantity: str) -> float:
    """The quantity in cores or bytes. Raises ``ValueError`` with the accepted forms."""
    match = _QUANTITY.fullmatch(quantity)
    if match is None or match[2] not in _SUFFIXES:
        raise ValueError(f"{quantity!r} is no Kubernetes quantity. Write 500m or 2 for CPU, 512Mi or 1Gi for memory.")
    return float(match[1]) * _SUFFIXES[match[2]]
