"""Command line: ``python -m lab``."""

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

from lab import commands
from lab.console import say
from lab.errors import LabError
from lab.layout import Checkout
from lab.nodes import NODES

_INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = argparse.ArgumentParser(prog="python -m lab", description="Kubernetes on this machine, and the stack in it.")
    subparsers = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up = subparsers.add_parser("up", help="bring the lab up, or up to date, and deploy the stack")
    up.add_argument("--stack", default="dev", help=f"one of {', '.join(NODES)} (default: dev)")
    up.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting other than the stack's")
    up.add_argument("--no-deploy", action="store_true", help="only the cluster, without the stack")
    up.add_argument("--take-over", action="store_true", help="take down a lab of another checkout first")
    subparsers.add_parser("down", help="remove the lab of this machine, whichever checkout it belongs to")
    node = subparsers.add_parser("node", help="let a node die or start again, or pull and put back its cable")
    node.add_argument("fault", choices=("kill", "start", "cut", "heal"))
    node.add_argument("name", help="as in `kubectl get nodes`")
    preview = subparsers.add_parser("preview", help="print what an update of the stack would make, without a cluster")
    preview.add_argument("--stack", default="dev", help="one that has a Pulumi.<stack>.yaml (default: dev)")
    preview.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as of up")
    render = subparsers.add_parser("render", help="write a stack's Kubernetes objects as YAML, without a cluster")
    render.add_argument("--stack", default="dev", help="as of preview")
    render.add_argument("--out", required=True, type=Path, metavar="DIR", help="new, empty, or rendered into before")
    render.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as of up")
    render.add_argument("--stack-file", type=Path, metavar="FILE", help="instead of Pulumi.<stack>.yaml")
    subparsers.add_parser("tools", help="only build the programs, and list them")
    subparsers.add_parser("images", help="only build the programs and container images, and list the images")
    bill = subparsers.add_parser("sbom", help="write what the app's image is made of, as CycloneDX")
    bill.add_argument("--out", type=Path, default=Path(".lab/sbom/app.cdx.json"), metavar="FILE")
    subparsers.add_parser("env", help='print export lines for a shell: eval "$(python -m lab env)"')
    subparsers.add_parser("status", help="say what runs; exit 0 only if this checkout's lab is completely up")
    return top


def main() -> int:
    """Run one command; returns the exit code."""
    arguments = parser().parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)
    try:
        return _run(arguments)
    except LabError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; the same command goes on from here\n")
        return _INTERRUPTED
    finally:
        commands.end_all()


def _run(arguments: argparse.Namespace) -> int:
    """Imports stand here because `down` must also run where the project's dependencies are not installed."""
    checkout = Checkout.here()
    match arguments.command:
        case "down":
            from lab.teardown import down

            down()
        case "status":
            from lab.status import status_lines

            complete, lines = status_lines(checkout)
            say("\n".join(lines))
            return 0 if complete else 1
        case "env":
            if not checkout.environment.exists():
                raise LabError("this checkout's lab is not up, so there is no environment")
            say(checkout.environment.read_text().rstrip())
        case "up":
            from lab.lifecycle import Options, up

            options = Options(
                stack=arguments.stack,
                settings=dict(pair(text) for text in arguments.set),
                deploy=not arguments.no_deploy,
                take_over=arguments.take_over,
            )
            up(checkout, options)
        case "node":
            from lab.node_faults import FAULTS

            FAULTS[arguments.fault](checkout, arguments.name)
        case "preview":
            from lab.preview import preview

            return preview(checkout, arguments.stack, dict(pair(text) for text in arguments.set))
        case "render":
            from lab.render.command import Options as RenderOptions
            from lab.render.command import render

            render_options = RenderOptions(
                stack=arguments.stack,
                out=arguments.out,
                settings=dict(pair(text) for text in arguments.set),
                stack_file=arguments.stack_file,
            )
            render(checkout, render_options)
        case "tools":
            from lab.lifecycle import build_tools

            build_tools(checkout)
        case "images":
            from lab.lifecycle import build_images

            build_images(checkout)
        case "sbom":
            from lab.lifecycle import write_sbom

            write_sbom(checkout, arguments.out)
    return 0


def pair(text: str) -> tuple[str, str]:
    """``KEY=VALUE``. Raises ``LabError``."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise LabError(f"--set takes KEY=VALUE (got {text!r})")
    return key, value


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
