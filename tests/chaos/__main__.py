"""Breaks the prod stack in every way that we know, under load: `make chaos [ONLY=network-cut,redis-kill]`.

Brings prod up by itself. Prints a table and writes .lab/chaos.json, after each fault anew: a list of {fault, attempted,
accepted, completed, lost, duplicated, post_gap_s, completion_gap_s, recovered_s}. Ends with 1 if a scan was lost or
doubled, or if the stack was not well again.
"""

import argparse
import json
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import asdict

import httpx

from tests.chaos.faults import FAULTS, LONG, SHORT
from tests.chaos.measuring import run
from tests.chaos.result import Result, refusals, table
from tests.cluster.brokers import broker_of
from tests.cluster.clients import ROOT, Model, Scans, Shell
from tests.cluster.environment import read_environment
from tests.cluster.outages import Lab

RESULTS = ROOT / ".lab" / "chaos.json"


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m tests.chaos", description="Faults under load in the prod stack.")
    top.add_argument("--only", default="", help=f"some of {','.join(FAULTS)} (default: all)")
    top.add_argument("--rate", type=float, default=5.0, help="scans a second, 50 at most (default: 5)")
    top.add_argument("--short", action="store_true", help="faults as short as in the tests")
    return top


def wanted(only: str) -> list[str]:
    names = [name for name in only.split(",") if name] or list(FAULTS)
    if unknown := set(names) - set(FAULTS):
        sys.exit(f"no such fault: {', '.join(sorted(unknown))}; there are {', '.join(FAULTS)}")
    return names


def main() -> int:
    arguments = parser().parse_args()
    names = wanted(arguments.only)
    if not 0 < arguments.rate <= 50:
        sys.exit("--rate must be above 0 and at most 50 scans a second: the load shares the machine with the stack")
    subprocess.run([sys.executable, "-m", "lab", "up", "--stack=prod"], cwd=ROOT, check=True)
    results: list[Result] = []
    failures: list[str] = []
    with ExitStack() as closing:
        lab, model = clients(closing)
        for name in names:
            sys.stdout.write(f"{name} ...\n")
            sys.stdout.flush()
            try:
                result, scans = run(name, lab, model, SHORT if arguments.short else LONG, arguments.rate)
            except AssertionError as error:
                failures.append(f"{name}: {error}")
                sys.stdout.write(f"{failures[-1]}\n")
                continue
            if refused := refusals(scans):
                sys.stdout.write(f"  POST was not accepted: {refused}\n")
            results.append(result)
            RESULTS.write_text(json.dumps([asdict(one) for one in results], indent=1) + "\n")
    sys.stdout.write(f"\n{table(results)}\n")
    return 1 if failures or any(one.lost or one.duplicated for one in results) else 0


def clients(closing: ExitStack) -> tuple[Lab, Model]:
    """The lab and its model, as the cluster tests see them."""
    shell = Shell(read_environment())

    def http(url: str) -> httpx.Client:
        return closing.enter_context(httpx.Client(base_url=url, timeout=30))

    broker = closing.enter_context(broker_of(shell))
    model = Model(http(f"http://{shell.cluster_ip('model', 'model')}:8000"))
    return Lab(shell, Scans(http(shell.environment["API_URL"])), broker), model


if __name__ == "__main__":
    sys.exit(main())
