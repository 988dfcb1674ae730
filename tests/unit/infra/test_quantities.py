"""Kubernetes quantities as numbers."""

import pytest

from infra.quantities import amount


@pytest.mark.parametrize(
    ("quantity", "number"), [("500m", 0.5), ("2", 2), ("1.5", 1.5), ("640Mi", 640 * 2**20), ("1Gi", 2**30), ("1G", 1e9)]
)
def test_a_quantity_is_read_in_cores_or_bytes(quantity: str, number: float) -> None:
    assert amount(quantity) == number


@pytest.mark.parametrize("text", ["", "1 Gi", "Gi", "1GB", "-1"])
def test_what_kubernetes_would_refuse_is_refused_here(text: str) -> None:
    with pytest.raises(ValueError, match="no Kubernetes quantity"):
        amount(text)
