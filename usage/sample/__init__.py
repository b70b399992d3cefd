"""A sample of Autumn's API, version 2.1, over SQLite: events, and names and balances. The other side of the wire.

``SampleApp`` is a WSGI app for ``httpx.WSGITransport`` or, by ``python -m usage.sample``, for a port.
``Store`` keeps its events, and can fill itself with a story of 250,000 of them.
"""

from usage.sample.app import SAMPLE_KEY, SampleApp
from usage.sample.store import Store

__all__ = ["SAMPLE_KEY", "SampleApp", "Store"]
