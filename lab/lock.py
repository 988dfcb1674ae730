"""One ``up`` or ``down`` at a time on a machine."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from lab.errors import LabError


@contextmanager
def exclusive() -> Iterator[None]:
    """Be the only ``up`` or ``down`` on this machine. The lock leaves no file and ends with this process."""
    with socket.socket(socket.AF_UNIX) as lock:
        try:
            lock.bind("\0eco2-lab")
        except OSError:
            raise LabError("another `up` or `down` of the lab is running on this machine") from None
        yield
