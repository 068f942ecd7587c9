"""Version of what this room makes."""

VERSION = "1"
"""Of the code that makes merged posts and their versions, counters, media and lines: raise it when equal inputs give
other results than before."""
