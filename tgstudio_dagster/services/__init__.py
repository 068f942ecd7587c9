"""All that a front end may do, for one principal: `Studio(principal, …)`. One module per noun; `facade.py` lists them.

Each module holds functions whose first argument is the studio; the facade names them as its methods.
"""

from tgstudio_dagster.services.facade import Studio

__all__ = ["Studio"]
