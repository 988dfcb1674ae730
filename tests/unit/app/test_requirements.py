"""The image has what the app imports: it is made of app/requirements.lock and nothing else."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, PackagePath, distribution
from pathlib import Path

APP = Path(__file__).parents[3] / "app"


def imported() -> Iterator[str]:
    """Every module that the app imports and that is neither Python's nor its own."""
    for source in APP.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                found = [node.module or ""]
            else:
                continue
            yield from (name for name in found if name.partition(".")[0] not in {*sys.stdlib_module_names, "app"})


def brought() -> Iterator[str]:
    """Every module of the image's packages, as far as they are installed here."""
    for name in re.findall(r"^([a-z0-9-]+)==", (APP / "requirements.lock").read_text(), re.MULTILINE):
        try:
            files = distribution(name).files or []
        except PackageNotFoundError:
            continue
        yield from (module_of(file) for file in files if file.suffix in (".py", ".so"))


def module_of(file: PackagePath) -> str:
    return ".".join([*file.parent.parts, file.name.partition(".")[0]]).removesuffix(".__init__")


def test_the_image_has_every_module_that_the_app_imports() -> None:
    needed = set(imported())
    assert needed >= {"celery", "fastapi", "envoy.service.auth.v3.external_auth_pb2"}
    assert needed <= set(brought()), f"a pod would end in a ModuleNotFoundError: {needed - set(brought())}"
