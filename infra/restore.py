"""Gives brokers and databases that are made anew the volumes of those that were lost, and the brokers their Secrets.

    python -m infra.restore save FILE     before anything happens: FILE holds secrets
    python -m infra.restore bind FILE     after the loss, with the namespaces there and nothing running in them
    pulumi up --refresh

Needs kubectl with the cluster's administrator. Volumes outlive their claims where the StorageClass' reclaim policy is
Retain, as of gp3. The brokers' Secrets do not: on the volumes is the first user's password as it was, and the brokers
would be told another one. Namespaces that are gone as well are made first, by `pulumi up --target '**::namespace*'`.
What `pulumi destroy` takes away is no loss: it deletes the queues from the brokers before the brokers.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from infra.namespaces import POSTGRES, RABBITMQ, REDIS
from infra.rabbitmq import CLUSTER

SECRETS = (f"{CLUSTER}-erlang-cookie", f"{CLUSTER}-default-user")
"""The cluster operator makes them, and keeps those that it finds."""
KEEP_DATA = (RABBITMQ, REDIS, POSTGRES)

Object = dict[str, Any]


class RestoreError(Exception):
    """Why nothing was done, or no more than what was told."""


def portable(secret: Object) -> Object:
    """A Secret without what belongs to the cluster that it comes from."""
    metadata = {key: secret["metadata"].get(key) for key in ("name", "namespace", "labels")}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": secret["type"], "data": secret["data"]}


def left_behind(volumes: Iterable[Object]) -> list[Object]:
    """Volumes whose claim was in one of this stack's namespaces and is gone."""
    return [
        volume
        for volume in volumes
        if volume["status"]["phase"] == "Released" and volume["spec"]["claimRef"]["namespace"] in KEEP_DATA
    ]


def newest(volumes: Iterable[Object]) -> list[Object]:
    """One volume a claim: an older one was left behind by a stack before."""
    by_claim: dict[tuple[str, str], Object] = {}
    for volume in sorted(volumes, key=lambda one: str(one["metadata"]["creationTimestamp"])):
        claim = volume["spec"]["claimRef"]
        by_claim[claim["namespace"], claim["name"]] = volume
    return list(by_claim.values())


def claim_of(volume: Object) -> Object:
    """The claim that had the volume, for the same volume again."""
    spec, claim = volume["spec"], volume["spec"]["claimRef"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": claim["name"], "namespace": claim["namespace"]},
        "spec": {
            "accessModes": spec["accessModes"],
            "storageClassName": spec["storageClassName"],
            "resources": {"requests": {"storage": spec["capacity"]["storage"]}},
            "volumeName": volume["metadata"]["name"],
        },
    }


def save(file: Path) -> None:
    found = json.loads(kubectl("get", "secret", *SECRETS, f"--namespace={RABBITMQ}", "--output=json"))["items"]
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as output:
        json.dump({"apiVersion": "v1", "kind": "List", "items": [portable(secret) for secret in found]}, output)
    say(f"{file} has {' and '.join(SECRETS)}: keep it where secrets are kept")


def bind(file: Path) -> None:
    secrets = json.loads(file.read_text())
    volumes = newest(left_behind(json.loads(kubectl("get", "persistentvolumes", "--output=json"))["items"]))
    if not volumes:
        raise RestoreError(f"no volume was left behind in {', '.join(KEEP_DATA)}: there is nothing to bind")
    create(secrets)
    for volume in volumes:
        claim = claim_of(volume)
        # A volume remembers its claim by a number that no other one will ever have.
        free = json.dumps({"spec": {"claimRef": None}})
        kubectl("patch", "persistentvolume", volume["metadata"]["name"], "--type=merge", f"--patch={free}")
        create(claim)
        say(f"{claim['metadata']['namespace']}/{claim['metadata']['name']} has {volume['metadata']['name']}")


def create(manifest: Object) -> None:
    """Refused where it is there already: a running stack keeps what it has."""
    kubectl("create", "--filename=-", stdin=json.dumps(manifest))


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    done = subprocess.run(["kubectl", *arguments], input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RestoreError(f"kubectl {' '.join(arguments[:2])}: {done.stderr.strip()}")
    return done.stdout


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m infra.restore", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("save", "bind"))
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    try:
        (save if arguments.command == "save" else bind)(arguments.file)
    except (RestoreError, OSError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
