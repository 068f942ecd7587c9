"""The rows of the newsroom's tables as records: frozen, typed, checked when they are read. One module a noun.

What a model says passes through the newsroom in these and in `ai/protocols.py`, never in dicts. What a column means is in
`lake/tables/newsroom.py`.
"""
