"""The bill of materials, of a small archive in the form in which buildah writes the app's."""

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from cyclonedx.validation.json import JsonStrictValidator

from lab.sbom import SCHEMA, sbom

STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.41-12
Description: C library
 on several lines

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1
"""
BASE = {
    "var/lib/dpkg/status": STATUS,
    "usr/lib/os-release": 'NAME="Debian"\nVERSION_ID="13"\nID=debian\n',
    "usr/lib/python3/dist-packages/pip-25.dist-info/METADATA": "Name: pip\nVersion: 25\n",
    "opt/app/lib/old-1.dist-info/METADATA": "Name: old\nVersion: 1\n",
}
PACKAGES = {
    "opt/app/lib/Grpc_Io-1.2.dist-info/METADATA": "Name: Grpc_Io\nVersion: 1.2\n\nName: in the text\n",
    "opt/app/lib/.wh.old-1.dist-info": "",
}


def packed(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    layers = [packed({name: text.encode() for name, text in files.items()}) for files in (BASE, PACKAGES)]
    manifest = [{"Config": "0a1b.json", "RepoTags": ["localhost/eco2/app:0a"], "Layers": ["0.tar", "1.tar"]}]
    file = tmp_path / "image.tar"
    file.write_bytes(
        packed(
            {
                "0.tar": layers[0],
                "1.tar": layers[1],
                "0a1b.json": json.dumps({"created": "2026-01-02T03:04:05.678901234Z"}).encode(),
                "manifest.json": json.dumps(manifest).encode(),
            }
        )
    )
    return file


def test_it_holds_what_a_container_has_of_both_kinds_and_nothing_else(archive: Path) -> None:
    document = json.loads(sbom(archive))
    assert {component["purl"] for component in document["components"]} == {
        "pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=debian-13",
        "pkg:pypi/grpc-io@1.2",
    }
    assert document["metadata"]["component"]["version"] == "sha256:0a1b"


def test_it_is_what_the_schema_of_cyclonedx_asks_for(archive: Path) -> None:
    assert JsonStrictValidator(SCHEMA).validate_str(sbom(archive)) is None
    broken = sbom(archive).replace('"type": "container"', '"type": "box"')
    assert JsonStrictValidator(SCHEMA).validate_str(broken) is not None, "the validator looks at nothing"


def test_the_same_image_gives_the_same_text(archive: Path) -> None:
    assert sbom(archive) == sbom(archive)
