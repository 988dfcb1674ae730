"""Jobs run once for each image, are waited for, and leave what is needed to see why they failed."""

from typing import Any

import pytest

from tests.unit.conftest import Made, Recording, run_stack

JOBS = ("character-migration", "character-warm-up")


def job(stack: Recording, name: str) -> Made:
    (found,) = (made for made in stack.of_kind("Job") if made.name == name)
    return found


def template(stack: Recording, name: str) -> dict[str, Any]:
    found: dict[str, Any] = job(stack, name).spec["template"]["spec"]
    return found


@pytest.mark.parametrize("name", JOBS)
def test_a_new_image_makes_a_job_of_another_name(name: str, dev: Recording) -> None:
    newer = run_stack("dev", appImage="registry.example/eco2-app:2")
    before, after = (job(stack, name).metadata["name"] for stack in (dev, newer))
    assert before.startswith(f"{name}-")
    assert before != after, "a finished Job never runs again"
    assert job(dev, name).urn == job(newer, name).urn, "the old Job would stay for ever"


@pytest.mark.parametrize("name", JOBS)
def test_another_setting_makes_no_new_job(name: str, dev: Recording) -> None:
    other = run_stack("dev", apiReplicas=2, postgresPassword="another-password-of-postgres")
    assert job(other, name).inputs == job(dev, name).inputs


@pytest.mark.parametrize("name", JOBS)
def test_a_job_stays_when_it_is_done(name: str, built: Recording) -> None:
    assert "ttlSecondsAfterFinished" not in job(built, name).spec, "the next update would miss it and run it again"


@pytest.mark.parametrize("name", JOBS)
def test_a_job_is_waited_for_and_one_that_failed_is_run_anew_by_the_next_update(name: str, built: Recording) -> None:
    assert job(built, name).metadata["annotations"] == {"pulumi.com/replaceUnready": "true"}


@pytest.mark.parametrize("name", JOBS)
def test_a_job_says_itself_that_it_takes_too_long(name: str, built: Recording) -> None:
    assert job(built, name).spec["activeDeadlineSeconds"] < 600, "Pulumi gives up after ten minutes and knows no reason"


@pytest.mark.parametrize("name", JOBS)
def test_each_attempt_of_a_job_leaves_its_log(name: str, built: Recording) -> None:
    assert template(built, name)["restartPolicy"] == "Never"
    assert job(built, name).spec["backoffLimit"] >= 1, "a database that restarts would stop the update"


def test_no_service_takes_a_jobs_pods_for_its_own(built: Recording) -> None:
    labels = [job(built, name).spec["template"]["metadata"]["labels"].items() for name in JOBS]
    for service in built.of_kind("Service"):
        assert not any(service.spec["selector"].items() <= found for found in labels), service.name
