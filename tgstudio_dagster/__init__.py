"""TG Studio: Telegram channels into topics, rankings and publishable packages, as Dagster assets."""

__version__ = "0.2.0"
