"""Labels of everything that this program makes, from one function."""

PART_OF = "eco2"


def selector(name: str, component: str) -> dict[str, str]:
    """The part of the labels that never changes; a Deployment's selector is immutable."""
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/component": component}


def labels(name: str, component: str) -> dict[str, str]:
    """``name`` is the application (``scan``), ``component`` is the part of it (``scan-api``, ``scan-worker``)."""
    return {
        **selector(name, component),
        "app.kubernetes.io/part-of": PART_OF,
        "app.kubernetes.io/managed-by": "pulumi",
    }
