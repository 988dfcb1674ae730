"""`make preview` for both stacks, by the real engine and without any cluster; needs the engine, but no lab."""

import re
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

ROOT = Path(__file__).parents[2]
POLICY_PACK = "eco2@v1.0.0"
AWS_KINDS = ("aws:ec2:LaunchTemplate", "aws:ecr:Repository", "aws:eks:Addon", "aws:eks:NodeGroup", "aws:iam:Role")


def preview(stack: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", "preview", f"STACK={stack}"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def plans() -> dict[str, subprocess.CompletedProcess[str]]:
    return {stack: preview(stack) for stack in ("dev", "prod")}


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_whole_plan_is_made_without_a_cluster(
    stack: str, plans: dict[str, subprocess.CompletedProcess[str]]
) -> None:
    done = plans[stack]
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Resources:\n +\+ \d{3} to create\n", done.stdout), done.stdout[-500:]


def test_prod_plans_what_it_needs_of_aws_and_dev_nothing(plans: dict[str, subprocess.CompletedProcess[str]]) -> None:
    for kind in AWS_KINDS:
        assert re.search(rf"^ \+ +{kind} \S+ create", plans["prod"].stdout, re.MULTILINE), f"{kind} is not in the plan"
    assert "aws:" not in plans["dev"].stdout


def test_both_pass_the_policies_and_dev_is_warned_of_images_by_tag(
    plans: dict[str, subprocess.CompletedProcess[str]],
) -> None:
    for done in plans.values():
        assert POLICY_PACK in done.stdout, "nobody has looked at the plan"
        assert "[mandatory]" not in done.stdout
    assert "[advisory]  limit-images-by-tag" in plans["dev"].stdout
    assert "[advisory]" not in plans["prod"].stdout, "its images have digests"


def test_a_stack_without_a_file_is_named() -> None:
    done = preview("nobody")
    assert done.returncode != 0
    assert "Pulumi.nobody.yaml is missing" in done.stderr


def test_the_stand_in_for_aws_refuses_to_make_anything_and_says_why() -> None:
    command = [sys.executable, ROOT / "lab" / "pulumi" / "bin" / "pulumi-resource-aws"]
    with subprocess.Popen(
        command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    ) as plugin:
        assert plugin.stdout is not None
        try:
            port = int(plugin.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                provider = provider_pb2_grpc.ResourceProviderStub(channel)
                assert provider.Create(provider_pb2.CreateRequest(urn="urn:x", preview=True)).id == ""
                with pytest.raises(grpc.RpcError, match=r"urn:x cannot be created: .*has no account"):
                    provider.Create(provider_pb2.CreateRequest(urn="urn:x"))
                with pytest.raises(grpc.RpcError, match="cannot be deleted"):
                    provider.Delete(provider_pb2.DeleteRequest(urn="urn:x"))
        finally:
            plugin.terminate()
