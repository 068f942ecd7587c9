"""Search over a tenant's whole history, by words and by meaning. No Dagster, no SQL, no catalog, no server.

`build.py` makes the lake's SEARCH_INDEX of a day; `find.py` answers a query from a local copy of those days.
"""

VERSION = "2"
"""Of the code that makes the index of a day: raise it when equal inputs give other results than before."""
