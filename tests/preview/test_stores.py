"""The plan with stores of AWS, and what comes of an update without an account."""

import subprocess
import sys

from tests.preview.test_preview import ROOT

STORES = ("elasticacheNodeType=cache.m7g.large", "rdsInstanceClass=db.m7g.large")


def preview(*settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lab", "preview", "--stack=prod", *(f"--set={setting}" for setting in settings)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_stores_of_aws_are_planned_in_place_of_those_in_the_cluster() -> None:
    done = preview(*STORES)
    assert done.returncode == 0, done.stdout + done.stderr
    for kind in ("aws:elasticache:ReplicationGroup redis", "aws:rds:Instance postgres", "aws:ec2:SecurityGroup redis"):
        assert kind in done.stdout, f"{kind} is not in the plan"
    for name in ("redis", "postgres"):
        assert f"kubernetes:apps/v1:StatefulSet {name} " not in done.stdout, "two stores would divide the data"


def test_what_cannot_work_ends_the_preview_with_its_reason() -> None:
    done = preview("awsSubnetIds=subnet-00000001")
    assert done.returncode != 0
    assert "awsSubnetIds must be 3 subnets or more" in done.stdout + done.stderr
