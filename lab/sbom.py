"""What an image is made of, as CycloneDX: its Python packages and its Debian packages, read out of its layers."""

import json
import re
import tarfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath
from typing import Any

from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

SCHEMA = SchemaVersion.V1_6

_DPKG_STATUS = "var/lib/dpkg/status"
_RELEASE = "usr/lib/os-release"
_OF_DEBIAN = "usr/lib/python3/"
"""Python packages below it are Debian packages, and are listed as those."""
_READ = re.compile(rf"{_DPKG_STATUS}|{_RELEASE}|(?!{_OF_DEBIAN}).+\.dist-info/METADATA")
_REMOVED = ".wh."
"""Begins the name of a file by which a layer says that one of the layers below is gone."""


@dataclass(frozen=True)
class Image:
    """What is read of an image archive."""

    name: str
    identity: str
    """The digest of its configuration, which names all of its layers by their content."""
    created: datetime
    files: Mapping[str, bytes]
    """The files that tell of packages, by path, as a container sees them."""


def sbom(archive: Path) -> str:
    """The bill of materials of an image archive. The same image gives the same text."""
    image = read(archive)
    root = Component(
        type=ComponentType.CONTAINER, name=image.name, version=f"sha256:{image.identity}", bom_ref=image.identity
    )
    components = [*python_packages(image.files), *debian_packages(image.files)]
    bom = Bom(
        serial_number=uuid.uuid5(uuid.NAMESPACE_OID, image.identity),
        metadata=BomMetaData(component=root, timestamp=image.created),
        components=components,
    )
    bom.register_dependency(root, components)
    return make_outputter(bom, OutputFormat.JSON, SCHEMA).output_as_string(indent=2)


def read(archive: Path) -> Image:
    """An archive as ``buildah push docker-archive:`` writes it."""
    with tarfile.open(archive) as tar:
        [manifest] = json.loads(_content(tar, "manifest.json"))
        config: dict[str, Any] = json.loads(_content(tar, manifest["Config"]))
        files: dict[str, bytes] = {}
        for layer in manifest["Layers"]:
            with tarfile.open(fileobj=tar.extractfile(layer)) as content:
                lay_over(files, content)
    return Image(
        name=manifest["RepoTags"][0].rpartition(":")[0],
        identity=manifest["Config"].removesuffix(".json"),
        created=datetime.fromisoformat(config["created"]),
        files=files,
    )


def lay_over(files: dict[str, bytes], layer: tarfile.TarFile) -> None:
    """Bring ``files`` to what they are with one more layer."""
    for member in layer:
        path = PurePosixPath(member.name)
        if path.name.startswith(_REMOVED):
            gone = str(path.with_name(path.name.removeprefix(_REMOVED)))
            for name in [name for name in files if name == gone or name.startswith(f"{gone}/")]:
                del files[name]
        elif member.isfile() and _READ.fullmatch(str(path)):
            files[str(path)] = _content(layer, member)


def python_packages(files: Mapping[str, bytes]) -> Iterator[Component]:
    """Those that pip has installed."""
    for path, content in files.items():
        if path.endswith("/METADATA"):
            about = HeaderParser().parsestr(content.decode())
            name, version = re.sub(r"[-_.]+", "-", about["Name"]).lower(), about["Version"]
            yield _component(PackageURL("pypi", None, name, version))


def debian_packages(files: Mapping[str, bytes]) -> Iterator[Component]:
    """Those that dpkg has installed."""
    release = dict(re.findall(r'^(ID|VERSION_ID)="?([^"\n]+)', files[_RELEASE].decode(), re.MULTILINE))
    distro = f"{release['ID']}-{release['VERSION_ID']}"
    for paragraph in files[_DPKG_STATUS].decode().strip().split("\n\n"):
        package = HeaderParser().parsestr(paragraph)
        if package["Status"].endswith(" installed"):
            where = {"arch": package["Architecture"], "distro": distro}
            yield _component(PackageURL("deb", release["ID"], package["Package"], package["Version"], where))


def _component(url: PackageURL) -> Component:
    return Component(type=ComponentType.LIBRARY, name=url.name, version=url.version, purl=url, bom_ref=url.to_string())


def _content(tar: tarfile.TarFile, member: str | tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    if file is None:
        raise ValueError(f"{member} is no file")
    return file.read()
