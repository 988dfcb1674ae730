"""The Pulumi program against a live cluster: it agrees with itself, changes what it should, and lets go."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app import topology
from tests.cluster.clients import ROOT, Json, Scans, Shell, Stack


def planned(stack: Stack, *arguments: str) -> list[tuple[str, str]]:
    """The steps of a preview that change something: (operation, URN's last part)."""
    steps: list[Json] = json.loads(stack.pulumi("preview", "--json", *arguments).stdout)["steps"]
    return [(step["op"], step["urn"].rsplit("::", 1)[-1]) for step in steps if step["op"] not in ("same", "refresh")]


@pytest.mark.every_stack
def test_a_second_up_changes_nothing(stack: Stack) -> None:
    done = stack.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert re.search(r"\d+ unchanged", done.stdout), done.stdout


def test_a_preview_and_a_refresh_agree_that_nothing_is_to_do(stack: Stack) -> None:
    stack.pulumi("preview", "--expect-no-changes")
    stack.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")


def test_a_refresh_sees_what_someone_changed_by_hand_and_up_mends_it(stack: Stack, shell: Shell) -> None:
    scale = ("scale", "deployment", "scan-worker", "--namespace=scan")
    wanted = shell.get("deployment", "scan-worker", "--namespace=scan")["spec"]["replicas"]
    shell.kubectl(*scale, f"--replicas={wanted + 1}")
    assert planned(stack, "--refresh") == [("update", "scan-worker")]
    stack.pulumi("up", "--yes", "--skip-preview", "--refresh")
    assert shell.get("deployment", "scan-worker", "--namespace=scan")["spec"]["replicas"] == wanted


def test_a_changed_ttl_changes_one_policy_and_no_queue(stack: Stack, tmp_path: Path) -> None:
    for part in ("app", "infra", "stacks"):
        shutil.copytree(ROOT / part, tmp_path / part)
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    source = tmp_path / "app" / "topology.py"
    before, after = "(REWARD_TASK.queue, _REWARD_TTL)", "(REWARD_TASK.queue, timedelta(hours=12))"
    assert before in source.read_text(), "the line that this test changes has moved"
    source.write_text(source.read_text().replace(before, after))

    changed = planned(replace(stack, project=tmp_path))

    assert [operation for operation, _ in changed] == ["update"]
    assert topology.REWARD_TASK.queue.replace(".", "-") in changed[0][1]


def test_no_secret_stands_in_the_state_in_plain(stack: Stack, shell: Shell) -> None:
    exported = shell("pulumi", "stack", "export", f"--stack={stack.name}").stdout
    for namespace, name, key in (("redis", "redis", "password"), ("scan", "model", "apiKey")):
        value: Any = shell.secret(namespace, name)[key]
        assert value not in exported, f"{namespace}/{name} can be read in the state file"


def test_the_outputs_say_how_to_use_the_stack(stack: Stack, scans: Scans) -> None:
    assert stack.outputs["api_url"] == str(scans.http.base_url).rstrip("/")
    password = stack.shell("bash", "-c", stack.outputs["management_password_command"]).stdout
    assert len(password) >= 16
