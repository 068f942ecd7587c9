"""The sample: ten invented channels over seven days, made on the spot, the same bytes every time.

`build(folder)` writes it; content/ holds what people wrote, the modules beside it what a machine adds.
"""

from __future__ import annotations

from tgstudio_dagster.sample.build import Sample, build

__all__ = ["Sample", "build"]
