import pytest

from lab.pulumi.kubernetes.differences import differences
from lab.pulumi.kubernetes.replacements import fixed_paths, replaces


def replaced(kind, old, new, **settings):
    api_version, name = kind
    inputs = {"apiVersion": api_version, "kind": name} | new
    fixed = fixed_paths(inputs, **settings)
    return any(replaces(item, fixed) for item in differences(old, new))


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (("apps/v1", "Deployment"), "selector"),
        (("apps/v1", "StatefulSet"), "volumeClaimTemplates"),
        (("batch/v1", "Job"), "template"),
        (("v1", "Service"), "clusterIP"),
        (("v1", "PersistentVolumeClaim"), "storageClassName"),
    ],
)
def test_what_cannot_change_replaces_the_object(kind, path):
    assert replaced(kind, {"spec": {path: "a"}}, {"spec": {path: "b"}})
    assert not replaced(kind, {"spec": {"other": "a"}}, {"spec": {"other": "b"}})


def test_another_name_or_namespace_is_another_object():
    for key in ("name", "namespace"):
        assert replaced(("any.example/v1", "Thing"), {"metadata": {key: "a"}}, {"metadata": {key: "b"}})


def test_a_pods_image_replaces_it():
    old, new = ({"spec": {"containers": [{"image": image}]}} for image in "ab")
    assert replaced(("v1", "Pod"), old, new)


def test_the_role_of_a_binding_is_fixed():
    assert replaced(
        ("rbac.authorization.k8s.io/v1", "RoleBinding"), {"roleRef": {"name": "a"}}, {"roleRef": {"name": "b"}}
    )


@pytest.mark.parametrize(("kind", "setting"), [("ConfigMap", "mutable_config_maps"), ("Secret", "mutable_secrets")])
def test_data_is_fixed_unless_the_provider_or_nobody_says_otherwise(kind, setting):
    old, new = ({"data": {"a": value}} for value in "xy")
    assert replaced(("v1", kind), old, new), "pods that mount it under an automatic name would not be rolled out"
    assert not replaced(("v1", kind), old, new, **{setting: True})
    assert replaced(("v1", kind), old, new | {"immutable": True}, **{setting: True}), "the API server refuses it"
