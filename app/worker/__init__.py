"""scan-worker: Celery's worker with a thread for each step, its health and its metrics."""
