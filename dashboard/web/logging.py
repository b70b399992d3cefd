"""Logs: a JSON object a line, to standard error, from which share tokens and secrets are cut."""

from __future__ import annotations

import logging
import logging.config
import re
from secrets import token_hex
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from dashboard import messages
from dashboard.web.env import Unusable

# Django and the server put whole paths into sentences of their own, so tokens are cut from every text. People
# break links in many ways, with spaces, slashes and quotes: what follows /s/ is cut up to the end of the
# line. Elsewhere, whatever is long and mixed enough to be a token is cut.
LINK = re.compile(r"(/(?:s|%73)(?:/|%2f)+)[^\n]*", re.IGNORECASE)
TOKEN = re.compile(r"(/s/)[^/\s\"'?#\\]+")
ANYWHERE = re.compile(r"(?<![\w-])(?=[\w-]*[A-Z])(?=[\w-]*[a-z])[\w-]{43,}", re.ASCII)
HALF = re.compile(r"[\w-]{17,}", re.ASCII)
"""Half a token and more, and longer than the name of a link."""

REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")

SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


def redacted(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "[secret]")
    return ANYWHERE.sub("[token]", TOKEN.sub(r"\1[token]", text))


def cut(_: Any, __: str, event: EventDict) -> EventDict:
    """From texts before they are JSON, whose escapes would run into a token."""
    return {
        name: redacted(LINK.sub(r"\1[token]", value), []) if isinstance(value, str) else value
        for name, value in event.items()
    }


def bind_request_id(proposed: str) -> str:
    """The ID that all log lines have from now on that belong to this request: the proposed one where it can
    be one. What a line would cut as a token cannot.
    """
    is_usable = REQUEST_ID.fullmatch(proposed) and not ANYWHERE.search(proposed)
    request_id = proposed if is_usable else token_hex(16)
    structlog.contextvars.bind_contextvars(request_id=request_id)
    return request_id


def unbind_request_id(**signal: Any) -> None:
    """After the last byte of a response."""
    structlog.contextvars.unbind_contextvars("request_id")


class LineFormatter(structlog.stdlib.ProcessorFormatter):
    def __init__(self, *, secrets: list[str], **kwargs: Any) -> None:
        last: list[Processor] = [self.remove_processors_meta, cut, structlog.processors.JSONRenderer()]
        super().__init__(foreign_pre_chain=SHARED, processors=last, **kwargs)
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record), self._secrets)


def configure(level: str, secrets: list[str]) -> None:
    if level not in logging.getLevelNamesMapping():
        raise Unusable(messages.NOT_A_LOG_LEVEL.format(level=level))
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": {"()": LineFormatter, "secrets": secrets}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"handlers": ["stderr"], "level": level},
            # The access log has each 4xx; a second line for it says nothing more.
            "loggers": {"django.request": {"level": "ERROR"}, "httpx": {"level": "WARNING"}},
        }
    )
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
