"""What the automatic replay counts. The label is the work queue's name."""

from prometheus_client import Counter, Gauge

REPLAYED = Counter("deadletters_replayed_total", "Dead letters that were given another try.", ["queue"])
ARCHIVED = Counter("deadletters_archived_total", "Dead letters that used their tries up and were archived.", ["queue"])
UNREADABLE = Gauge("deadletters_unreadable", "Dead letters that nobody can read, left for people.", ["queue"])
STOPPED = Counter(
    "deadletters_replay_stopped_total", "Replays that were ended early, by what was amiss.", ["queue", "by"]
)
