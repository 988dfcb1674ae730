"""The steps of a scan: plain functions over their dependencies. app/tasks.py makes Celery tasks of them."""
