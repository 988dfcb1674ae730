"""Rules on secrets, and on what only looks like one."""

from typing import Any

import pytest

from policies.resources import Resource
from tests.unit.conftest import ROOT, config_in
from tests.unit.policies.conftest import Case, kubernetes, messages

REFERENCE = {"name": "REDIS_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "redis", "key": "password"}}}


def pod(env: list[dict[str, Any]], **container: Any) -> Resource:
    content = {"name": "c", "env": env, **container}
    return kubernetes("Deployment", "api", {"template": {"spec": {"containers": [content]}}})


def variable(name: str, value: str) -> Resource:
    return pod([{"name": name, "value": value}])


def config_map(text: str) -> Resource:
    return kubernetes("ConfigMap", "c", data={"file": text})


HARMLESS = pod([REFERENCE, {"name": "AUTH_TOKEN_FILE", "value": "/run/token"}], args=["--web.port=1"])
SECRET = kubernetes("Secret", "s", data={"key": "eA=="}, secrets=["data"])

CASES = [
    *(
        Case("forbid-literal-secrets", (HARMLESS,), (variable(name, value),), f"env[0].value is {name} in plain")
        for name, value in (
            ("REDIS_PASSWORD", "hunter2"),
            ("MODEL_API_KEY", "x"),
            ("DATABASE_URL", "postgres://me:hunter2@db/x"),
            ("OTHER", f"sk-{'a' * 30}"),
        )
    ),
    Case("forbid-literal-secrets", (HARMLESS,), (pod([], args=["--password=hunter2"]),), "args[0] is --password"),
    *(
        Case("forbid-secrets-in-config-maps", (config_map("maxmemory 1\n"),), (config_map(text),), "data.file")
        for text in (
            "appendonly yes\nrequirepass hunter2hunter2\n",
            "db.password = hunter2hunter2\n",
            "-----BEGIN RSA PRIVATE KEY-----\n",
            "AKIAABCDEFGHIJKLMNOP",
        )
    ),
    Case("keep-secrets-encrypted", (SECRET,), (kubernetes("Secret", "s", data={"key": "eA=="}),), "data.key is kept"),
    Case(
        "keep-secrets-encrypted",
        (SECRET,),
        (kubernetes("Secret", "s", stringData={"key": "x"}, secrets=["stringData"]),),
        "stringData",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_stops_what_it_is_for_and_lets_everything_else_pass(case: Case) -> None:
    case.check()


def test_a_secret_is_never_in_its_own_message() -> None:
    for case in CASES:
        assert not any("hunter2" in message for message in messages(case.rule, *case.bad))


def test_no_stack_file_has_a_secret_in_plain() -> None:
    secrets = {f"eco2:{key}" for key, entry in config_in("Pulumi.yaml").items() if entry.get("secret")}
    assert secrets
    for stack in ROOT.glob("Pulumi.*.yaml"):
        plain = {key for key, value in config_in(stack.name).items() if not isinstance(value, dict)}
        assert not plain & secrets, f"{stack.name}: pulumi config set --secret"
