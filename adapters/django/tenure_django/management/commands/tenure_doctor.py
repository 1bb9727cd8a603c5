"""``manage.py tenure_doctor``: is everything between this project and the billing server right?"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenure_django.doctor import examine


class Command(BaseCommand):
    """Prints one line a check; exit 1 when one of them failed."""

    help = "Check the settings, the billing server, identity, clocks, cache and webhooks."
    requires_system_checks: list[str] = []  # wrong settings are findings here, not a refusal to run

    def add_arguments(self, parser: ArgumentParser) -> None:
        """``--json`` for programs."""
        parser.add_argument("--json", action="store_true", help="print the findings as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run every check that can run."""
        findings = list(examine())
        if options["json"]:
            self.stdout.write(json.dumps([finding.as_dict() for finding in findings], indent=2))
        else:
            styles = {"ok": self.style.SUCCESS, "warn": self.style.WARNING, "fail": self.style.ERROR}
            for finding in findings:
                self.stdout.write(f"{styles[finding.level](finding.level):6} {finding.text}")
                if finding.fix:
                    self.stdout.write(f"       -> {finding.fix}")
        failed = sum(finding.level == "fail" for finding in findings)
        if failed:
            raise CommandError(f"{failed} check(s) failed.")
