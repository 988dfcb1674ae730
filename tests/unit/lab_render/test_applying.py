import subprocess
from pathlib import Path
from typing import Any

import pytest

from lab.render.applying import conditions, script


def an_object(kind: str, **annotations: str) -> dict[str, Any]:
    named = {name.replace("_", ".").replace("..", "/"): value for name, value in annotations.items()}
    return {"kind": kind, "metadata": {"name": "one", "annotations": named}}


@pytest.mark.parametrize(
    ("inputs", "wanted"),
    [
        (an_object("Queue", pulumi_com__waitFor="condition=Ready"), ["Ready"]),
        (an_object("RabbitmqCluster", pulumi_com__waitFor='["condition=A", "condition=B"]'), ["A", "B"]),
        (an_object("Job"), ["Complete"]),
        (an_object("Deployment"), ["Available"]),
        (an_object("Deployment", pulumi_com__skipAwait="true"), []),
        (an_object("ConfigMap"), []),
        ({"kind": "CustomResourceDefinition", "metadata": {"name": "one"}}, ["Established"]),
    ],
)
def test_what_an_update_awaits_is_awaited(inputs: dict[str, Any], wanted: list[str]) -> None:
    assert conditions(inputs) == wanted


def test_a_wave_is_applied_once_what_is_awaited_of_the_one_before_has_come(tmp_path: Path) -> None:
    objects = {
        "wave-10/deployment.scan.api.yaml": an_object("Deployment"),
        "wave-02/queue.rabbitmq.one.yaml": an_object("Queue", pulumi_com__waitFor="condition=Ready"),
        "wave-02/queue.rabbitmq.two.yaml": an_object("Queue", pulumi_com__waitFor="condition=Ready"),
        "wave-02/statefulset.redis.redis.yaml": an_object("StatefulSet"),
    }
    (tmp_path / "kubectl").write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/calls\n')
    (tmp_path / "kubectl").chmod(0o755)
    (tmp_path / "apply.sh").write_text(script(objects))
    subprocess.run(["sh", tmp_path / "apply.sh"], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True)
    assert (tmp_path / "calls").read_text().splitlines() == [
        "apply --server-side --filename=wave-02",
        "wait --for=condition=Ready --timeout=10m --filename=wave-02/queue.rabbitmq.one.yaml "
        "--filename=wave-02/queue.rabbitmq.two.yaml",
        "rollout status --timeout=10m --filename=wave-02/statefulset.redis.redis.yaml",
        "apply --server-side --filename=wave-10",
        "wait --for=condition=Available --timeout=10m --filename=wave-10/deployment.scan.api.yaml",
    ]


def test_what_is_refused_for_good_ends_the_script(tmp_path: Path) -> None:
    for name, body in {"kubectl": "exit 1", "sleep": "exit 0"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "apply.sh").write_text(script({"wave-00/namespace.one.yaml": an_object("Namespace")}))
    done = subprocess.run(["sh", tmp_path / "apply.sh"], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False)
    assert done.returncode == 1
