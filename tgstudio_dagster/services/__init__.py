"""What a person or a program may do: one class a noun on a `Scope`, the rights of each action in policy.py.

Pages, routes, tools and commands call `Studio` and nothing else. What is computed stands in the rooms below.
"""

from tgstudio_dagster.services.studio import Studio

__all__ = ["Studio"]
