import pytest

from lab.pulumi.kubernetes import kubeconfig
from lab.pulumi.kubernetes.kubeconfig import KubeconfigError

CONFIG = """
clusters: [{name: c, cluster: {server: "http://127.0.0.1:8001"}}]
users: [{name: u, user: {token: secret}}]
contexts: [{name: x, context: {cluster: c, user: u, namespace: scan}}, {name: y, context: {cluster: missing}}]
current-context: x
"""


@pytest.fixture(autouse=True)
def no_kubeconfig(monkeypatch, tmp_path):
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_a_kubeconfig_can_be_given_as_content_and_as_a_path(tmp_path):
    file = tmp_path / "config"
    file.write_text(CONFIG)
    assert kubeconfig.load(CONFIG) == kubeconfig.load(str(file))


def test_the_endpoint_is_the_current_contexts():
    endpoint = kubeconfig.endpoint(kubeconfig.load(CONFIG))
    assert (endpoint.url, endpoint.namespace) == ("http://127.0.0.1:8001", "scan")
    assert endpoint.headers == {"Authorization": "Bearer secret"}


def test_files_in_the_environment_are_merged_the_first_wins(monkeypatch, tmp_path):
    (tmp_path / "a").write_text("current-context: x\n" + CONFIG.replace("current-context: x", ""))
    (tmp_path / "b").write_text("current-context: other\nusers: [{name: v, user: {token: t}}]")
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'a'}:{tmp_path / 'missing'}:{tmp_path / 'b'}")
    merged = kubeconfig.load("")
    assert merged["current-context"] == "x"
    assert [user["name"] for user in merged["users"]] == ["u", "v"]


def test_paths_inside_are_relative_to_the_file(tmp_path):
    file = tmp_path / "config"
    file.write_text("users: [{name: u, user: {client-key: pki/admin.key}}]")
    assert kubeconfig.load(str(file))["users"][0]["user"]["client-key"] == str(tmp_path / "pki/admin.key")


@pytest.mark.parametrize(
    ("content", "context", "complaint"),
    [
        ("", "", "there is no kubeconfig"),
        ("just text", "", "neither a file nor"),
        ("a: [", "", "is not YAML"),
        ("clusters: []", "", "no current context"),
        (CONFIG, "z", "no context 'z'"),
        (CONFIG, "y", "no cluster 'missing'"),
        (CONFIG.replace("token: secret", "exec: {command: aws}"), "", "official Kubernetes plugin"),
    ],
)
def test_what_cannot_be_used_is_explained(content, context, complaint):
    with pytest.raises(KubeconfigError, match=complaint):
        kubeconfig.endpoint(kubeconfig.load(content), context=context)
