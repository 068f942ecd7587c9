"""Search over a tenant's whole history, by words and by meaning. No Dagster, no SQL, no catalog, no server.

`build.py` makes the lake's SEARCH_INDEX of a day; `find.py` answers a query from a local copy of those days.
"""
