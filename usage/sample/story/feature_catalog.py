"""The features that ``features.list`` has in a store with the story."""

from typing import Any

Feature = dict[str, Any]

NAMES_OF_EXPORTS = ("export_pdf", "export_csv", "report_sent")
CREDIT_COSTS = {"image_renders": 0.2, "video_minutes": 1.5}
TWENTY = tuple(f"meter_{number:02}" for number in range(1, 21))
SEVENTY = tuple(f"grid_{number:02}" for number in range(1, 71))


def _metered(feature_id: str, name: str, singular: str | None, plural: str | None, **more: object) -> Feature:
    return {
        "id": feature_id,
        "name": name,
        "type": "metered",
        "consumable": True,
        "event_names": [],
        "display": {"singular": singular, "plural": plural},
        "archived": False,
    } | more


def _without_display(feature: Feature) -> Feature:
    return {name: value for name, value in feature.items() if name != "display"}


def _switch(feature_id: str, name: str, *, archived: bool = False) -> Feature:
    return _without_display(
        _metered(feature_id, name, None, None, type="boolean", consumable=False, archived=archived)
    )


SCHEMA = [{"metered_feature_id": feature, "credit_cost": cost} for feature, cost in CREDIT_COSTS.items()]

# Archived ones are last in the response, whatever their position here. A credit system without credit_schema
# has rates of a kind that this version of the API cannot write.
FEATURES: tuple[Feature, ...] = (
    _metered("api_calls", "API calls", "call", "calls"),
    _metered("ai_tokens", "AI tokens", "token", "tokens"),
    _metered("emails", "E-mails sent", "e-mail", "e-mails"),
    _metered("legacy_sync", "Sync (before 2025)", "sync", "syncs", archived=True),
    _metered("storage_gb", "Storage", "GB", "GB"),
    _metered("seats", "Seats", "seat", "seats", consumable=False),
    _switch("sso", "Single sign-on"),
    _switch("audit_log_beta", "Audit log (beta)", archived=True),
    _metered("image_renders", "Image renders", "image", "images"),
    _metered("video_minutes", "Video", "minute", "minutes"),
    _metered("credits", "Credits", "credit", "credits", type="credit_system", credit_schema=SCHEMA),
    _metered("print_credits", "Print credits", "credit", "credits", type="credit_system"),
    _metered(
        "ai_credits",
        "AI credits",
        "$",
        "$",
        type="ai_credit_system",
        credit_schema=[],
        default_markup=20,
        model_markups={"sonata-2": {"markup": 35}},
        provider_markups={},
    ),
    _metered("exports", "Exports", "export", "exports", event_names=[*NAMES_OF_EXPORTS]),
    _metered(
        "notifications", "Notifications", "message", "messages", event_names=["report_sent", "push_sent"]
    ),
    _metered("tile_requests", "Map tiles", "tile", "tiles"),
    _metered("seats_yearly", "Yearly map licenses", "license", "licenses"),
    _metered("precise_units", "Precise units", " ", None),
    _metered("ticks", "Ticks", "tick", "ticks"),
    _metered("lambda_ms", "Compute time", "ms", "ms"),
    _without_display(_metered("clock_ticks", "", None, None)),
    *(_metered(feature, f"Meter {feature[-2:]}", "unit", "units") for feature in TWENTY),
    *(_metered(feature, f"Grid line {feature[-2:]}", "kWh", "kWh") for feature in SEVENTY),
)
