"""The pages, one file each; `navigation.py` lists them."""
