import pytest

from lab.pulumi.kubernetes.discovery import Resource, is_namespaced
from lab.pulumi.kubernetes.objects import Kind, dig, identifier, is_patch, kind_of, kind_of_token, split_identifier


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("kubernetes:core/v1:Namespace", Kind("", "v1", "Namespace")),
        ("kubernetes:apps/v1:Deployment", Kind("apps", "v1", "Deployment")),
        ("kubernetes:rabbitmq.com/v1beta1:Queue", Kind("rabbitmq.com", "v1beta1", "Queue")),
    ],
)
def test_a_type_token_names_a_kind(token, kind):
    assert kind_of_token(token) == kind


def test_tokens_of_components_are_no_kinds():
    with pytest.raises(ValueError, match="yaml/v2"):
        kind_of_token("aws:yaml/v2:ConfigFile")


def test_kinds_are_built_in_by_their_group():
    assert kind_of({"apiVersion": "v1", "kind": "Pod"}).built_in
    assert Kind("rbac.authorization.k8s.io", "v1", "Role").built_in
    assert not Kind("rabbitmq.com", "v1beta1", "Queue").built_in


def test_a_patch_is_told_from_an_object_by_its_token():
    assert is_patch("kubernetes:core/v1:ConfigMapPatch", {"kind": "ConfigMap"})
    assert not is_patch("kubernetes:core/v1:ConfigMap", {"kind": "ConfigMap"})


def test_an_id_is_read_as_it_is_written():
    for metadata in ({"name": "a", "namespace": "n"}, {"name": "a"}):
        obj = {"metadata": metadata}
        assert split_identifier(identifier(obj)) == (metadata.get("namespace", ""), "a")


def test_digging_beyond_what_is_there_finds_nothing():
    assert dig({"a": [{"b": 1}]}, "a", 0, "b") == 1
    assert dig({"a": [{"b": 1}]}, "a", 1, "b") is None
    assert dig({"a": "text"}, "a", "b") is None


def test_paths_follow_group_and_scope():
    queues = Resource(Kind("rabbitmq.com", "v1beta1", "Queue"), "queues", namespaced=True)
    nodes = Resource(Kind("", "v1", "Node"), "nodes", namespaced=False)
    assert queues.path("n", "q") == "/apis/rabbitmq.com/v1beta1/namespaces/n/queues/q"
    assert queues.path() == "/apis/rabbitmq.com/v1beta1/queues"
    assert nodes.path("ignored", "a") == "/api/v1/nodes/a"


def test_without_a_server_built_in_scopes_are_known_and_others_assumed():
    assert not is_namespaced(Kind("rbac.authorization.k8s.io", "v1", "ClusterRole"), None)
    assert is_namespaced(Kind("rabbitmq.com", "v1beta1", "Queue"), None)
