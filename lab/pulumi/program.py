"""Run one Pulumi program: connect the SDK to the engine, run the program's entry point, report how it ended.

The language host starts this module as a process of its own (``python -P -m lab.pulumi.program``), so that nothing but
the program's own folder is put on the module path.
"""

import argparse
import asyncio
import logging
import os
import runpy
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor

import pulumi
import pulumi.runtime

from lab.pulumi.serving import exit_at_signals, exit_with_parent

EXIT_REPORTED = 32
"""The exit code for: the user has been told why, add nothing."""

EXIT_INTERRUPTED = 130
"""Not 0: the engine would take what has not been registered yet for removed from the program."""

CALLS_PER_PARALLEL_STEP = 4
"""Registering a resource makes several blocking calls, each of which takes a thread."""


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run a Pulumi program")
    for name in ("monitor", "engine", "project", "root-directory", "stack", "organization", "pwd"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--parallel", type=int, default=1)
    parser.add_argument("--preview", action="store_true")
    parser.add_argument("entry_point")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    return parser.parse_args(arguments)


def configure_sdk(run: argparse.Namespace) -> None:
    runtime = pulumi.runtime
    runtime.set_all_config(runtime.get_config_env(), runtime.get_config_secret_keys_env())
    runtime.configure(
        runtime.Settings(
            monitor=run.monitor,
            engine=run.engine,
            project=run.project,
            stack=run.stack,
            parallel=run.parallel,
            dry_run=run.preview,
            organization=run.organization,
            root_directory=run.root_directory,
        )
    )


def program_traceback(error: BaseException, root: str) -> str:
    """The traceback from the first frame in the project's folder on: what lies above is how we got there."""
    frames = traceback.extract_tb(error.__traceback__)
    first = next((i for i, frame in enumerate(frames) if frame.filename.startswith(root + os.sep)), 0)
    return "".join(traceback.format_exception(type(error), error, error.__traceback__, limit=first - len(frames)))


def execute(entry_point: str) -> None:
    runpy.run_path(entry_point, run_name="__main__")


def run_program(run: argparse.Namespace) -> int:
    """Run it inside the stack's root resource until every resource is registered. Returns the exit code."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    # A failed resource leaves futures that nobody will ever await; asyncio would complain about each of them at exit.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    with ThreadPoolExecutor(max(run.parallel, 1) * CALLS_PER_PARALLEL_STEP) as calls:
        loop.set_default_executor(calls)
        try:
            loop.run_until_complete(pulumi.runtime.run_in_stack(lambda: execute(os.path.abspath(run.entry_point))))
        except pulumi.RunError as error:
            pulumi.log.error(str(error))
            return EXIT_REPORTED
        except Exception as error:
            text = program_traceback(error, run.root_directory or os.getcwd())
            pulumi.log.error(f"Program failed with an unhandled exception:\n{text}")
            return EXIT_REPORTED
    return 0


def main() -> None:
    exit_with_parent()
    exit_at_signals(code=EXIT_INTERRUPTED)
    run = parse_arguments()
    configure_sdk(run)
    sys.argv = [run.entry_point, *run.arguments]
    os.chdir(run.pwd or ".")
    sys.exit(run_program(run))


if __name__ == "__main__":
    main()
