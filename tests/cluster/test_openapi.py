"""Every call of the OpenAPI document, with data that fits it and with other data: nothing comes that is not in it."""

import sys
from pathlib import Path

from jsonschema_rs import validator_for

from tests.cluster.clients import Model, Scans, Shell

SCHEMATHESIS = Path(sys.executable).with_name("st")
CASES = 150
"""At most, for each call; as many again for calls that follow from another one's answer."""

UNFIT = (
    # What a photo is, which addresses are public and whether a key was used before is in no schema.
    "positive_data_acceptance",
)


def test_every_answer_is_in_the_document(scans: Scans, model: Model, shell: Shell, tmp_path: Path) -> None:
    with model.set(vision_seconds=0.0, answer_seconds=0.0):
        done = shell(
            str(SCHEMATHESIS),
            "run",
            f"{scans.http.base_url}/openapi.json",
            "--checks=all",
            f"--exclude-checks={','.join(UNFIT)}",
            f"--max-examples={CASES}",
            "--generation-deterministic",
            "--continue-on-failure",
            "--request-timeout=20",
            "--warnings=off",
            "--no-color",
            check=False,
            timeout_seconds=180,
            cwd=tmp_path,
        )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "No issues found" in done.stdout


def test_the_data_of_an_event_is_a_status_of_the_document(scans: Scans, model: Model, photo: Path) -> None:
    """Schemathesis sees that it is a text, and no more."""
    document = scans.http.get("/openapi.json").json()
    status = {"$ref": "#/components/schemas/TaskStatus", "components": document["components"]}
    events = scans.events(scans.submit(photo))
    assert events[-1].data["status"] == "completed"
    for event in events:
        validator_for(status).validate(event.data)
