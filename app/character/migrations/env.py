"""Alembic's environment. The connection and its transaction are the caller's (app/character/migrate.py)."""

from alembic import context

from app.character.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
