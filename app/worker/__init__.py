"""scan-worker and reward-worker: Celery's worker with a thread for each task, its health and its metrics."""
