"""Version of what this room makes."""

VERSION = "2"
"""Of the code that makes texts, briefs, images, packages, exports: raise it when equal inputs give other results than before."""
