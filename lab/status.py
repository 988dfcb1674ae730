"""What of the lab runs, for people and for scripts."""

import re

from lab.layout import Checkout
from lab.node import State, Status
from lab.records import Record, run_directory


def status_lines(checkout: Checkout) -> tuple[bool, list[str]]:
    """Whether this checkout's lab is completely up with its stack, and one line for each thing there is to say."""
    record = Record.load()
    if record is None:
        return False, ["no lab on this machine"]
    alive = record.node_processes()
    lines = [f"lab of {record.checkout}, stack {record.stack}"]
    complete = record.checkout == str(checkout.root) and bool(record.content)
    for node in record.nodes:
        status = Status.read(run_directory(node) / "status.json")
        runs = node in alive
        complete = complete and runs and status.state is State.UP
        lines.append(f"  {node}: {status.state if runs else 'does not run'} {status.message}".rstrip())
    url = api_url(checkout)
    return complete and bool(url), [*lines, f"  API {url}" if url else "  no stack is deployed"]


def api_url(checkout: Checkout) -> str:
    """Where the deployed stack's API answers; empty before it is completely deployed."""
    if not checkout.environment.exists():
        return ""
    found = re.search(r"^export API_URL=(\S+)", checkout.environment.read_text(), re.MULTILINE)
    return found.group(1) if found else ""
