"""The script that applies what was rendered: wave by wave, and each only once the one before has come to be.

An object whose definition is not there yet is refused, and a scan that is accepted before its queues are bound waits.
"""

import json
import shlex
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from lab.render.objects import PULUMI

SCRIPT = "apply.sh"
CONDITIONS = {"CustomResourceDefinition": "Established", "Deployment": "Available", "Job": "Complete"}
"""What `pulumi up` awaits of Kubernetes' own kinds. Of others it awaits what their annotation says."""
ROLLED_OUT = "StatefulSet"
_TIMEOUT = "10m"

_HEAD = f"""\
#!/bin/sh
# Applies the objects wave by wave, and waits for each wave's own: sh {SCRIPT}
# As often as you like. A wave whose kinds or webhooks are not served yet is tried again, a minute at most.
set -eu
cd "$(dirname "$0")"

apply() {{
  tries=12
  until kubectl apply --server-side --filename="$1"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || exit 1
    sleep 5
  done
}}
"""


def conditions(inputs: Mapping[str, Any]) -> list[str]:
    """The conditions in its status that an object has to have before what depends on it may come."""
    annotations = inputs["metadata"].get("annotations") or {}
    if annotations.get(f"{PULUMI}skipAwait") == "true":
        return []
    wanted = annotations.get(f"{PULUMI}waitFor")
    if wanted is None:
        return [CONDITIONS[inputs["kind"]]] if inputs["kind"] in CONDITIONS else []
    found = json.loads(wanted) if wanted.startswith("[") else [wanted]
    return [one.removeprefix("condition=") for one in found]


def script(objects: Mapping[str, Mapping[str, Any]]) -> str:
    """``objects`` are the planned inputs by the files of what is made of them, whose names sort by their waves."""
    waves: dict[str, list[str]] = defaultdict(list)
    for file in sorted(objects):
        waves[file.partition("/")[0]].append(file)
    lines = []
    for wave, files in waves.items():
        lines.append(f"\napply {wave}")
        awaited: dict[str, list[str]] = defaultdict(list)
        for file in files:
            for condition in conditions(objects[file]):
                awaited[condition].append(file)
        lines += [
            f"kubectl wait --for=condition={condition} --timeout={_TIMEOUT}{_arguments(named)}"
            for condition, named in sorted(awaited.items())
        ]
        rolled_out = [file for file in files if objects[file]["kind"] == ROLLED_OUT]
        lines += [f"kubectl rollout status --timeout={_TIMEOUT}{_arguments([file])}" for file in rolled_out]
    return "\n".join([_HEAD.rstrip(), *lines, ""])


def _arguments(files: list[str]) -> str:
    return "".join(f" --filename={shlex.quote(file)}" for file in files)
