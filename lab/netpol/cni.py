"""The last CNI plugin of a pod: its programs start only when the node's enforcer has loaded the rules for it.

Run as a program. Only what starts quickly is imported: every start of a pod waits for it.
"""

import json
import os
import socket
import sys
from collections.abc import Mapping
from typing import Any

PORT_KEY = "enforcerPort"
"""Key of its configuration: where the enforcer listens on this node."""
_WAIT_SECONDS = 5.0


def request(configuration: Mapping[str, Any], arguments: str) -> bytes:
    """What the enforcer is told of a pod. ``arguments`` is CNI_ARGS."""
    pod = dict(pair.split("=", 1) for pair in arguments.split(";"))
    address, _, _ = configuration["prevResult"]["ips"][0]["address"].partition("/")
    words = (pod["K8S_POD_NAMESPACE"], pod["K8S_POD_NAME"], pod["K8S_POD_UID"], address)
    return f"POST /pods/{'/'.join(words)} HTTP/1.0\r\n\r\n".encode()


def announce(port: int, message: bytes) -> None:
    """Tell the enforcer and wait for its answer.

    Without one the pod starts all the same: its packets are dropped until its address is known from its status.
    """
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_WAIT_SECONDS) as enforcer:
            enforcer.sendall(message)
            enforcer.recv(1)
    except OSError as error:
        sys.stderr.write(f"the enforcer of NetworkPolicies does not answer: {error}\n")


def main() -> None:
    """Answer one call of the container runtime, see the CNI specification."""
    match os.environ["CNI_COMMAND"]:
        case "VERSION":
            json.dump({"cniVersion": "1.0.0", "supportedVersions": ["1.0.0"]}, sys.stdout)
        case "ADD":
            configuration = json.load(sys.stdin)
            announce(configuration[PORT_KEY], request(configuration, os.environ["CNI_ARGS"]))
            json.dump(configuration["prevResult"], sys.stdout)


if __name__ == "__main__":
    main()
