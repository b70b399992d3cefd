"""Which requests wait for Autumn: each takes a place when it must, and returns it with its answer's end."""

from __future__ import annotations

from functools import cache
from threading import BoundedSemaphore
from typing import Any

from django.conf import settings
from django.core.signals import request_finished, request_started
from django.db import connections

from dashboard.server.dispatch import name_of_link, pause_turn, verify_visitor
from usage.api.waiting import Waiter, WaitingPlaces, current_waiter, kept_free

WAITING_SIGN_INS = 4


@cache
def sign_in_places(at_once: int) -> BoundedSemaphore:
    """Requests that hash a password, wait for it, or wait for the OpenID Connect provider. With those that
    wait for Autumn they leave a thread.
    """
    left = kept_free(settings.WEB_THREADS) - 1
    return BoundedSemaphore(max(at_once, min(at_once + WAITING_SIGN_INS, left)))


@cache
def places() -> WaitingPlaces:
    """Those of this process."""
    return WaitingPlaces.of_threads(settings.WEB_THREADS)


def count_requests() -> None:
    """Count requests from now on. A file's request lasts until its last byte, which only the signals tell."""
    request_started.connect(_begin, dispatch_uid="waiting.begin")
    request_finished.connect(_end, dispatch_uid="waiting.end")


def count_for_link(link: str) -> None:
    """Count this request among those below one share link, which is a valid one."""
    verify_visitor(name_of_link(link))
    waiter = current_waiter.get()
    if waiter is not None:
        waiter.link = link


def _begin(environ: dict[str, Any], **signal: Any) -> None:
    _end()  # where the last request of this thread broke off
    view = f"{environ.get('PATH_INFO', '')}?{environ.get('QUERY_STRING', '')}"
    current_waiter.set(Waiter(places(), view, _before_wait))


def _end(**signal: Any) -> None:
    waiter = current_waiter.get()
    if waiter is not None:
        waiter.leave()
        current_waiter.set(None)


def _before_wait() -> None:
    """A request that waits needs no connection meanwhile, and PostgreSQL has few of them."""
    pause_turn()
    for connection in connections.all(initialized_only=True):
        if connection.vendor != "sqlite" and not connection.in_atomic_block:
            connection.close()
