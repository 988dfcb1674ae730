"""Everything that is fetched is pinned, and its content is known beforehand."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = [ROOT / "requirements.lock", ROOT / "app" / "requirements.lock"]
MODULES = sorted([*ROOT.glob("lab/tools/*/go.mod"), ROOT / ".github" / "actionlint" / "go.mod"])
REQUIREMENT = re.compile(r"[a-z0-9._-]+(\[[a-z0-9,._-]+\])?==[^\s;]+( ; [^\\]+)?( --hash=sha256:[0-9a-f]{64})+")
VERSION = re.compile(r"v\d+\.\d+\.\d+\S*")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.parent.name)
def test_every_python_package_has_one_version_and_hashes_and_no_address(lock: Path) -> None:
    text = re.sub(r"\s*#.*", "", lock.read_text()).replace("\\\n", "")
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    assert len(lines) > 40
    loose = [line for line in lines if not REQUIREMENT.fullmatch(line)]
    assert not loose, "pip would take whatever the index has, or another index"


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.parent.name)
def test_every_go_module_has_exact_versions_and_checksums_of_all_of_them(module: Path) -> None:
    text = module.read_text()
    required = re.findall(r"^(?:require )?\s*([\w.-]+\.[a-z]+/\S+) ([^\s=]\S*)", text, re.MULTILINE)
    assert all(VERSION.fullmatch(version) for _, version in required), "make would build what is newest that day"
    if not required:
        return
    sums = module.with_name("go.sum").read_text()
    # A module that is required at one version and replaced by another is fetched at that one.
    replaced = dict(re.findall(r"^(?:replace )?\s*(\S+) (?:v\S+ )?=> (\S+ v\S+)", text, re.MULTILINE))
    fetched = [replaced.get(name, f"{name} {version}") for name, version in required]
    missing = [one for one in fetched if f"{one}/go.mod h1:" not in sums]
    assert not missing, "nobody could tell whether it is what was pinned"
