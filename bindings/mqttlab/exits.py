"""Exit codes of the command line."""

from __future__ import annotations

__all__ = ["FINDINGS", "INTERRUPTED", "NOT_APPLICABLE", "OK", "TROUBLE", "USAGE"]

OK, FINDINGS, USAGE, TROUBLE, NOT_APPLICABLE, INTERRUPTED = 0, 1, 2, 3, 4, 130
