"""The web app: sign-in, pages, the REST interface and language models' tools on one origin.

It asks `Studio(principal)` and never computes; no run is started here, and Dagster is not imported.
"""
