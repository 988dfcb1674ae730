"""A certificate authority of a test's own, and servers' certificates under it, made with openssl."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_DAYS = "2"


@dataclass(frozen=True)
class Certificate:
    certificate: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """Its files are in ``directory``."""

    directory: Path

    @classmethod
    def create(cls, directory: Path) -> "Authority":
        directory.mkdir()
        made = cls(directory)
        files = ("-keyout", str(made._key), "-out", str(made.certificate))
        usage = ("-addext", "keyUsage=critical,keyCertSign")
        _openssl("req", "-x509", *_KEY, "-days", _DAYS, "-subj", "/CN=eco2-test", *usage, *files)
        return made

    @property
    def certificate(self) -> Path:
        return self.directory / "ca.crt"

    @property
    def _key(self) -> Path:
        return self.directory / "ca.key"

    def issue(self, *names: str) -> Certificate:
        """A server's certificate for these DNS names."""
        file = self.directory / names[0]
        made = Certificate(file.with_name(f"{file.name}.crt"), file.with_name(f"{file.name}.key"))
        request, extensions = file.with_name(f"{file.name}.csr"), file.with_name(f"{file.name}.ext")
        alternatives = ",".join(f"DNS:{name}" for name in names)
        extensions.write_text(f"extendedKeyUsage=serverAuth\nsubjectAltName={alternatives}\n")
        _openssl("req", "-new", *_KEY, "-subj", "/CN=server", "-keyout", str(made.key), "-out", str(request))
        signer = ("-CA", str(self.certificate), "-CAkey", str(self._key), "-extfile", str(extensions))
        _openssl("x509", "-req", "-in", str(request), *signer, "-days", _DAYS, "-out", str(made.certificate))
        return made


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
