"""Attacks on a running studio: each file tries one kind, and sees what comes of it."""
