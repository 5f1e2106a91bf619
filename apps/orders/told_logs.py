"""Log lines as OpenTelemetry's records, each with the trace that it belongs to."""

from __future__ import annotations

import logging

from opentelemetry._logs import LoggerProvider, LogRecord, SeverityNumber

from orders import logs

_SEVERITIES = {
    logging.DEBUG: SeverityNumber.DEBUG,
    logging.INFO: SeverityNumber.INFO,
    logging.WARNING: SeverityNumber.WARN,
    logging.ERROR: SeverityNumber.ERROR,
    logging.CRITICAL: SeverityNumber.FATAL,
}


class ToldLogs(logging.Handler):
    def __init__(self, provider: LoggerProvider) -> None:
        super().__init__(logging.INFO)
        self._provider = provider
        # What telemetry says about itself would be told over and over while it cannot be told.
        self.addFilter(lambda record: not logs.is_about_telemetry(record))

    def emit(self, record: logging.LogRecord) -> None:
        attributes = {}
        if record.exc_info and record.exc_info[1]:
            error = record.exc_info[1]
            attributes = {"exception.type": logs.name_of(error), "exception.stacktrace": logs.traceback_of(error)}
        try:
            self._provider.get_logger(record.name).emit(
                LogRecord(
                    timestamp=int(record.created * 1e9),
                    severity_number=_SEVERITIES.get(record.levelno, SeverityNumber.INFO),
                    severity_text=record.levelname,
                    body=logs.without_secrets(record.getMessage()),
                    attributes=attributes,
                )
            )
        except Exception:
            self.handleError(record)
