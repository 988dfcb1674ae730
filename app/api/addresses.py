"""Which addresses of pictures are handed on to the model. Nothing is fetched or resolved here."""

import ipaddress
import re
from http import HTTPStatus
from urllib.parse import urlsplit

from app.api.problems import Problem

URL_CHARACTERS = 2048

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_PRIVATE_ENDINGS = frozenset(
    ("localhost", "localdomain", "local", "internal", "intranet", "private", "corp", "home", "lan", "svc", "arpa")
)
"""Last labels of names that mean something only inside of a network (of a Kubernetes cluster, of a home)."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def check_image_url(url: str) -> None:
    """Raises ``Problem`` unless ``url`` is a https address of a host that may be public."""
    if len(url) > URL_CHARACTERS:
        raise _refused(f"is longer than {URL_CHARACTERS} characters")
    if _FORBIDDEN.search(url):
        raise _refused("holds spaces, control characters or backslashes")
    try:
        parts = urlsplit(url)
        host, has_port = parts.hostname, parts.port is not None
    except ValueError as error:
        raise _refused("is not a URL") from error
    if parts.scheme != "https":
        raise _refused("does not begin with https://")
    if parts.username is not None or parts.password is not None:
        raise _refused("holds credentials")
    if has_port and parts.port == 0:
        raise _refused("has no usable port")
    _check_host(host or "", is_bracketed="[" in parts.netloc)


def _check_host(host: str, *, is_bracketed: bool) -> None:
    if is_bracketed:
        _check_address(_ipv6(host))
        return
    name = _ascii(host).removesuffix(".")
    labels = name.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels) or len(name) > 253:
        raise _refused("has no valid host name")
    if _NUMBER.fullmatch(labels[-1]):
        _check_address(_ipv4(labels))
        return
    if len(labels) < 2 or labels[-1] in _PRIVATE_ENDINGS:
        raise _refused("points into a private network")


def _ascii(host: str) -> str:
    """The host as resolvers see it: wide digits and dots, for example, are ordinary ones to them."""
    try:
        return host.encode("idna").decode().lower()
    except UnicodeError as error:
        raise _refused("has no valid host name") from error


def _ipv6(host: str) -> Address:
    try:
        return ipaddress.IPv6Address(host)
    except ValueError as error:
        raise _refused("has no valid host name") from error


def _ipv4(labels: list[str]) -> Address:
    """An address in any of the notations that clients take: 1 to 4 numbers, decimal, octal or hexadecimal."""
    if len(labels) > 4 or not all(_NUMBER.fullmatch(label) for label in labels):
        raise _refused("has no valid host name")
    try:
        numbers = [_number(label) for label in labels]
        address = sum(number << 8 * (3 - place) for place, number in enumerate(numbers[:-1]))
        if any(number > 255 for number in numbers[:-1]) or numbers[-1] >= 256 ** (5 - len(numbers)):
            raise _refused("has no valid host name")
        return ipaddress.IPv4Address(address + numbers[-1])
    except ValueError as error:
        raise _refused("has no valid host name") from error


def _number(text: str) -> int:
    if text.startswith("0x"):
        return int(text[2:] or "0", 16)
    return int(text, 8) if text.startswith("0") and len(text) > 1 else int(text)


def _check_address(address: Address) -> None:
    for one in _with_embedded(address):
        if not one.is_global or one.is_multicast:
            raise _refused("points into a private network")


def _with_embedded(address: Address) -> list[Address]:
    """An address and the IPv4 addresses that it stands for in IPv6's transition mechanisms."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    embedded: list[Address] = [address]
    if address.sixtofour:
        embedded.append(address.sixtofour)
    if address.teredo:
        embedded.extend(address.teredo)
    if address in _NAT64:
        embedded.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return embedded


def _refused(reason: str) -> Problem:
    detail = f"image_url {reason}. A public https address of a picture is needed."
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "image-url-refused", detail)
