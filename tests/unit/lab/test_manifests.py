"""The operators' manifests as their releases have them."""

from lab.manifests import released


def test_an_operators_image_has_the_tag_of_its_release() -> None:
    kustomized = "containers:\n- image: rabbitmqoperator/cluster-operator:latest\n"
    assert "image: rabbitmqoperator/cluster-operator:2.16.0\n" in released(kustomized, "v2.16.0")
