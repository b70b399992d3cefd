"""Says in a terminal what /setup/ says."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from dashboard.setup.checks import checks

SIGNS = {"ok": "✓", "warning": "!", "failed": "✗", "unknown": "?"}


class Command(BaseCommand):
    help = (
        "Check the key, Autumn, the clock, cache, database and disk. Exits with 1 where something is wrong."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        found = checks()
        for check in found:
            self.stdout.write(f"{SIGNS[check.state]} {check.name}: {check.found}")
            if check.remedy:
                self.stdout.write(f"  → {check.remedy}")
        if any(check.state == "failed" for check in found):
            sys.exit(1)
