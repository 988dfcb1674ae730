from pathlib import Path

import pytest
from grpc_tools import protoc

ROOT = Path(__file__).parents[3]
PROTO = "app/character/character.proto"
GENERATED = ("character_pb2.py", "character_pb2.pyi", "character_pb2_grpc.py")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("generated")
    outputs = [f"--{kind}_out={out}" for kind in ("python", "pyi", "grpc_python")]
    assert protoc.main(["protoc", f"-I{ROOT}", *outputs, str(ROOT / PROTO)]) == 0
    return out / Path(PROTO).parent


@pytest.mark.parametrize("name", GENERATED)
def test_the_generated_modules_are_those_of_the_proto(fresh: Path, name: str) -> None:
    kept = ROOT / Path(PROTO).parent / name
    assert kept.read_text() == (fresh / name).read_text(), "run `make proto`: services and clients would disagree"
