from pathlib import Path

import pytest

from lab.workspace import official_pulumi

PLUGIN = Path("plugins/resource-kubernetes-v4.34.2/pulumi-resource-kubernetes")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PULUMI_HOME without plugins, and an engine on PATH."""
    engine = tmp_path / "bin" / "pulumi"
    engine.parent.mkdir()
    engine.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(engine.parent))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path))
    (tmp_path / PLUGIN).parent.mkdir(parents=True)
    return tmp_path


def test_an_engine_without_the_plugin_is_not_enough(home: Path) -> None:
    assert not official_pulumi()


def test_an_installed_pulumi_is_used(home: Path) -> None:
    (home / PLUGIN).touch(mode=0o755)
    assert official_pulumi()


def test_a_labs_own_engine_is_none_that_is_installed(home: Path) -> None:
    (home / PLUGIN).symlink_to(home / "bin" / "pulumi")
    assert not official_pulumi(), "in a shell that has sourced .lab/env, `up` would delete what it runs with"
