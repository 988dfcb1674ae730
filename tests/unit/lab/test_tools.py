import re
from pathlib import Path

import pytest
import yaml

from lab.layout import Checkout
from lab.tools import ORDER, Tool, all_tools, go_directive, required_version, tool_lines

TOOLS = Checkout.here().lab / "tools"

GO_MOD = """\
module x

go 1.26.6

tool (
	example.org/a/cmd/one
	example.org/a/cmd/two
)

require (
	example.org/a v1.2.3 // indirect
	example.org/a/api v0.9.0 // indirect
)
"""


def test_tool_lines_are_read_from_a_block_and_alone() -> None:
    assert tool_lines(GO_MOD) == ["example.org/a/cmd/one", "example.org/a/cmd/two"]
    assert tool_lines("tool example.org/x/v2\n") == ["example.org/x/v2"]


def test_a_version_is_that_of_exactly_this_module() -> None:
    assert required_version(GO_MOD, "example.org/a") == "v1.2.3"
    assert required_version(GO_MOD, "example.org/b") == ""


def test_the_go_version_is_compared_by_number() -> None:
    assert go_directive(GO_MOD) == (1, 26)
    assert go_directive("go 1.9\n") < go_directive("go 1.26\n")


def test_every_folder_is_built() -> None:
    assert {folder.parent.name for folder in TOOLS.glob("*/go.mod")} == set(ORDER)


@pytest.mark.parametrize("tool", all_tools(TOOLS), ids=lambda tool: tool.name)
def test_every_tool_pins_its_sources(tool: Tool) -> None:
    assert tool.packages() == ["."] or (tool.folder / "go.sum").exists()


def test_kubernetes_is_told_its_version() -> None:
    flags = Tool("kubernetes", TOOLS / "kubernetes").linker_flags()
    assert "k8s.io/component-base/version.gitVersion=v1." in flags, "it would call itself v0.0.0-master"
    assert "version.gitMajor=1" in flags


def test_the_name_server_has_the_plugins_that_its_corefile_names_and_no_others() -> None:
    manifests = yaml.safe_load_all((TOOLS.parent / "addons" / "coredns.yaml").read_text())
    [corefile] = [one["data"]["Corefile"] for one in manifests if one["kind"] == "ConfigMap"]
    named = set(re.findall(r"^ {4}([a-z]\w*)", corefile, re.MULTILINE))
    built = set(re.findall(r"coredns/plugin/(\w+)", (TOOLS / "coredns" / "main.go").read_text()))
    assert named == built


def test_another_compiler_gives_another_key(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text(GO_MOD)
    tool = Tool("x", tmp_path)
    assert tool.key("go1.26.0") != tool.key("go1.26.8")
