"""Freeze anew what the old home answers: python -m tests.upgrade"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from tests.upgrade.old_home import AFTER, BEFORE, EXPECTED, OldHome, answers

with tempfile.TemporaryDirectory(prefix="tgstudio_upgrade_") as folder:
    home = OldHome(Path(folder) / "home")
    before = {"rows": home.counts(), "settings": home.run("tenant", "settings", "acme"), **answers(home, BEFORE)}
    home.run("materialize", "--tenant", "acme", "--json")
    frozen = {"before": before, "after": answers(home, AFTER)}
EXPECTED.write_text(json.dumps(frozen, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
