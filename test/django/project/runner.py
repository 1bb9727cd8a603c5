"""Django's own test runner, which also says why a test was skipped."""

from __future__ import annotations

import sys
from typing import Any

from django.test.runner import DiscoverRunner


class Runner(DiscoverRunner):
    """Used by ``manage.py test``."""

    def suite_result(self, suite: Any, result: Any, **kwargs: Any) -> int:
        """The number of failures, after a line for each test that did not run."""
        for test, reason in result.skipped:
            print(f"skipped {test}: {reason}", file=sys.stderr)
        return super().suite_result(suite, result, **kwargs)
