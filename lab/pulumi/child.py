"""Run a module as ``python -m`` does, in a process that ends with its parent and in silence at a signal."""

import runpy
import sys

from lab.pulumi.serving import exit_at_signals, exit_with_parent


def main() -> None:
    exit_with_parent()
    exit_at_signals()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
