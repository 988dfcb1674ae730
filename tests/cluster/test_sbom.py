"""The bill of materials of the very image that the pods run."""

import json
import re
import subprocess
from pathlib import Path

from cyclonedx.validation.json import JsonStrictValidator

from lab.sbom import SCHEMA

ROOT = Path(__file__).parents[2]


def test_it_names_every_package_of_the_lock_file_and_what_python_comes_from(tmp_path: Path) -> None:
    out = tmp_path / "app.cdx.json"
    subprocess.run(["make", "--no-print-directory", "sbom", f"OUT={out}"], cwd=ROOT, check=True, capture_output=True)
    text = out.read_text()
    assert JsonStrictValidator(SCHEMA).validate_str(text) is None
    found = [component["purl"] for component in json.loads(text)["components"]]
    locked = re.findall(r"^([a-z0-9._-]+)(?:\[.+\])?==([^\s;]+)", (ROOT / "app/requirements.lock").read_text(), re.M)
    pypi = {purl for purl in found if purl.startswith("pkg:pypi/")}
    assert pypi == {f"pkg:pypi/{name}@{version}" for name, version in locked}
    assert any(re.match(r"pkg:deb/debian/python3@", purl) for purl in found)
