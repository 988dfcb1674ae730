import tarfile
from pathlib import Path

import pytest

from lab.archives import ImageConfig, write_archive, write_layer
from lab.debian import Account, RootFileSystem, mirror_of
from lab.dockerfiles import pip_settings
from lab.errors import LabError
from lab.images import BASES, IMAGES, RABBITMQ_UID, DebianImage, DockerfileImage, ProgramImage
from lab.layout import Checkout
from lab.tools import ORDER


def test_a_row_builds_only_on_rows_above_it() -> None:
    seen: set[str] = set()
    for image in IMAGES:
        assert image.name not in seen
        if isinstance(image, DockerfileImage):
            assert image.base in seen
            assert (Checkout.here().root / image.context / "Dockerfile").is_file()
        if isinstance(image, ProgramImage):
            assert image.tool in ORDER
        seen.add(image.name)
    assert seen >= BASES


def test_brokers_run_as_the_user_that_the_operator_expects() -> None:
    (image,) = (one for one in IMAGES if isinstance(one, DebianImage) and one.name == "rabbitmq")
    assert image.files.account == Account(name="rabbitmq", number=RABBITMQ_UID, home="/var/lib/rabbitmq")
    assert image.config.user == "999:999"


def test_the_programs_of_postgres_are_found_by_name() -> None:
    (image,) = (one for one in IMAGES if isinstance(one, DebianImage) and one.name == "postgres")
    assert image.files.packages == ("postgresql-17",)
    assert "/usr/lib/postgresql/17/bin" in image.config.environment["PATH"].split(":"), "Debian puts them there only"


def test_other_packages_are_another_recipe() -> None:
    assert RootFileSystem(packages=("a",)).recipe() != RootFileSystem(packages=("b",)).recipe()


def test_the_same_files_give_the_same_archive(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("x")
    archives = []
    for name in ("1", "2"):
        write_layer({"/bin/program": program}, tmp_path / f"{name}.layer")
        write_archive(tmp_path / f"{name}.layer", ImageConfig(), "localhost/x:1", tmp_path / name)
        archives.append((tmp_path / name).read_bytes())
    assert archives[0] == archives[1]


def test_a_layer_holds_the_program_executable_and_a_writable_tmp(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("x")
    write_layer({"/usr/bin/program": program}, tmp_path / "layer")
    with tarfile.open(tmp_path / "layer") as tar:
        assert tar.getmember("usr/bin/program").mode == 0o755
        assert tar.getmember("tmp").mode == 0o1777


def test_the_mirror_is_the_machines_own() -> None:
    listing = "oldrel-security main http://s/\nbookworm contrib http://c/\nbookworm main http://m/debian/\n"
    assert mirror_of(listing, "bookworm") == "http://m/debian/"


def test_a_machine_without_a_mirror_is_told_so() -> None:
    with pytest.raises(LabError, match="no package source for bookworm main"):
        mirror_of("", "bookworm")


def test_a_build_gets_the_machines_package_index() -> None:
    listing = "global.index-url='https://index/simple'\n:env:.timeout='180'\n:env:.find-links='/only/here'\n"
    settings = pip_settings(listing)
    assert "index-url = https://index/simple" in settings
    assert "timeout = 180" in settings
    assert "find-links" not in settings, "that folder does not exist inside the build"
