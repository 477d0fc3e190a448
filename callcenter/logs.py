"""How this software logs: one line a message, fields after it; never a person's name or number.

Tracebacks come without the values of variables: those could be a caller's.
"""

import structlog


def set_up() -> None:
    """Log to standard output from now on; call once, at the start of a process."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], drop_missing=True),
        ],
        cache_logger_on_first_use=True,
    )
