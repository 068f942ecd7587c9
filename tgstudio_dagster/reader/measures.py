"""What is measured of a reader, for Prometheus."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

READINGS = Counter("tgstudio_readings_total", "Readings, by kind and result.", ["kind", "result"])
SECONDS = Histogram(
    "tgstudio_reading_seconds", "Length of a reading.", ["kind"], buckets=(0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)
)
POSTS = Counter("tgstudio_posts_landed_total", "Posts that landed: new, seen again, comments.", ["kind"])
BYTES = Counter("tgstudio_media_bytes_total", "Bytes of files that were downloaded.")
WAITS = Counter("tgstudio_flood_waits_total", "Flood waits too long to sleep, by method.", ["method"])
HINTS = Counter("tgstudio_hints_total", "What was heard live, by kind.", ["kind"])
SESSIONS = Gauge("tgstudio_sessions", "Sessions that are connected.")
TENANTS = Gauge("tgstudio_tenants_read", "Tenants that are being read now.")
LOOKED = Gauge("tgstudio_reader_looked_seconds", "When the catalog was last looked at, in seconds since 1970.")
EVENTS = Counter("tgstudio_dagster_reports_total", "Reports to Dagster, by result.", ["result"])
