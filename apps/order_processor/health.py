"""The container's health check, `python -m order_processor.health [SECONDS]`: every loop is alive."""

from __future__ import annotations

import sys

from order_processor.heartbeat import silent_loops
from orders import health_watch


def look() -> str:
    silent = silent_loops()
    return f"no sign of life from: {', '.join(silent)}" if silent else ""


def main() -> int:
    return health_watch.main(look, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
