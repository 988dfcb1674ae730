"""How a field of the settings says which config key it is read from."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Key:
    """Marks a field as read from the config key ``name``. A secret's ``check`` runs where its value is first used."""

    name: str
    check: Callable[[str], str] = str
