"""What the lab wrote down for those who use it."""

import os
import shlex

from tests.cluster.clients import ROOT, Shell, Stack

ENVIRONMENT = ROOT / ".lab" / "env"


def read_environment() -> dict[str, str]:
    """The variables that `.lab/env` exports."""
    lines = (shlex.split(line) for line in ENVIRONMENT.read_text().splitlines())
    pairs = (words[1].partition("=") for words in lines if words[:1] == ["export"])
    return {name: os.path.expandvars(value) for name, _, value in pairs}


def lab_stack(name: str = "dev") -> Stack:
    """The stack that the lab has deployed."""
    return Stack(Shell(read_environment()), name, ROOT / ".lab" / f"Pulumi.{name}.yaml")
