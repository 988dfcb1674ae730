"""The workflows of .github: what actionlint (`make lint`) cannot know of their rights, pins and names."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FILES = [*WORKFLOWS, *sorted((ROOT / ".github" / "actions").glob("*/action.yml"))]
STACKS = sorted(file.name.split(".")[1] for file in ROOT.glob("Pulumi.*.yaml"))
PIN = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
OWN_BRANCHES = "github.event.pull_request.head.repo.full_name == github.repository"


def read(file: Path) -> dict[Any, Any]:
    content = yaml.safe_load(file.read_text())
    assert isinstance(content, dict)
    return content


def triggers(workflow: dict[Any, Any]) -> set[str]:
    # YAML 1.1 reads the key `on` as true.
    on = workflow[True]
    return {on} if isinstance(on, str) else set(on)


def jobs() -> list[Any]:
    contents = [(file.stem, read(file)) for file in WORKFLOWS]
    return [
        pytest.param(workflow, job, id=f"{stem}-{name}")
        for stem, workflow in contents
        for name, job in workflow["jobs"].items()
    ]


def steps(content: dict[Any, Any]) -> list[dict[str, Any]]:
    if "runs" in content:
        return list(content["runs"]["steps"])
    return [step for job in content["jobs"].values() for step in job.get("steps", [])]


def scripts() -> Iterator[str]:
    for file in FILES:
        yield from (step["run"] for step in steps(read(file)) if "run" in step)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_action_is_pinned_to_a_commit_and_says_its_version(file: Path) -> None:
    used = re.findall(r"^\s*(?:- )?uses: (.+)$", file.read_text(), re.MULTILINE)
    loose = [line for line in used if not line.startswith("./") and not PIN.fullmatch(line)]
    assert not loose, "a tag can be moved to other code by whoever takes over the action"


def test_an_action_has_one_version() -> None:
    pins = {pin for file in FILES for pin in PIN.findall(file.read_text())}
    assert pins
    names = [pin.partition("@")[0] for pin in pins]
    assert sorted(names) == sorted(set(names)), f"one was moved and forgotten elsewhere: {sorted(pins)}"


@pytest.mark.parametrize(("workflow", "job"), jobs())
def test_a_job_has_an_end_and_only_rights_that_it_names(workflow: dict[Any, Any], job: dict[str, Any]) -> None:
    if "uses" not in job:
        assert job["timeout-minutes"] <= 60, "a job that hangs would run for six hours"
    if triggers(workflow) == {"workflow_call"}:
        assert "permissions" not in job, "its rights are those of the job that calls it"
    else:
        assert workflow["permissions"] == {}, "a job that names no rights would get the repository's default"
        assert job["permissions"]
        assert set(job["permissions"].values()) <= {"read", "write"}


@pytest.mark.parametrize(("workflow", "job"), jobs())
def test_a_fork_gets_no_rights(workflow: dict[Any, Any], job: dict[str, Any]) -> None:
    if "pull_request" in triggers(workflow):
        writes = {name for name, right in job["permissions"].items() if right == "write"}
        assert not writes or OWN_BRANCHES in job["if"], f"a fork's pull request would ask for {writes}"


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_no_trigger_gives_rights_to_code_of_others(file: Path) -> None:
    assert triggers(read(file)) <= {"pull_request", "push", "schedule", "workflow_call", "workflow_dispatch"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_long_lived_key_is_used_and_none_is_left_behind(file: Path) -> None:
    assert not re.search(r"secrets[.\[]|^\s*secrets:", file.read_text(), re.MULTILINE), (
        "the cloud's role is taken by OIDC"
    )
    for step in steps(read(file)):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False, "every later step could read the job's token"


def test_no_script_is_put_together_from_expressions() -> None:
    found = [script for script in scripts() if "${{" in script]
    assert not found, "a title or a branch's name would be run as shell; hand it over by env"


def test_the_make_targets_exist() -> None:
    called = {target for script in scripts() for target in re.findall(r"\bmake (\S+)", script)}
    assert {"lint", "unit", "preview"} <= called
    declared = set(re.findall(r"^([\w./-]+):", (ROOT / "Makefile").read_text().replace("$(VENV)", ".venv"), re.M))
    assert called <= declared


def test_every_stack_is_previewed_watched_and_updated_under_a_name_of_its_own() -> None:
    for file, job in (("pull-request", "plan"), ("pull-request", "preview"), ("drift", "look")):
        [content] = [read(workflow) for workflow in WORKFLOWS if workflow.stem == file]
        assert sorted(content["jobs"][job]["strategy"]["matrix"]["stack"]) == STACKS
    [deploy] = [read(workflow) for workflow in WORKFLOWS if workflow.stem == "deploy"]
    updates = [job for job in deploy["jobs"].values() if job["with"]["command"] == "up"]
    assert sorted(job["with"]["stack"] for job in updates) == STACKS
    for job in updates:
        stack = job["with"]["stack"]
        assert job["with"]["environment"] == stack, "the environment is where somebody has to approve"
        assert job["concurrency"] == {"group": f"up-{stack}"}, "an update that has begun is never cut short"


def test_the_command_line_has_the_version_of_the_package() -> None:
    content = read(ROOT / ".github" / "actions" / "setup" / "action.yml")
    [script] = [step["run"] for step in steps(content) if step.get("id") == "versions"]
    expression = re.search(r"s/(.+?)/", script)
    assert expression is not None
    found = re.findall(expression.group(1), (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert [name for name, _ in found] == ["pulumi", "pulumi-kubernetes"]
