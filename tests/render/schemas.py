"""JSON schemas by which kubeconform judges: of the lab's own Kubernetes version, and of the definitions in a tree."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.render.checkers import ROOT, objects

LOCATION = "{{.Group}}_{{.ResourceAPIVersion}}_{{.ResourceKind}}.json"
"""kubeconform's names. The group without a name is called like its version there."""


def write_schemas(tree: Path, directory: Path) -> None:
    """A schema for each kind that the API server knows, and for each that the tree defines."""
    for document in _openapi():
        for name, schema in document["components"]["schemas"].items():
            for kind in schema.get("x-kubernetes-group-version-kind", []):
                reference = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
                _write(directory, kind["group"], kind["version"], kind["kind"], reference)
    for definition in objects(tree):
        if definition["kind"] == "CustomResourceDefinition":
            spec = definition["spec"]
            for version in spec["versions"]:
                schema = _of_object(version["schema"]["openAPIV3Schema"])
                _write(directory, spec["group"], version["name"], spec["names"]["kind"], _strict(schema))


def _write(directory: Path, group: str, version: str, kind: str, schema: Mapping[str, Any]) -> None:
    file = directory / f"{group or version}_{version}_{kind.lower()}.json"
    if not file.exists():
        file.write_text(json.dumps(schema))


def _openapi() -> Iterator[dict[str, Any]]:
    """What the lab's API server serves below /openapi/v3, out of its sources."""
    module = ROOT / "lab" / "tools" / "kubernetes"
    command = ["go", "mod", "download", "-json", "k8s.io/kubernetes"]
    found = json.loads(subprocess.run(command, cwd=module, capture_output=True, text=True, check=True).stdout)
    for file in sorted(Path(found["Dir"], "api", "openapi-spec", "v3").glob("api*_openapi.json")):
        document = json.loads(file.read_text())
        if "schemas" in document.get("components", {}):
            document["components"]["schemas"] = _strict(document["components"]["schemas"])
            yield document


def _of_object(schema: dict[str, Any]) -> dict[str, Any]:
    """A definition's schema leaves out what every object has."""
    text = {"type": "string"}
    common = {"apiVersion": text, "kind": text, "metadata": {"type": "object", "additionalProperties": True}}
    return {**schema, "properties": {**schema["properties"], **common}}


def _strict(schema: Any) -> Any:
    """The API server drops what no schema names: here that is an error."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: _strict(value) for key, value in schema.items()}
    is_closed = isinstance(schema.get("properties"), dict) and schema.get("type") == "object"
    if is_closed and not schema.get("x-kubernetes-preserve-unknown-fields"):
        result.setdefault("additionalProperties", False)
    return result
