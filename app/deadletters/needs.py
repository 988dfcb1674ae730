"""What must be well before letters are given another try: a try during an outage is a try wasted."""

from collections.abc import Callable
from typing import Protocol

from app import topology
from app.deadletters.office import Office
from app.deadletters.post import NoSuchQueue

BACKLOG = 500
"""Messages that lie ready. Consumers hold up to 100, so many wait only when those get nowhere: without a database."""


class Character(Protocol):
    """What is needed of ``app.character.client.CharacterClient``."""

    def is_serving(self) -> bool: ...


Complaint = Callable[[Office, str], str | None]
"""What is missing for a work queue's messages to be worked on; None when all is there."""


def complaint_about(character: Character) -> Complaint:
    """The checks of every queue that is replayed. The first one that fails is told."""

    def complaint(office: Office, queue: str) -> str | None:
        if found := _about_queue(office, queue):
            return found
        if queue == topology.REWARD_TASK.queue and not character.is_serving():
            return "Character does not serve"
        return None

    return complaint


def _about_queue(office: Office, queue: str) -> str | None:
    try:
        ready, consumers = office.count(queue)
    except NoSuchQueue:
        return f"{queue} is not there"
    if not consumers:
        return f"nobody takes messages from {queue}"
    if ready > BACKLOG:
        return f"{ready} messages wait in {queue}"
    return None
