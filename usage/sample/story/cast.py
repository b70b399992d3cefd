"""The forty customers of the story, and the names they use."""

from typing import NamedTuple

FEATURES = ("api_calls", "ai_tokens", "emails", "storage_gb", "seats")

# The share of each feature in a customer's events, in the order of FEATURES.
KINDS: dict[str, tuple[float, ...]] = {
    "ai": (0.38, 0.52, 0.03, 0.05, 0.02),
    "api": (0.72, 0.12, 0.06, 0.08, 0.02),
    "mail": (0.24, 0.08, 0.58, 0.07, 0.03),
    "files": (0.30, 0.10, 0.05, 0.51, 0.04),
}


class Customer(NamedTuple):
    """``per_day``: events on an average day. ``growth``: how much more there are at the end, 1 for twice.

    ``cycle_day``: days before the story's epoch on which the subscription began, None for no subscription.
    ``shift``: hours by which the customer's day is ahead of UTC. ``entities``: how many there are.
    """

    id: str
    per_day: float
    kind: str
    growth: float
    plan: str | None
    cycle_day: int | None
    interval: str = "month"
    shift: int = 0
    entities: int = 0


CUSTOMERS = (
    Customer("acme-robotics", 545, "ai", 0.6, "enterprise", 400, shift=1, entities=6),
    Customer("globex", 330, "ai", 0.4, "enterprise", 287, "quarter", shift=-5, entities=4),
    Customer("initech", 225, "api", 0.2, "scale", 190, shift=-6),
    Customer("hooli", 170, "ai", 0.9, "scale", 156, shift=-8, entities=3),
    Customer("umbrella-health", 125, "files", 0.3, "scale", 222, shift=1),
    Customer("stark-logistics", 98, "api", 0.5, "scale", 133, shift=-5),
    Customer("pied-piper", 84, "files", 0.8, "pro", 141, shift=-8),
    Customer("wonka-foods", 70, "mail", 0.1, "pro", 365, "year"),
    Customer("cyberdyne", 62, "ai", 1.2, "pro", 77, shift=-7, entities=2),
    Customer("tyrell-biotech", 54, "ai", 0.3, "pro", 99, shift=9),
    Customer("soylent", 45, "mail", -0.3, "pro", 310),
    Customer("massive-dynamic", 38, "api", 0.4, "pro", 45, shift=-5),
    Customer("aperture-science", 33, "ai", 0.7, "pro", 128),
    Customer("black-mesa", 28, "files", -0.2, "pro", 260),
    Customer("vandelay-imports", 24, "mail", 0.1, "starter", 88, shift=-5),
    Customer("dunder-mifflin", 21, "mail", 0.0, "starter", 201, shift=-5, entities=5),
    Customer("gringotts", 18, "api", 0.2, "starter", 64, "week"),
    Customer("monsters-inc", 16, "files", 0.5, "starter", 50),
    Customer("los-pollos", 14, "mail", 0.2, "starter", 118, shift=-7),
    Customer("prestige-worldwide", 12, "api", 1.0, "starter", 39),
    Customer("oscorp", 11, "ai", 0.3, "starter", 93),
    Customer("nakatomi-trading", 10, "api", 0.1, "starter", 170, shift=9),
    Customer("weyland-mining", 9, "files", 0.6, "starter", 82),
    Customer("duff-beverages", 8, "mail", -0.1, "free", None),
    Customer("sirius-cybernetics", 7, "ai", 0.9, "starter", 31),
    Customer("planet-express", 6.5, "api", 0.2, "free", None),
    Customer("bluth-homes", 6, "mail", -0.4, "free", None),
    Customer("café-müller", 5.5, "mail", 0.3, "starter", 73, shift=1),
    Customer("kōbe-牛-電子", 5, "api", 0.4, "starter", 59, shift=9),
    Customer("mallory-labs", 5, "ai", 0.2, "free", None),
    Customer("virtucon", 4.5, "api", 0.0, None, None),
    Customer("spacely-sprockets", 4, "files", 0.2, "free", None),
    Customer("strickland-propane", 3.5, "mail", 0.0, "free", None),
    Customer("tiny-tools", 3, "api", 0.1, None, None),
    Customer("krusty-catering", 2.5, "mail", 0.2, "free", None),
    Customer("north/south 50% &co", 2, "api", 0.3, "free", None),
    Customer("<script>alert(1)</script>", 2, "api", 0.1, "free", None),
    Customer('=HYPERLINK("http://x")', 1.5, "mail", 0.1, None, None),
    Customer("pay\u202elive-ton", 1.2, "ai", 0.1, None, None),
    Customer("first-try", 0.5, "api", 0.0, None, None),
)

MODELS = (
    "gpt-large",
    "gpt-small",
    "embed-3",
    "sonata-2",
    "rerank",
    "vision",
    "mini-chat",
    "haiku-lite",
    "transcribe",
    "speech-hd",
    "codegen-7",
    "translate",
    "moderate",
    "ocr-fast",
)
REGIONS = ("eu-west", "us-east", "us-west", "ap-south", "ap-northeast", "sa-east")
STATUSES = (200,) * 46 + (429, 404, 500, 503)
TIERS = ("standard", "priority", "batch")
CLIENTS = ("5.2.0", "5.1.3", "4.9.11", "5.3.0-beta.1")
PEOPLE = ("ana", "bo", "chen", "dara", "emil", "fatima", "goran", "hana", "ivo", "june", "kofi", "lea")
ENDPOINTS = {
    "api_calls": ("/v1/items", "/v1/items/{id}", "/v1/search", "/v1/export", "/v1/webhooks"),
    "ai_tokens": ("/v1/chat", "/v1/complete", "/v1/embeddings"),
    "emails": ("/v1/send", "/v1/send/batch"),
    "storage_gb": ("/v1/files", "/v1/snapshots"),
    "seats": ("/v1/members",),
}

# Hostile property values. Two customers send them all the time.
HOSTILE_CUSTOMERS = frozenset({"mallory-labs", "<script>alert(1)</script>"})
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "javascript:alert(document.domain)",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "\u202egnp.exe",
    "{{7*7}}",
    "AUTUMN_RESERVED",
    "Other",
    "(none)",
    '"><svg onload=alert(1)>',
    "a\nb\tc\u0000d",
    "</script><script>alert(1)</script>",
)
