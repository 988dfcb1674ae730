"""From the photo to the reward."""

from infra.monitoring.burn_rate import ratio
from infra.monitoring.dashboards.panels import Dashboard, Panel, Unit, quantiles
from infra.monitoring.queries import MESSAGES, POST, WORK_QUEUES, of_queues

PIPELINE = Dashboard(
    name="pipeline",
    title="Pipeline",
    panels=(
        Panel(
            title="Requests",
            unit=Unit.PER_SECOND,
            queries={
                "{{route}} {{status}}": 'sum by (route, status) (rate(http_requests_total{route!="/metrics"}[5m]))'
            },
        ),
        Panel(
            title="Seconds of a POST",
            unit=Unit.SECONDS,
            queries=quantiles("http_request_seconds", where=POST),
        ),
        Panel(
            title="POSTs that fail",
            unit=Unit.SHARE,
            description="Answers of 500 and above. The promise is less than 0.1 % over 30 days.",
            queries={"5 minutes": ratio("5m"), "1 hour": ratio("1h"), "3 days": ratio("3d")},
        ),
        Panel(
            title="Scans",
            unit=Unit.PER_SECOND,
            queries={
                "accepted": "sum(rate(scans_accepted_total[5m]))",
                "{{status}}": "sum by (status) (rate(scans_finished_total[5m]))",
            },
        ),
        Panel(
            title="Outbox",
            unit=Unit.COUNT,
            description="Scans that were accepted and that the broker has not got, and the age of the oldest.",
            queries={"scans": "max(scan_outbox_entries)", "seconds": "max(scan_outbox_oldest_seconds)"},
        ),
        Panel(
            title="Messages in work queues",
            unit=Unit.COUNT,
            queries={"{{queue}}": of_queues(MESSAGES, WORK_QUEUES)},
        ),
        Panel(
            title="Running tasks",
            unit=Unit.COUNT,
            queries={"{{task}}": "sum by (task) (scan_tasks_in_flight)"},
        ),
        Panel(
            title="Ends of tasks",
            unit=Unit.PER_SECOND,
            queries={"{{task}} {{end}}": "sum by (task, end) (rate(scan_tasks_ended_total[5m]))"},
        ),
        Panel(
            title="Seconds of a task",
            unit=Unit.SECONDS,
            queries=quantiles("scan_task_seconds", by="task"),
        ),
        Panel(
            title="Seconds that a task waits",
            unit=Unit.SECONDS,
            description="From the publishing of its message to its start, of first tries.",
            queries=quantiles("scan_task_wait_seconds", by="task"),
        ),
        Panel(
            title="Rewards",
            unit=Unit.PER_SECOND,
            queries={
                "{{status}}": "sum by (status) (rate(character_decisions_total[5m]))",
                "calls, {{code}}": "sum by (code) (rate(character_calls_total[5m]))",
            },
        ),
        Panel(
            title="Event streams",
            unit=Unit.COUNT,
            queries={"open": "sum(scan_event_streams)"},
        ),
        Panel(
            title="Memory of Redis",
            unit=Unit.BYTES,
            queries={"used": "redis_memory_used_bytes", "bound": "redis_memory_max_bytes"},
        ),
        Panel(
            title="Connections of PostgreSQL",
            unit=Unit.COUNT,
            queries={
                "{{datname}}": "sum by (datname) (pg_stat_database_numbackends)",
                "bound": "max(pg_settings_max_connections)",
            },
        ),
        Panel(
            title="Memory of processes",
            unit=Unit.BYTES,
            queries={"{{job}}": "sum by (job) (process_resident_memory_bytes)"},
        ),
    ),
)
