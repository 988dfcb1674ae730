"""Runs a worker: ``python -m app.worker scan|reward``."""

import argparse
import sys

from app.worker import reward, scan

KINDS = {"scan": scan.run, "reward": reward.run}


def main() -> int:
    """Runs until SIGTERM; the exit code is Celery's."""
    parser = argparse.ArgumentParser(prog="python -m app.worker", description=__doc__)
    parser.add_argument("kind", choices=KINDS, help="the scan's steps, or rewards and what the timer sends")
    return KINDS[parser.parse_args().kind]()


if __name__ == "__main__":
    sys.exit(main())
