import subprocess
from base64 import b64encode
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.render import secrets
from lab.stack_file import SECRETS
from tests.unit.lab_render.conftest import Make

HARMLESS_TO_A_SHELL = "a'b\"c$HOME`id` \\d"


def base64(text: str) -> str:
    return b64encode(text.encode()).decode()


@pytest.mark.parametrize("key", SECRETS)
def test_a_marker_looks_like_a_password_so_that_no_check_refuses_it(key: str) -> None:
    marker = secrets.marker(f"eco2:{key}")
    assert marker.replace("-", "").isalpha()
    assert len(marker) >= 16


def test_a_value_of_a_secret_in_another_object_is_an_error(make: Make) -> None:
    leaking = make("ConfigMap", "c", data={"url": f"redis://:{secrets.marker('redisPassword')}@redis"})
    with pytest.raises(LabError, match="ConfigMap c"):
        secrets.check_clean([leaking])
    secrets.check_clean([make("Secret", "s", data={"a": base64(secrets.marker("redisPassword"))})])


def test_every_variable_is_explained_and_empty() -> None:
    text = secrets.example(["redisPassword"], {"redisPassword": "Password of Redis"})
    assert "# Password of Redis (redisPassword)\nREDIS_PASSWORD=\n" in text


def run(tmp_path: Path, script: str, variables: str) -> subprocess.CompletedProcess[str]:
    """With a kubectl that prints its arguments, what it is given and the files that it is pointed to."""
    kubectl = tmp_path / "bin" / "kubectl"
    kubectl.parent.mkdir()
    kubectl.write_text(
        "#!/bin/sh\n"
        'printf "kubectl %s\\n" "$*" >&2\n'
        'for word; do case "$word" in --from-file=*) cd "${word#*=}"\n'
        'for file in *; do echo "[$file]$(cat "$file")"; done;; esac; done\n'
        'case "$*" in *--filename=-) cat;; esac\n'
    )
    kubectl.chmod(0o755)
    (tmp_path / "secrets.env").write_text(variables)
    (tmp_path / secrets.SCRIPT).write_text(script)
    return subprocess.run(
        ["sh", secrets.SCRIPT, "secrets.env"],
        cwd=tmp_path,
        env={"PATH": f"{kubectl.parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_script_makes_each_secret_of_the_values_and_shows_none_in_an_argument(make: Make, tmp_path: Path) -> None:
    data = {
        "password": base64(secrets.marker("redisPassword")),
        "auth.conf": base64(f"requirepass {secrets.marker('redisPassword')}\n"),
        "odd": base64(HARMLESS_TO_A_SHELL),
    }
    secret = make("Secret", "redis", namespace="redis", data=data)
    script = secrets.script([secret], ["redisPassword"], ["wave-00/namespace.redis.yaml"])

    done = run(tmp_path, script, "REDIS_PASSWORD='p$1\"x'\n")

    assert done.returncode == 0, done.stderr
    assert done.stdout == f'[auth.conf]requirepass p$1"x\n[odd]{HARMLESS_TO_A_SHELL}\n[password]p$1"x\n'
    assert "p$1" not in done.stderr, "arguments can be seen by every user of the machine"
    assert "--filename=wave-00/namespace.redis.yaml" in done.stderr.splitlines()[0], "the namespace comes first"


def test_the_script_refuses_a_file_that_leaves_a_value_out(make: Make, tmp_path: Path) -> None:
    secret = make("Secret", "model", namespace="scan", data={"apiKey": base64(secrets.marker("modelApiKey"))})
    done = run(tmp_path, secrets.script([secret], ["modelApiKey"], []), "MODEL_API_KEY=\n")
    assert done.returncode != 0
    assert "MODEL_API_KEY: is not set in" in done.stderr
    assert not done.stdout


def test_a_secret_of_another_type_is_refused(make: Make) -> None:
    with pytest.raises(LabError, match=r"Secret n/s is of type kubernetes\.io/tls"):
        secrets.script([make("Secret", "s", namespace="n", type="kubernetes.io/tls")], [], [])
