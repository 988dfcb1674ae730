"""Manifests of others, pinned by checksum: fetched once, verified on every read, parsed into objects.

    python -m infra.manifests pin --stack dev

downloads the operators' manifests, prints their checksums and writes them into the stack's file. Look at what was
downloaded before you commit that.
"""

import argparse
import hashlib
import re
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import yaml

MAX_BYTES = 5 * 1024 * 1024
"""The largest manifest here has 4.2 MB."""
DOWNLOAD_TIMEOUT_SECONDS = 30
CACHE = Path.home() / ".cache" / "eco2" / "manifests"
PROJECT_ROOT = Path(__file__).resolve().parent.parent

PINNED_KEYS = ("clusterOperatorManifest", "topologyOperatorManifest", "prometheusOperatorManifest")

KubernetesObject = dict[str, Any]


class Loader(yaml.CSafeLoader):
    """In C, which takes a second for the largest manifest."""


def _text(loader: Loader, node: yaml.ScalarNode) -> str:
    """YAML 1.1 has a type of its own for a bare ``=``, which PyYAML knows and cannot make. Everybody means the text."""
    return str(node.value)


Loader.add_constructor("tag:yaml.org,2002:value", _text)


class ManifestError(pulumi.RunError):
    """A manifest that cannot be had or is not the pinned one. Ends the program without a trace."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Where a manifest is and what it must be. ``key`` is the setting that errors name."""

    key: str
    location: str
    """URL or file; a relative file is taken from ``root``."""
    sha256: str
    root: Path = PROJECT_ROOT
    cache: Path = CACHE

    def objects(self) -> list[KubernetesObject]:
        """Raises ``ManifestError`` when the manifest is missing, too large, not pinned, or another one than pinned."""
        documents = yaml.load_all(self._verified(), Loader=Loader)
        return [document for document in documents if document]

    def _verified(self) -> bytes:
        if not self.sha256:
            raise ManifestError(
                f"{self.key}Sha256 is empty: nobody has vouched for {self.location} yet. "
                "Pin it: python -m infra.manifests pin --stack <stack>"
            )
        cached = self.cache / f"{self.sha256}.yaml"
        if is_url(self.location) and cached.is_file() and digest(body := cached.read_bytes()) == self.sha256:
            return body
        body = read(self.location, self.root)
        if digest(body) != self.sha256:
            raise ManifestError(
                f"{self.location} has the checksum {digest(body)}, but {self.key}Sha256 is {self.sha256}. "
                "If the change is wanted, look at it and pin it: python -m infra.manifests pin --stack <stack>"
            )
        if is_url(self.location):
            self._store(cached, body)
        return body

    def _store(self, cached: Path, body: bytes) -> None:
        """Renamed into place, so that a second run beside this one never reads half a file."""
        cached.parent.mkdir(parents=True, exist_ok=True)
        unfinished = cached.with_suffix(".unfinished")
        unfinished.write_bytes(body)
        unfinished.replace(cached)


def is_url(location: str) -> bool:
    return location.startswith(("https://", "http://"))


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def read(location: str, root: Path = PROJECT_ROOT) -> bytes:
    """The manifest's bytes. Raises ``ManifestError`` when there is none or it is larger than ``MAX_BYTES``."""
    try:
        body = _download(location) if is_url(location) else (root / location).read_bytes()
    except (OSError, urllib.error.URLError) as error:
        raise ManifestError(f"Cannot read the manifest {location}: {error}") from error
    if len(body) > MAX_BYTES:
        raise ManifestError(f"{location} is larger than {MAX_BYTES} bytes, which no operator's manifest is.")
    return body


def _download(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=DOWNLOAD_TIMEOUT_SECONDS) as response:
        return bytes(response.read(MAX_BYTES + 1))


def pin(stack: str, root: Path = PROJECT_ROOT) -> dict[str, str]:
    """Writes the checksum of each operator's manifest into ``Pulumi.<stack>.yaml``; returns them by config key."""
    stack_file = root / f"Pulumi.{stack}.yaml"
    schema = yaml.safe_load((root / "Pulumi.yaml").read_text())["config"]
    text = stack_file.read_text()
    values = yaml.safe_load(text)["config"]
    checksums = {}
    for key in PINNED_KEYS:
        location = values.get(f"eco2:{key}", schema[key]["default"])
        checksums[f"{key}Sha256"] = digest(read(location, root))
    for key, checksum in checksums.items():
        text = with_value(text, f"eco2:{key}", checksum)
    stack_file.write_text(text)
    return checksums


def with_value(stack_file: str, key: str, value: str) -> str:
    """The stack file's text with one value set; edited as text, so that its comments stay."""
    line = f'  {key}: "{value}"'
    changed, count = re.subn(rf"^  {re.escape(key)}:.*$", line, stack_file, flags=re.MULTILINE)
    # At the end of the file there may be another section, the encryption salt.
    return changed if count else re.sub(r"^config:.*$", f"config:\n{line}", stack_file, count=1, flags=re.MULTILINE)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.manifests", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="pin")
    command = commands.add_parser("pin", help="write the checksums of the operators' manifests into the stack's file")
    command.add_argument("--stack", required=True)
    stack = parser.parse_args().stack
    try:
        checksums = pin(stack)
    except (ManifestError, OSError) as error:
        sys.exit(str(error))
    sys.stdout.writelines(f"{key}: {checksum}\n" for key, checksum in checksums.items())


if __name__ == "__main__":
    main()
