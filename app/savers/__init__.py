"""character-worker and users-worker: they keep in PostgreSQL what was granted, each its own table, in batches."""
