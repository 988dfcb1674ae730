"""What a fault did, in the figures of the table."""

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.chaos.clients import Scan


@dataclass(frozen=True)
class Result:
    """One fault. ``post_gap_s`` is the longest time without an accepted POST, ``completion_gap_s`` without a completed
    scan, ``recovered_s`` from the fault's beginning until everything was as before."""

    fault: str
    attempted: int
    accepted: int
    completed: int
    lost: int
    duplicated: int
    post_gap_s: float
    completion_gap_s: float
    recovered_s: float


COLUMNS = ("attempted", "accepted", "completed", "lost", "duplicated", "post_gap_s", "completion_gap_s", "recovered_s")


def longest_gap(times: Iterable[float]) -> float:
    """Seconds between two of them that follow each other; infinite for fewer than two."""
    ordered = sorted(times)
    return max((after - before for before, after in itertools.pairwise(ordered)), default=math.inf)


def summarised(fault: str, scans: Sequence[Scan], duplicated: int, recovered_s: float) -> Result:
    accepted = [scan for scan in scans if scan.task_id]
    completed = [scan for scan in accepted if scan.state == "completed"]
    return Result(
        fault=fault,
        attempted=len(scans),
        accepted=len(accepted),
        completed=len(completed),
        lost=len(accepted) - len(completed),
        duplicated=duplicated,
        post_gap_s=round(longest_gap(scan.accepted for scan in accepted), 2),
        completion_gap_s=round(longest_gap(scan.ended for scan in completed), 2),
        recovered_s=round(recovered_s, 1),
    )


def refusals(scans: Iterable[Scan]) -> str:
    """How often POST was answered by what else than 202, and how often by nothing."""
    refused = Counter(scan.fault or str(scan.status) for scan in scans if not scan.task_id)
    return ", ".join(f"{count} x {what}" for what, count in refused.most_common())


def table(results: Iterable[Result]) -> str:
    rows = [("fault", *COLUMNS), *((one.fault, *(f"{getattr(one, name):g}" for name in COLUMNS)) for one in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
