"""Asks a program whether it is ready, and says what was seen when it is not."""

import socket
import ssl
import urllib.error
import urllib.request
from pathlib import Path

_TIMEOUT_SECONDS = 2.0
_SHOWN_CHARACTERS = 300


class NotReady(Exception):
    """The program does not answer as it should. The text is what was seen."""


def probe(address: str, authority: Path | None = None) -> None:
    """Return if what lies at ``address`` is ready.

    ``http://`` and ``https://`` must answer 200 (https is checked against ``authority``), ``unix:PATH`` must accept a
    connection. Raises ``NotReady``.
    """
    try:
        if address.startswith("unix:"):
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(_TIMEOUT_SECONDS)
                client.connect(address.removeprefix("unix:"))
        else:
            context = ssl.create_default_context(cafile=authority) if authority else None
            direct = urllib.request.build_opener(
                urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
            )
            direct.open(address, timeout=_TIMEOUT_SECONDS).close()
    except urllib.error.HTTPError as error:
        with error:
            raise NotReady(f"{error.code}: {error.read(_SHOWN_CHARACTERS).decode(errors='replace').strip()}") from None
    except urllib.error.URLError as error:
        raise NotReady(str(error.reason)) from None
    except OSError as error:
        raise NotReady(str(error)) from None
