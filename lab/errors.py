"""The one exception that the lab shows without a traceback."""


class LabError(Exception):
    """Something a person can act on. Its text is complete: what was tried, what was seen, and what to do if known."""
