"""A home that version 0.1.0 made (home-0.1.0.tar.gz), opened by the code of today: nothing in it may be lost.

What the home holds and how it was made stands in README.md. Version 0.1.0's own answers are frozen in expected.json:
`python -m tests.upgrade` asks the code of today again and writes them; each difference is meant, or it is a loss.
"""
