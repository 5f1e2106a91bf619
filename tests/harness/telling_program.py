"""Runs in the application's own image, with the application's own telemetry: tells of one thing after the other, and how long that took it.

A line on standard output is a dictionary: `tick` counts, `slowest` is the longest that telling took so far, in seconds.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time

from opentelemetry import metrics, trace

from orders.settings import Release
from orders.telemetry import Telemetry

stopping = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopping.set())
logging.getLogger("orders").setLevel(logging.INFO)
telemetry = Telemetry.begin("teller", Release("test", "blue", "0.1.0-teller", "0.1.0"), os.environ)
tracer = trace.get_tracer("tests")
ticks = metrics.get_meter("tests").create_counter("tests.ticks")
pause = 1 / float(os.environ["TICKS_PER_SECOND"])
tick, slowest = 0, 0.0
while not stopping.wait(pause):
    tick += 1
    began = time.monotonic()
    with tracer.start_as_current_span("tick"):
        ticks.add(1)
        logging.getLogger("orders").info("tick %d", tick)
    slowest = max(slowest, time.monotonic() - began)
    sys.stdout.write(json.dumps({"tick": tick, "slowest": slowest}) + "\n")
    sys.stdout.flush()
telemetry.stop(1.0)
