"""Version of what this room makes."""

VERSION = "2"
"""Of the code that makes features, topics, the map, rankings: raise it when equal inputs give other results than before."""
