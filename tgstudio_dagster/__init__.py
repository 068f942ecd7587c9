"""TG Studio: Telegram channels into topics, rankings and publishable packages, as Dagster assets."""

__version__ = "0.1.0"
