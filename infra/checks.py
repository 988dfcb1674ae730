"""Checks of settings. Each message has the value, the limit, and the harm or the way out."""

import re
import ssl
from collections.abc import Mapping

import pulumi

from infra.quantities import amount
from infra.resources import Resources

DIGEST = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")
"""An image by its content, with or without a tag."""

PASSWORD = re.compile(r"[A-Za-z0-9._~+/=-]{16,}")
"""What needs no quoting in a configuration file, and is too long to be guessed from a digest."""


class SettingsError(pulumi.RunError):
    """A value that cannot work: the value, the limit and what to do. It ends the program without a stack trace."""


def check_password(name: str, value: str) -> str:
    if PASSWORD.fullmatch(value) is None:
        raise SettingsError(
            f"{name} must be 16 or more of the characters A-Z a-z 0-9 . _ ~ + / = -. "
            f"Use: pulumi config set --secret {name} $(openssl rand -hex 24)"
        )
    return value


def check_store_password(name: str, value: str, *, refused: str) -> str:
    """A password that a store of AWS takes as well: without the characters ``refused``."""
    if found := sorted(set(value) & set(refused)):
        raise SettingsError(
            f"{name} must be without {' '.join(found)}, which AWS refuses. "
            f"Use: pulumi config set --secret {name} $(openssl rand -hex 24)"
        )
    return value


def check_at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise SettingsError(f"{name} must be {least} or more (got {value}).")


def check_above(name: str, value: int, lower_name: str, lower: int) -> None:
    if value <= lower:
        raise SettingsError(f"{name} ({value}) must be above {lower_name} ({lower}): there would be nothing to decide.")


def check_one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise SettingsError(f"{name} must be one of {', '.join(allowed)} (got {value!r}).")


def check_image(image: str) -> None:
    """An empty image is one that a manifest names."""
    tag = image.rpartition("/")[2].partition(":")[2]
    if image and "@" not in image and tag in ("", "latest"):
        raise SettingsError(
            f"Image {image!r} needs a tag other than latest, or a digest: "
            "what a moving tag means differs from node to node and cannot be rolled back."
        )
    if "@" in image and DIGEST.fullmatch(image) is None:
        raise SettingsError(f"Image {image!r} needs a whole digest after its @: sha256: and 64 characters 0-9 a-f.")


def check_digests(images: Mapping[str, str]) -> None:
    """Images by their keys: each one must be given by its content."""
    loose = {key: image for key, image in images.items() if "@" not in image}
    if loose:
        listed = ", ".join(f"{key} ({image or 'empty: by a tag, in its manifest'})" for key, image in loose.items())
        raise SettingsError(
            f"imageDigests is required, and these have none: {listed}. Whoever may write to a registry can give a tag "
            "another content. Use: pulumi config set KEY NAME:TAG@sha256:…, with the digest that "
            "`docker buildx imagetools inspect NAME:TAG` or `crane digest NAME:TAG` prints."
        )


def check_certificates(name: str, pem: str) -> None:
    """Certificates alone: what is checked here is not kept as a secret."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError, TypeError) as error:
        raise SettingsError(f"{name} is no PEM certificate ({error}). Use: pulumi config set {name} < ca.crt") from None
    if "PRIVATE KEY" in pem:
        raise SettingsError(f"{name} has a private key in it, and everybody may read it. Keep the certificates alone.")


def check_resources(prefix: str, resources: Resources) -> None:
    for kind in ("cpu", "memory"):
        request, limit = getattr(resources, f"{kind}_request"), getattr(resources, f"{kind}_limit")
        names = f"{prefix}{kind.capitalize()}Request", f"{prefix}{kind.capitalize()}Limit"
        if quantity(names[0], request) > quantity(names[1], limit):
            raise SettingsError(
                f"{names[0]} ({request}) is above {names[1]} ({limit}): the cluster would refuse the pod."
            )


def quantity(name: str, value: str) -> float:
    try:
        return amount(value)
    except ValueError as error:
        raise SettingsError(f"{name}: {error}") from error
