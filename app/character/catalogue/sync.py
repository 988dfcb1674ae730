"""Keeps a process' catalogue in step with the database."""

import logging

from kombu import Connection
from sqlalchemy import Engine

from app import topology
from app.character.catalogue import store
from app.character.catalogue.messages import Unreadable, read_message
from app.character.catalogue.snapshot import Catalogue
from app.character.metrics import CATALOGUE_CHARACTERS, CATALOGUE_SYNCED, CATALOGUE_VERSION
from app.fanout import FanoutListener

logger = logging.getLogger(__name__)


def catalogue_listener(catalogue: Catalogue, database: Engine, broker: Connection) -> FanoutListener:
    """Loads the catalogue and applies its changes; it is not started yet."""

    def load() -> None:
        catalogue.replace(store.load(database))
        _observe(catalogue)

    return FanoutListener(
        broker,
        topology.CHARACTER_CACHE.name,
        load=load,
        apply=lambda body: apply_message(catalogue, body),
        on_synced=lambda: CATALOGUE_SYNCED.set(1),
        on_lost=lambda: CATALOGUE_SYNCED.set(0),
    )


def apply_message(catalogue: Catalogue, body: bytes) -> bool:
    """Takes over what a message says; False when the catalogue has to be loaded anew to know."""
    try:
        row = read_message(body)
    except Unreadable as error:
        logger.warning("a message about the catalogue is %s; loads it instead", error)
        return False
    if row is None:
        return False
    if catalogue.apply(row):
        logger.info("%s is %s, version %s", row.code, "removed" if row.deleted else "changed", row.version)
    _observe(catalogue)
    return True


def _observe(catalogue: Catalogue) -> None:
    CATALOGUE_VERSION.set(catalogue.snapshot.version)
    CATALOGUE_CHARACTERS.set(len(catalogue.snapshot.active))
