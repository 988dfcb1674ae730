"""What the Character service counts."""

from prometheus_client import Counter, Gauge, Histogram

CALLS = Counter("character_calls_total", "Calls of GrantReward, by the gRPC status of their answer.", ["code"])
DECISIONS = Counter(
    "character_decisions_total",
    "Answers, by their status and whether the task had been decided before.",
    ["status", "repeated"],
)
SECONDS = Histogram(
    "character_grant_seconds",
    "Time that a call of GrantReward took.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5),
)
CATALOGUE_VERSION = Gauge("character_catalogue_version", "The newest version among the catalogue's rows in memory.")
CATALOGUE_CHARACTERS = Gauge("character_catalogue_characters", "Characters in memory that can be earned.")
CATALOGUE_SYNCED = Gauge("character_catalogue_synced", "1 while changes of the catalogue reach this process.")
DATABASE_UP = Gauge("character_database_up", "1 while the database takes decisions.")
