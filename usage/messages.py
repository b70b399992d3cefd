"""Every sentence that the service says: errors of input, errors of Autumn, notes on figures."""

# usage/api/cache.py
REFRESH_NOT_STARTED = "The server is too busy to refresh this data."
REQUEST_CANCELED = "The request was canceled. Try again."
STILL_LOADING = "This data is still loading. Try again in a moment."
STILL_LOADING_ELSEWHERE = "Another process is still loading this data. Try again in a moment."

# usage/api/client.py
TOO_MANY_REQUESTS = "Autumn allows {count} requests a second."
NAMES_TOO_MANY_REQUESTS = "Autumn's rate limit was reached."
CALL_UNAVAILABLE = "This key or this server does not allow this call."
UNEXPECTED_STATUS = "Autumn sent an unexpected status ({status})."
API_URL_HAS_MORE = "Autumn's URL must be a URL such as https://api.useautumn.com, without user name or query."
API_URL_WITHOUT_HTTPS = "Autumn's URL must start with https:// unless the host is this machine."
KEY_NOT_VALID = "Autumn's secret key is empty or contains invalid characters."
AUTUMN_ERROR = "Autumn returned an error (status {status})."
KEY_REFUSED = "Autumn refused the secret key (status {status})."
KEY_LACKS_SCOPES = "The secret key does not have the scope {scopes} (status {status})."
KEY_LACKS_A_SCOPE = "The secret key does not have the scope that this request needs (status {status})."
REQUEST_DISABLED = "Autumn has temporarily disabled this request (status {status})."
MISSING_CALL = "This Autumn server does not have the call {endpoint}."
REQUEST_REFUSED = "Autumn refused the request (status {status})."
REQUEST_REFUSED_BECAUSE = "Autumn refused the request (status {status}): {reason}"
UNKNOWN_CUSTOMER = "No customer has this ID."
API_URL_NOT_VALID = "Autumn's URL is not valid."
TIMED_OUT = "Autumn did not respond in time."
CONNECTION_FAILED = "The connection to Autumn failed."

# usage/api/calls.py
EVENTS_TOO_LARGE = "These events are too large to load: a response with {count} of them has over 16 MiB."

# usage/api/limiter.py
TOO_MANY_WAITING = "Too many requests are waiting for Autumn."

# usage/api/waiting.py
REQUESTS_WAITING = "Too many requests are waiting for Autumn's answers."

# usage/api/response_body.py
RESPONSE_ENCODING = "Autumn's response has an unexpected encoding."
RESPONSE_INTERRUPTED = "Autumn's response was interrupted."
RESPONSE_TOO_LARGE = "Autumn's response is too large."
RESPONSE_NOT_GZIP = "Autumn's response is not valid gzip."
RESPONSE_GOES_ON = "Autumn's response has data after its end."

# usage/charts/assemble.py
INTERVALS_DIFFER_FROM_TOTAL = "Autumn's intervals don't add up to its own total."
SELECTED_GROUPS_ONLY = "Only the selected groups are shown."
COMPARED_CYCLE = "Autumn's total covers the whole billing cycle. A comparison ends at the last full hour."
CYCLE_STARTS_INSIDE_AN_HOUR = (
    "Autumn's total starts partway through an hour. The chart starts at the beginning of that hour."
)

# usage/charts/chart_window.py
APPROXIMATE_ZONE = "{zone} is not offset from UTC by whole hours, so days start at the nearest UTC hour."
WHOLE_HOURS = "Charts use whole hours. This one covers {first} to {last}."
TIME_NOT_IN_LINK = "This link does not show this time range."
CYCLE_IN_WHOLE_HOURS = (
    "Autumn reports this billing cycle in whole hours. Figures, lists and files cover {first} to {last}, and "
    "may include events of a neighboring cycle."
)
NOT_STARTED_YET = "This time range has not started yet. Choose an earlier start."
NO_COMPLETE_HOUR = "There is nothing to compare yet. The time range has no complete hour."
NO_EARLIER_CYCLE = "Autumn has no earlier billing cycle to compare with."
PREVIOUS_PERIOD_NOT_IN_LINK = "This link does not show the previous period."
NO_EARLIER_PERIOD = "There is no earlier period."

# usage/charts/queries.py
TOO_MANY_GROUPS = (
    "There are too many groups for this interval. Choose UTC, a shorter time range or another property."
)
FILTERS_NOT_APPLIED = (
    "Autumn can't apply all of these filters to charts. The figures include events that the filters exclude."
)
FEATURES_SEEN_SO_FAR = (
    "These are the features seen so far. The secret key can't list all features, so others may be missing."
)
EVENT_NAMES_UNKNOWN = (
    "The secret key can't list features. Events that Autumn stores under another name of a feature are not"
    " included."
)
FEATURES_LEFT_OUT = "{count} more features could not be requested at once. Choose features to see them."
FEATURES_NOT_DRAWN = "The {most} features with most events have a card. {count} more are listed below them."
NO_EVENT_COUNTS = "This Autumn server can't count the events of each interval. Choose another measure."
NO_DEDUCTIONS = "This Autumn server can't tell what was deducted from balances. Choose another measure."
DEDUCTED_WITHOUT_CUSTOMER = "Choose a customer to see what was deducted from balances."
DEDUCTED_WITH_FILTERS = "Autumn can't filter what was deducted. Remove the filters or choose another measure."
DEDUCTED_GROUPS = "Autumn can't group what was deducted by this. Choose a property or the entity."
DEDUCTED_GROUPS_IN_LINK = "This link can't group what was deducted, because it does not show all features."
DEDUCTED_WITHOUT_TOTAL = "Autumn has no total of what was deducted to compare with."
DEDUCTIONS_SINCE = "Events before May 2026 have no deductions in Autumn."
BALANCES_DIFFER = "The balances don't add up to what Autumn deducted from the feature."
NO_SUCH_GROUPING = "This Autumn server can't group by this. Choose a property."
PREVIOUS_NOT_LOADED = "The previous period could not be loaded. {error}"
GROUPS_NOT_LOADED = "The groups could not be loaded, so the chart shows the whole feature. {error}"
COUNT_NOT_LOADED = "The number of events could not be checked. {error}"
CHART_NOT_LOADED = "The chart could not be loaded. {error}"
EVENTS_NOT_LOADED = "The events could not be loaded. {error}"
NO_BILLING_CYCLE = "This customer has no billing cycle. Choose days instead."

# usage/explain
OWN_VALUES = "Most events have their own value of this property."
TOO_MANY_DIMENSIONS = (
    "Other properties of these events are more common. An explanation makes at most ten requests."
)
TOO_SHORT_FOR_TIMES = "The periods are too short to compare their hours or weekdays."
TOO_LONG_FOR_HOURS = "The periods are too long to compare their hours."
FOLDED_GROUPS = "There are too many values. Autumn reports the largest and adds up the others."
EXPLAIN_WITHOUT_COMPARISON = "Choose a comparison with the previous period to explain a change."
EXPLAIN_DEDUCTED = "What was deducted from balances can't be explained. Choose another measure."
EXPLAIN_COMMA = (
    "The Autumn server leaves out events of a feature whose name has a comma. Its change can't be explained."
)
NOTHING_TO_EXPLAIN = "There are no events to explain in this time range."
ROWS_NOT_LOADED = "The properties could not be loaded. {error}"

# usage/events/pages.py
FUTURE_ROW = (
    "1 event has a timestamp in the future. Figures, lists and files include it if it is in the current hour."
)
FUTURE_ROWS = (
    "{count:,} events have timestamps in the future. Figures, lists and files include those of the current "
    "hour."
)
LIST_DOES_NOT_END = "Autumn's event list does not end."

# usage/events/typed.py
NOT_A_TYPED_FILTER = "Enter a property and a value, for example status=503 or status!=200."

# usage/page_data.py
ROWS_ARRIVED = "Events are arriving: {rows:,} are listed, and Autumn counted {count:,} shortly before."
ROWS_DISAGREE = "Autumn counts {count:,} events in this chart and lists {rows:,}. The cause is unknown."

# usage/query.py
NOT_A_FILTER = "Enter a filter as property:value, for example model:gpt-large."
PATH_TOO_DEEP = "Enter a property path of at most {depth} parts and {length:,} characters."
NOT_A_TIME = "Enter a time in epoch milliseconds, before the year 9999."
NOT_A_POSITION = "Enter a position as time in epoch milliseconds, comma, event ID."
DATE_OUT_OF_RANGE = "Choose a date between 1970 and 9999."
BLANK_VALUE = "Enter a value, or leave the parameter out."
MINIMUM_ABOVE_MAXIMUM = "The minimum must not be greater than the maximum."
RANGE_AND_DATES = "Choose either a range or start and end dates, not both."
END_WITHOUT_START = "An end date needs a start date."
START_NOT_BEFORE_END = "The start must be before the end."
NOT_A_GROUP_BY = "Group by properties.NAME, $entity_id, $customer_id or $plan_id."
GROUPS_WITHOUT_GROUP_BY = "Choose a property to group by before you choose groups."
PERCENT_WITHOUT_GROUP_BY = "A percent chart shows the shares of groups. Choose a property to group by."
NOT_A_DATE = "Enter a date such as 2026-11-23 or 2026-11-23T14:00, with or without an offset."
NOT_A_TIME_ZONE = "Choose a time zone by its IANA name, for example Europe/Berlin."
TOO_MANY_DAYS = "A chart shows at most {count:,} days. Choose a shorter time range."
TOO_MANY_INTERVALS = (
    "This time range has {count:,} hours. A chart shows at most {limit:,} intervals. Choose days."
)
NOT_A_NUMBER = "Enter a number."

# usage/query_resolver.py
NO_ENTITY_FILTER = "This Autumn server can't filter by entity."
CYCLE_WITHOUT_CUSTOMER = "Billing cycles need a customer. Choose a customer, or choose days."
NO_ORGANIZATION_USAGE = "This Autumn server can't show usage across all customers. Choose a customer."

# usage/results.py
INVALID_INTERVALS = "Autumn sent an invalid response: intervals are repeated or out of range."
INVALID_EVENT_LIST = "Autumn sent an invalid response to the event list."
INVALID_CACHED_LIST = "A cached event list could not be read."
INVALID_USAGE = "Autumn sent an invalid response to the usage request."
EVENT_LIST_WITHOUT_ROWS = "Autumn sent an event list without rows."

# usage/scope.py
LINK_SHOWS_ONE_CUSTOMER = "This link shows one customer."
ENTITIES_NOT_IN_LINK = "This link can't filter by entity."
DEDUCTIONS_NOT_IN_LINK = "This link does not show what was deducted from balances."
GROUP_NOT_IN_LINK = "This link can't group by this property."
FEATURE_NOT_IN_LINK = "This link does not show this feature."
PROPERTY_NOT_IN_LINK = "This link does not show this property."

# usage/api/names.py
SEARCH_TOO_LONG = "A search has at most {count} characters."
ANOTHER_CUSTOMER = "Autumn sent another customer than the requested one."
CUSTOMER_WITHOUT_ID = "Autumn sent a customer without an ID."
INVALID_NAMES = "Autumn sent an invalid response to the request for names."
