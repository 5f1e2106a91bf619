"""One line a happening, on standard error, where the engine collects it."""

from __future__ import annotations

import logging


def to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
