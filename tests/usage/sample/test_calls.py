"""Fields, errors, rate limit and older servers: the contract's table, row by row."""

import threading

import httpx
import pytest

from .conftest import HOUR, MakeOrg, Organisation, between, ms

NOON = "2025-11-10T12:00"
DAY_10 = between("2025-11-10", "2025-11-11")


@pytest.mark.parametrize(
    ("call", "body", "field"),
    [
        ("listing", {"offset": -1}, "offset"),
        ("listing", {"offset": 1.5}, "offset"),
        ("listing", {"offset": "0"}, "offset"),
        ("listing", {"limit": 0}, "limit"),
        ("listing", {"limit": 1001}, "limit"),
        ("listing", {"limit": None}, "limit"),
        ("listing", {"customer_id": 7}, "customer_id"),
        ("listing", {"feature_id": []}, "feature_id"),
        ("listing", {"feature_id": ["a", 1]}, "feature_id[1]"),
        ("listing", {"custom_range": {"start": "today"}}, "custom_range.start"),
        ("listing", {"custom_range": {"end": -1}}, "custom_range.end"),
        ("listing", {"custom_range": {"end": 1e300}}, "custom_range.end"),
        ("listing", {"custom_range": 5}, "custom_range"),
        ("aggregate", {"feature_id": 5}, "feature_id"),
        ("aggregate", {"feature_id": []}, "feature_id"),
        ("aggregate", {"range": "8d"}, "range"),
        ("aggregate", {"bin_size": "minute"}, "bin_size"),
        ("aggregate", {"group_by": "model"}, "group_by"),
        ("aggregate", {"group_by": "properties."}, "group_by"),
        ("aggregate", {"group_by": "properties.a-b"}, "group_by"),
        ("aggregate", {"group_by": "properties.a\n"}, "group_by"),
        ("aggregate", {"group_by": "$feature_id"}, "group_by"),
        ("aggregate", {"custom_range": {"start": 1}}, "custom_range.end"),
        ("aggregate", {"custom_range": {"start": 2, "end": 2}}, "custom_range"),
        ("aggregate", {"range": "7d", "custom_range": {"start": 1, "end": 2}}, "custom_range"),
        ("aggregate", {"max_groups": 0}, "max_groups"),
        ("aggregate", {"max_groups": 251}, "max_groups"),
        ("aggregate", {"filter_by": {f"p{n}": "x" for n in range(6)}}, "filter_by"),
        ("aggregate", {"filter_by": {"a b": "x"}}, "filter_by"),
        ("aggregate", {"filter_by": {"a": None}}, "filter_by"),
        ("aggregate", {"filter_by": {"a": ["x"]}}, "filter_by"),
        ("aggregate", {"aggregate_on": "tracked"}, "aggregate_on"),
        ("aggregate", {"aggregate_on": "deducted"}, "customer_id"),
    ],
)
def test_invalid_inputs_name_the_field(
    org: Organisation, call: str, body: dict[str, object], field: str
) -> None:
    """A field that may not be so is a 400 whose message begins with its name."""
    answer = getattr(org, call)(**body)
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_inputs"
    assert answer.json()["message"].startswith(f"{field}: ")
    assert set(answer.json()) == {"message", "code", "env"}


@pytest.mark.parametrize("content", [b"{}", b"", b"nonsense"])
def test_an_aggregate_needs_a_feature(org: Organisation, content: bytes) -> None:
    """No feature is a 400, whether the body lacks it or is no JSON at all."""
    answer = org.client.post("/v1/events.aggregate", content=content)
    assert (answer.status_code, answer.json()["message"]) == (400, "feature_id: Required")


def test_whole_numbers_may_be_written_with_a_point(org: Organisation) -> None:
    """100.0 is a whole number in JSON, and the SDK writes bounds so."""
    answer = org.client.post("/v1/events.list", content=b'{"limit": 5.0, "custom_range": {"end": 5.0}}')
    assert answer.raise_for_status().json()["limit"] == 5


def test_json_that_is_no_object(org: Organisation) -> None:
    """A body of other JSON is invalid_request."""
    answer = org.client.post("/v1/events.list", content=b"[1]")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Authorization": ""}, 401, "no_secret_key"),
        ({"Authorization": "Bearer "}, 401, "no_secret_key"),
        ({"Authorization": "Bearer am_sk_other"}, 401, "invalid_secret_key"),
        ({"x-api-version": "9.9"}, 400, "invalid_api_version"),
    ],
)
def test_key_and_version(org: Organisation, headers: dict[str, str], status: int, code: str) -> None:
    """Without the key, or with a version that there is not, nothing is answered."""
    answer = org.client.post("/v1/events.list", json={}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["env"] == "sandbox"


def test_a_forgotten_version_is_noticed(org: Organisation) -> None:
    """Without the header this new organisation gets cursor paging, which has another shape."""
    org.track(NOON)
    del org.client.headers["x-api-version"]
    answer = org.listing(limit=1).json()
    assert set(answer) == {"list", "next_cursor"}
    assert len(answer["list"]) == 1


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("insufficient_scopes", 403),
        ("request_temporarily_disabled", 403),
        ("internal_error", 500),
        ("stripe_error", 500),
        ("service_unavailable", 503),
    ],
)
def test_failures_on_demand(org: Organisation, code: str, status: int) -> None:
    """Errors that the sample has no reason to give can be ordered, for as many calls as wanted."""
    org.app.fail_next(code)
    answer = org.listing()
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers.get("Retry-After") == ("1" if status == 503 else None)
    assert org.listing().status_code == 200


def test_a_repeated_idempotency_key_is_a_conflict(org: Organisation) -> None:
    """The second call under an Idempotency-Key is a 409."""
    org.client.headers["Idempotency-Key"] = "k1"
    assert [org.listing().status_code for _ in range(2)] == [200, 409]
    org.client.headers["Idempotency-Key"] = "k2"
    assert org.listing().status_code == 200


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/events.list"), ("POST", "/v1/plans.list"), ("POST", "/")]
)
def test_unknown_path_asks_for_a_login(org: Organisation, method: str, path: str) -> None:
    """A path that the server does not have is a 401 of its own, whatever the key."""
    answer = org.client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (401, "no_auth_header")


def test_the_sixth_call_of_a_second(make_org: MakeOrg) -> None:
    """Five calls of list and aggregate together, then a plain-text 429 until the second is over."""
    org = make_org(limit_per_second=5)
    org.store.add_customer("cus_1")
    answers = [org.listing(customer_id="cus_1") for _ in range(3)]
    answers += [org.aggregate(customer_id="cus_1", range="24h") for _ in range(2)]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["4", "3", "2", "1", "0"]
    refused = org.listing(customer_id="cus_1")
    assert refused.status_code == 429
    assert refused.headers["Content-Type"].startswith("text/plain")
    assert not refused.text.startswith("{")
    told = {name: refused.headers[name] for name in ("Retry-After", "RateLimit-Limit", "RateLimit-Reset")}
    assert told == {"Retry-After": "1", "RateLimit-Limit": "5", "RateLimit-Reset": "1"}
    assert refused.headers["RateLimit-Policy"] == "5;w=1"
    assert refused.headers["RateLimit-Remaining"] == "0"
    org.clock.now = int(org.clock.now) + 0.999
    assert org.listing(customer_id="cus_1").status_code == 429
    org.clock.now += 0.001
    assert org.listing(customer_id="cus_1").headers["RateLimit-Remaining"] == "4"


def test_each_customer_has_a_bucket_and_all_without_share_one(make_org: MakeOrg) -> None:
    """Blank and missing customers take from one bucket, other customers have theirs."""
    org = make_org(limit_per_second=2)
    calls = [{"customer_id": "a"}, {"customer_id": "a"}, {"customer_id": "b"}, {}, {"customer_id": ""}]
    assert [org.listing(**body).status_code for body in calls] == [200] * 5
    assert [org.listing(**body).status_code for body in calls] == [429, 429, 200, 429, 429]


def test_a_wrong_key_takes_no_call_and_a_bad_body_does(make_org: MakeOrg) -> None:
    """The limit is counted after the key and before the work."""
    org = make_org(limit_per_second=1)
    wrong = org.client.post("/v1/events.list", json={}, headers={"Authorization": "Bearer no"})
    assert "RateLimit-Limit" not in wrong.headers
    assert [org.listing(limit=0).status_code, org.listing().status_code] == [400, 429]


def test_no_limit_means_no_headers(org: Organisation) -> None:
    """The RateLimit headers may be absent."""
    assert not [name for name in org.listing().headers if name.startswith("ratelimit")]


def test_calls_are_counted(org: Organisation) -> None:
    """The app remembers which calls it was asked, the refused ones too."""
    org.listing(customer_id="cus_1")
    org.listing(limit=0)
    org.aggregate(customer_id="nobody")
    assert [*org.app.calls] == [("list", "cus_1"), ("list", None), ("aggregate", "nobody")]


def test_newest_first_by_time_and_id(org: Organisation) -> None:
    """Rows of the same millisecond are in the order of their ids, the largest first."""
    for name in ("b", "a", "c"):
        org.track(NOON, id=name)
    org.track(ms(NOON) + 1, id="0")
    assert [row["id"] for row in org.rows()] == ["0", "c", "b", "a"]


def test_lists_filter_by_customer_and_features(org: Organisation) -> None:
    """The filters of a list narrow it, one feature or several."""
    for feature in ("x", "y", "z"):
        for customer in ("cus_1", "cus_2"):
            org.track(NOON, feature_id=feature, customer_id=customer)
    assert len(org.rows(customer_id="cus_1")) == 3
    assert len(org.rows(feature_id="x")) == 2
    assert len(org.rows(feature_id=["x", "y"], customer_id="cus_2")) == 2


def test_paging_ends(org: Organisation) -> None:
    """has_more is true until the last row has been given."""
    for second in range(4):
        org.track(ms(NOON) + second)
    pages = [org.listing(limit=2, offset=offset).json() for offset in (0, 2, 4)]
    assert [(page["has_more"], page["total"]) for page in pages] == [(True, 2), (False, 2), (False, 0)]


def test_group_keys(org: Organisation) -> None:
    """Strings are their own keys, other values their JSON text, paths go as deep as they are dotted."""
    for value in ("200", 200, 1.5, True, ["a"], {"b": 1}, "", 'say "hi"\n'):
        org.track(NOON, properties={"meta": {"tier_1": value}})
    (got,) = org.groups(group_by="properties.meta.tier_1", max_groups=250, **DAY_10)
    assert got == {"200": 2, "1.5": 1, "true": 1, '["a"]': 1, '{"b":1}': 1, "": 1, 'say "hi"\n': 1}


def test_a_real_value_may_have_the_reserved_name(org: Organisation) -> None:
    """AUTUMN_RESERVED as a property's value is one with the groups folded there."""
    for model, value in (("AUTUMN_RESERVED", 5), ("a", 3), ("b", 2)):
        org.track(NOON, value, properties={"model": model})
    ask = {"group_by": "properties.model", **DAY_10}
    assert org.groups(max_groups=3, **ask) == [{"AUTUMN_RESERVED": 5, "a": 3, "b": 2}]
    assert org.groups(max_groups=2, **ask) == [{"AUTUMN_RESERVED": 7, "a": 3}]


def test_groups_by_column(org: Organisation) -> None:
    """Customers, entities and the plans of deductions are groups too, and a missing one is dropped."""
    plan = {"balance_id": "b", "feature_id": "messages", "plan_id": "pro", "reset": None, "value": 2}
    org.track(NOON, 2, entity_id="ws_1", deductions=[plan])
    org.track(NOON, 3, deductions=[plan | {"plan_id": None}])
    assert org.groups(group_by="$entity_id", **DAY_10) == [{"ws_1": 2}]
    assert org.groups(group_by="$plan_id", **DAY_10) == [{"pro": 2}]
    assert org.groups(group_by="$customer_id", **DAY_10) == [{"cus_1": 5}]


def test_an_organisation_wide_aggregate(org: Organisation) -> None:
    """A newer server takes a call without a customer as one about all of them."""
    org.track(NOON, 1)
    org.track(NOON, 2, customer_id="cus_2")
    answer = org.aggregate(group_by="$customer_id", **DAY_10).json()
    assert answer["list"][0]["grouped_values"]["messages"] == {"cus_1": 1, "cus_2": 2}
    assert org.aggregate(**DAY_10).json()["total"]["messages"] == {"count": 2, "sum": 3}


@pytest.mark.parametrize(
    ("filter_by", "value"),
    [
        ({"model": "a"}, 5),
        ({"properties.model": "a"}, 5),
        ({"model": "a", "meta.tier": "x"}, 1),
        ({"status": 200}, 1),
        ({"status": "200"}, 1),
        ({"trial": True}, 4),
        ({"model": "none"}, 0),
    ],
)
def test_filters(org: Organisation, filter_by: dict[str, object], value: int) -> None:
    """Only events that match every property = value count, in the bins and in the total."""
    org.track(NOON, 1, properties={"model": "a", "meta": {"tier": "x"}, "status": 200})
    org.track(NOON, 4, properties={"model": "a", "trial": True})
    org.track(NOON, 8, properties={"model": "b"})
    answer = org.aggregate(customer_id="cus_1", filter_by=filter_by, **DAY_10).json()
    assert answer["list"][0]["values"] == {"messages": value}
    assert answer["total"].get("messages", {"sum": 0})["sum"] == value


def test_entities_narrow_an_aggregate(org: Organisation) -> None:
    """entity_id counts that entity's events only."""
    org.track(NOON, 1, entity_id="ws_1")
    org.track(NOON, 2)
    assert org.values(entity_id="ws_1", **DAY_10) == [1]


def test_deductions_are_summed_on_demand(org: Organisation) -> None:
    """aggregate_on: deducted sums what was taken from balances, each part under its plan."""
    part = {"balance_id": "b", "feature_id": "messages", "plan_id": "pro", "reset": None, "value": 6}
    org.track(NOON, 10, deductions=[part, part | {"plan_id": "top", "value": 3.5}])
    org.track(NOON, 100)
    answer = org.aggregate(customer_id="cus_1", aggregate_on="deducted", group_by="$plan_id", **DAY_10).json()
    assert answer["list"][0]["grouped_values"] == {"messages": {"pro": 6, "top": 3.5}}
    assert answer["total"] == {"messages": {"count": 1, "sum": 9.5}}


def test_an_older_server_drops_newer_fields(make_org: MakeOrg) -> None:
    """It answers as if they had not been sent, the bad ones too."""
    org = make_org(age="older")
    org.track(NOON, 1, entity_id="ws_1", properties={"model": "a"})
    org.track(NOON, 2, properties={"model": "b"})
    newer = {"entity_id": "ws_1", "filter_by": {"model": "a"}, "max_groups": 0, "aggregate_on": "deducted"}
    assert org.values(**newer, **DAY_10) == [3]
    assert org.groups(group_by="properties.model", **newer, **DAY_10) == [{"a": 1, "b": 2}]
    assert len(org.rows(entity_id="ws_1")) == 2


@pytest.mark.parametrize("body", [{}, {"customer_id": ""}])
def test_an_older_server_wants_a_customer(make_org: MakeOrg, body: dict[str, str]) -> None:
    """Without one it answers 400."""
    answer = make_org(age="older").aggregate(range="7d", **body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_inputs")
    assert answer.json()["message"] == "customer_id: Required"


def test_an_event_comes_once(org: Organisation) -> None:
    """An id that is there already is left out of the rows and of the hour's sum."""
    org.track(NOON, 5, id="evt_1")
    org.track(ms(NOON) + 2 * HOUR, 7, id="evt_1")
    assert len(org.rows()) == 1
    assert org.values(**DAY_10) == [5]


def test_many_threads_at_once(org: Organisation) -> None:
    """Sixteen threads that write and read lose nothing."""

    def work(number: int) -> None:
        for turn in range(10):
            org.track(NOON, 1, id=f"evt_{number}_{turn}")
            org.listing(limit=5).raise_for_status()

    threads = [threading.Thread(target=work, args=[number]) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert org.values(**DAY_10) == [160]


def test_answers_are_json_with_a_length(org: Organisation) -> None:
    """A body says how long it is, so that connections can be kept."""
    answer: httpx.Response = org.listing()
    assert answer.headers["Content-Type"] == "application/json"
    assert int(answer.headers["Content-Length"]) == len(answer.content)
