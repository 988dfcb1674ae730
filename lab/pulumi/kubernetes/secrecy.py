"""Carry secrecy over from what came in to what goes out, so that a secret is never stored or shown in clear."""

from typing import Any

from lab.pulumi.kubernetes.objects import Object
from lab.pulumi.kubernetes.values import Secret, has_secret

SECRET_FIELDS = ("data", "stringData")


def marked(out: Object, source: Object) -> Object:
    """A copy of ``out`` in which every value is secret that is secret in ``source``, as is all data of a Secret.

    A list is secret as a whole when an entry of the source's is: entries may have changed places.
    """
    result: Object = {key: _marked_value(value, source.get(key)) for key, value in out.items()}
    if result.get("kind") == "Secret":
        result |= {key: _secret(result[key]) for key in SECRET_FIELDS if key in result}
    return result


def _marked_value(value: Any, source: Any) -> Any:
    if isinstance(value, dict) and (source is None or isinstance(source, dict)):
        return marked(value, source or {})
    return _secret(value) if has_secret(source) else value


def _secret(value: Any) -> Secret:
    return value if isinstance(value, Secret) else Secret(value)
