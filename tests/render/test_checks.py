"""What the public checkers of manifests say about both stacks: nothing."""

from pathlib import Path

from tests.render.checkers import checkov, kube_score, kubeconform
from tests.render.schemas import LOCATION, write_schemas

NOT_ASKED_OF_KUBE_SCORE = {
    "pod-probes-identical": "a server that stays in its Service while a neighbour is away has nothing to be asked but "
    "whether it lives, and Redis nothing but PING: readiness and liveness differ in patience, which this check ignores",
}
NOT_ASKED_OF_CHECKOV = {
    "CKV_K8S_43": "a digest is known to who has pushed the image: every image is a setting that takes one, and a tag "
    "that can move (latest) is refused",
    "CKV_K8S_35": "the app takes its settings from the environment, secrets by reference to a Secret; its pods run one "
    "process, without a shell's history, a token or another user who could read it",
}


def test_every_object_satisfies_the_schema_of_its_kind(tree: Path, tmp_path: Path) -> None:
    write_schemas(tree, tmp_path)
    assert kubeconform(tree, f"{tmp_path}/{LOCATION}") == []


def test_an_object_with_a_field_that_nobody_knows_would_be_seen(tree: Path, tmp_path: Path) -> None:
    write_schemas(tree, tmp_path)
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    for number, file in enumerate(("service.scan.scan-api.yaml", "queue.rabbitmq.celery.yaml")):
        (found,) = tree.rglob(file)
        (wrong / f"{number}.yaml").write_text(found.read_text().replace("\nspec:\n", "\nspec:\n  portz: []\n"))
    assert len(kubeconform(wrong, f"{tmp_path}/{LOCATION}")) == 2


def test_kube_score_finds_nothing_critical(tree: Path) -> None:
    assert kube_score(tree, NOT_ASKED_OF_KUBE_SCORE) == []


def test_checkov_finds_nothing(tree: Path) -> None:
    assert checkov(tree, NOT_ASKED_OF_CHECKOV) == []
