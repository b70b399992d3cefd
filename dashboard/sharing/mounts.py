"""Where the pages of a link are mounted: for its recipient, and for its owner's preview."""

from __future__ import annotations

from functools import partial
from typing import Any

from dashboard.forms import saved_query
from dashboard.mount import Exporter, Mount, Page
from dashboard.names.labels import Labels
from dashboard.sharing import links
from dashboard.sharing.models import Share
from dashboard.sharing.snapshots import usage_of
from dashboard.sharing.summary import link_summary
from usage.query import BadQuery
from usage.service import Usage

PAGES: tuple[tuple[Page, str], ...] = (("usage", "Usage"), ("events", "Events"))


def recipient_mount(share: Share, recipient: str) -> Mount:
    """The pages of a link, for the browser that `recipient` identifies."""
    still_open = partial(_is_open, share.pk, share.password_version)
    group = f"share:{share.pk}:"  # opening the link again makes another recipient
    exporter = Exporter(f"{group}{recipient}", f"link {share.pk}", still_open, group)
    return link_mount(share, share.root, usage_of(share), exporter, "shared_", preview=False)


def link_mount(
    share: Share, root: str, usage: Usage, exporter: Exporter, names: str, **context: Any
) -> Mount:
    """The pages of a link below `root`, whose routes' names begin with `names`.

    Templates are given `context` too.
    """
    pages = [(f"{names}{name}", f"{root}{name}/", text) for name, text in PAGES]
    context |= {"frame": "sharing/recipient/frame.html", "pages": pages, "about": link_summary(share)}
    entrance = f"{root}usage/?{share.view}"
    return Mount(usage, exporter, root, _groupings(share), names, entrance, context, _labels(share, usage))


def _labels(share: Share, usage: Usage) -> Labels:
    """Names of features; of the customer, its name, plans and balances, what the link shows of them."""
    labels = Labels(start_features=usage.start_feature_names, event_names=False)
    if share.customer_name or share.plans or share.balances:
        labels.start_details = usage.start_customer
    if share.customer_name:
        labels.customer_name = lambda _: _name_of(labels)
    return labels


def _name_of(labels: Labels) -> str | None:
    labels.begin_details(None)
    customer = labels.details()
    return None if customer is None else customer.name


def _groupings(share: Share) -> tuple[str, ...] | None:
    """What a snapshot's figures can be grouped by: as its view is, or by nothing; None for figures that are
    live.
    """
    if not share.snapshot:
        return None
    try:
        by = saved_query(share.view).group_by
    except BadQuery:
        by = None  # the page says what is wrong with the view
    return () if by is None else (by,)


def _is_open(share_id: str, password_version: int) -> bool:
    """Whether what was opened so is open still: a new password ends what an earlier one opened."""
    share = links.find(share_id)
    return share is not None and share.password_version == password_version
