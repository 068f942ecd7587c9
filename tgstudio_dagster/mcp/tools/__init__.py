"""The tools, one module per noun. They are put together in registry.py."""
