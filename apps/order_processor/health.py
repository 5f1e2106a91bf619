"""The container's health check, `python -m order_processor.health`: every loop is alive."""

from __future__ import annotations

import sys

from order_processor.heartbeat import silent_loops


def main() -> int:
    silent = silent_loops()
    if silent:
        print(f"no sign of life from: {', '.join(silent)}", file=sys.stderr)
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main())
