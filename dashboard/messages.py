"""Every sentence that the site says from Python: errors, notices, warnings, and refused settings."""

# dashboard/accounts/oidc.py
OIDC_INCOMPLETE = "OIDC_ISSUER needs OIDC_CLIENT_ID and OIDC_CLIENT_SECRET beside it."

# dashboard/accounts/social.py
SIGN_IN_FAILED_ADVICE = "Try again. If it happens again, contact your administrator."
NO_ACCOUNT = "No account has the e-mail address that {provider} confirmed."
NO_ACCOUNT_ADVICE = "Ask an admin to create one with that address."
ADDRESS_NOT_UNIQUE = "More than one account has your e-mail address."
ADDRESS_NOT_UNIQUE_ADVICE = "Ask an admin to remove it from the other accounts."
ACCOUNT_TAKEN = "Your e-mail address belongs to an account that another {provider} identity uses."
ACCOUNT_TAKEN_ADVICE = "Ask an admin to remove the identity from that account."
SIGN_IN_EXPIRED = "The sign-in expired, was already used, or was started in another browser."
SIGN_IN_EXPIRED_ADVICE = "Sign in again."
SIGN_IN_CANCELED = "The sign-in through {provider} was canceled."
SIGN_IN_CANCELED_ADVICE = "Nothing changed."
SIGN_IN_REFUSED = "{provider} refused the sign-in."
SIGN_IN_INVALID_RESPONSE = "{provider} did not send a valid response."
SIGN_IN_NOT_VERIFIED = "We couldn't verify the response from {provider}."

# dashboard/charts/allowance.py
ALLOWANCE = "{used} used of {granted} granted, {remaining} left."
ALLOWANCE_UNLIMITED = "{used} used. The allowance is unlimited."
OVERAGE_ALLOWED = "Usage beyond that is allowed and counts as overage."
ALLOWANCE_RESETS = "It resets on {at}."
RUNS_OUT = (
    "Runs out about {day} if each coming day uses as much as the same weekday of the last seven full days "
    "did ({per_day} a day on average)."
)
BALANCE_DIFFERS = (
    "The balance has {used} used in this cycle, the events have {events}. They can differ: usage that was "
    "set, reset or backdated counts in one of them only, and both were read at different times."
)
CYCLE_STARTS_WITHIN_AN_HOUR = "The chart also starts at a full hour, before the cycle does."

# dashboard/charts/check_line.py
AUTUMN_TOTAL_DIFFERS = "Autumn’s total is {total}, {gap}."
INTERVAL_IS_PARTIAL = "{interval} is partial. It includes events until {until:%H:%M}."

# dashboard/charts/panel.py
CHART_WITHOUT_VALUES = "{chart}, {count:,} {interval}s. The table below has all values."
INTERVALS_WITHOUT_SHARES = (
    "Intervals without shares, because a group is negative or the groups exceed the total: {count:,}."
)
PANELS_WITHOUT_GROUPS = "Panels show each feature as a whole. The groups are in the other chart types."

# dashboard/charts/picture.py
ALL_CUSTOMERS = "All customers"
LINES_NOT_DRAWN = "Not drawn: {names}."
FEATURES_NOT_IN_PICTURE = "{count} more features are not drawn."

# dashboard/error_views.py
BAD_REQUEST = "The address is incomplete or not valid. Check it, or start from the overview."
ACCESS_DENIED = "You don't have access to this page. Ask an admin to change your role."
FORM_EXPIRED = (
    "The form was open for too long, or cookies are blocked. Nothing was changed. Go back, reload the "
    "page and try again."
)
PAGE_NOT_FOUND = "Check the address. The page may have been removed."
TOO_MANY_ATTEMPTS = "Wait 15 minutes, then try again."
TRY_AGAIN_SOON = "Try again in a moment."
DATABASE_AWAY_WHILE_READING = "Nothing was changed. Try again in a moment."
DATABASE_AWAY_WHILE_WRITING = (
    "The database is not available. Check whether the change was made, and try again."
)
SERVER_ERROR = "The error was logged, and no data was changed. Try again in a moment."

# dashboard/events/check_results.py
GAP_BETWEEN_EVENTS = "No events for {length} after {start}. Usual gap: up to {usual}."

# dashboard/events/explorer.py
PROPERTIES_NOT_COUNTED = "These events have more properties or values than are listed here."

# dashboard/events/left_out.py
ROWS_NOT_READ = "{count} event{plural} could not be read."
ROWS_DISCARDED = "{count} event{plural} of another customer discarded."
ROWS_READ_IN_PART = "{count} event{plural} could be read only in part: � stands for what is missing."

# dashboard/events/no_matches.py
PROPERTY_NOT_FOUND = "{rows} has “{property}”."
VALUE_NOT_FOUND = "{rows} has the value {values} in “{property}”."
NO_ROW = "No event here"
NONE_OF_THE_NEWEST_ROWS = "None of the newest {count} events"
CONDITIONS_EXCLUDE_EACH_OTHER = "No event meets all of these conditions."

# dashboard/events/drilldown.py
COUNT_WITHOUT_FILTERS = (
    "Autumn can't apply all of these filters. Its count includes events that they exclude."
)
LIST_WITHOUT_ENTITIES = "Autumn can't list events by entity. All events of this interval are listed."
LIST_WITHOUT_PLANS = "Autumn can't list events by plan. All events of this interval are listed."
ROWS_OF_DEDUCTIONS = "What was deducted can't be compared with a list of events."
EVENTS_STILL_ARRIVE = "Events are still arriving."
CAUSE_UNKNOWN = "The cause is unknown."
UNREADABLE_ROWS = "{count:,} events could not be read and are not listed."
COUNT_IN_WHOLE_HOURS = "Autumn counts whole hours. The list has only the events inside the time range."
VALUES_NOT_STORED = (
    "{count:,} of these events have no stored value. Autumn lists them with 0 and counts 1 for each."
)

# dashboard/exports/files.py
FILTERS_NOT_IN_FILES = (
    "Autumn can't apply all of these filters to usage. Remove some of them, or export the events."
)

# dashboard/exports/lease.py
EXPORT_STOPPED = "The export was stopped."
EXPORT_ACCESS_LOST = "{exporter} no longer has access to this export."
EXPORT_NOT_STARTED = "The export could not start."

# dashboard/exports/stream.py
DOWNLOAD_CANCELED = "The download was canceled."
EXPORT_INTERRUPTED = "The export was interrupted."
EXPORT_LACKS_EVENTS = "Autumn listed {rows:,} events and counts {count:,}. Try the export again."

# dashboard/exports/views.py
EXPORT_ALREADY_RUNS = "You already have a running export."
EXPORT_ALREADY_RUNS_ADVICE = "Wait until it ends or stop it, then try again."
OTHER_EXPORTS_RUN = "Other exports are running."
EXPORTS_OF_THIS_HOUR = "You already took {count} exports in the past hour."
TRY_AGAIN_LATER = "Try again in some minutes."
DATABASE_NOT_AVAILABLE = "The database is not available."
EXPORT_NEEDS_HTTP_1_1 = "With older versions, an incomplete file looks complete."
EXPORT_NEEDS_HTTP_1_1_ADVICE = "Configure the proxy to use HTTP/1.1 (nginx: proxy_http_version 1.1)."
EXPORT_NOT_AVAILABLE_ADVICE = "Go back and change the selection."

# dashboard/forms.py
FILTER_WITHOUT_VALUE = "Enter a value for this property."
FILTER_WITHOUT_PROPERTY = "Choose a property for this value."
PROPERTY_WITH_COLON = "A property with a colon can't be a filter."
PARAMETER_REPEATED_TOO_OFTEN = "Use this parameter at most {count} times."
PARAMETER_REPEATED = "Use this parameter only once."
NOT_A_NUMBER = "Enter a number such as 250 or -1.5."
NOT_A_PAGE_NUMBER = "Enter a page number of 1 or higher."
NOT_A_TIME_ZONE = "Choose a time zone by its IANA name, for example Europe/Berlin."
NULL_CHARACTER = "Remove the null character."
TEXT_TOO_LONG = "Enter at most {count:,} characters."
NOT_A_CHOICE = "Choose one of {choices}."
UNKNOWN_PARAMETER = "Unknown parameter “{name}”."

# dashboard/server/listener.py
CANNOT_LISTEN = "{where}: {error}."
PORT_IN_USE = "Port {port} is in use. Set PORT to another one, such as {other}."

# dashboard/management/commands/share.py
NO_OWNER = "No user can own the link. Use --owner USERNAME, or create an admin first."
LINK_OR_ALL = "Give the ID of one link, or --all."
NO_ACTIVE_LINK = "No active link has the ID {id}. Use `share list` to list all links."
PROPERTY_WARNING = "Warning: the property {path} {hint}."

# dashboard/mount.py
LINK_SHOWS_ONE_CUSTOMER = "This link shows one customer. Remove the customer ID."
LINK_SHOWS_ONE_PERIOD = "This link shows one period. Choose a start and an end within it."

# dashboard/pages/contexts.py
CYCLES_NEED_A_CUSTOMER = "Each customer has its own billing cycle. The last 30 days are shown instead."

# dashboard/problems.py
UNKNOWN_CUSTOMER_ADVICE = "Check the ID, or search for the customer."
UNSUPPORTED_ADVICE = "Other views still work."
REFUSED_ADVICE = "Try another time range or fewer filters."
INVALID_RESPONSE_ADVICE = "Try again. If it happens again, contact Autumn."
RATE_LIMITED_ADVICE = "Wait a few seconds, then try again."
TRY_AGAIN = "Try again."
ASKS_AGAIN = "This page asks again by itself."
ON_ITS_WAY = "Loading"
ON_ITS_WAY_TEXT = "Autumn's answer for this view is on its way."
TRY_AGAIN_IN = "Try again in {seconds} second{plural}."
CHECK_API_URL = "Ask your administrator to check AUTUMN_API_URL."
CHECK_SECRET_KEY = "Ask your administrator to check AUTUMN_SECRET_KEY."

# dashboard/explain
MORE_VALUES = "Other listed values ({count}) changed by about {change} together."
NO_USAGE_IN_BOTH = "There is no usage in either period."
NO_USAGE_BEFORE = "There was no usage in the previous period, so all of it is new."
NO_USAGE_NOW = "There is no usage in this period, so all of it is gone."
FROM_TO = "from {before} to {after}"
NOTHING_LOOKED_AT = "The cause is not known: nothing could be looked at."
CAUSE_NOT_KNOWN_YET = "Looking for the cause…"
NO_SINGLE_CAUSE = "No single cause: no value accounts for most of the change."
NO_SINGLE_CAUSE_YET = "No single cause yet…"
CAUSE = "{share} of the {way} is {path} {values}{since}."
OF_INCREASE, OF_DECREASE = "increase", "decrease"
NEW_SINCE = ", new since {moment}"
NEW_VALUE = ", which had no usage in the previous period"
GONE_VALUE = ", which has no usage any more"
VALUES_MOVED = "By {path}: {moves}."
MOVED_BY = "{value} {change}"
SPIKE = "{share} of the change is one spike, from {start} to {end}."
EARLIER_SPIKE = "The previous period had a spike, from {start} to {end}."
LEVEL = "The change began at {start} and continues."
DRIFT = "The change came gradually."
CERTAIN_WEEKDAYS = "The change is on {days}."
CERTAIN_HOURS = "The change is in the hours from {hours} ({zone})."

MOVES_NOT_LOADED = "What moved most could not be loaded. {error}"
BUSIEST_NOT_LOADED = "The top customers could not be loaded. {error}"

# dashboard/pages/moved.py
CUSTOMERS_NOT_COMPARED = (
    "Autumn names only the customers with the most usage of each interval. Others are not compared."
)

# dashboard/pages/saved_views.py
VIEW_SAVED = "View “{name}” saved."
VIEW_CHANGED = "View “{name}” changed."
VIEW_DELETED = "View “{name}” deleted."
VIEW_NAME_TAKEN = "You already have a view with this name. Choose another name."
TOO_MANY_SAVED_VIEWS = "You have {count} saved views, the most that one user can have. Delete one first."
QUERY_TOO_LONG_TO_SAVE = "The view has too many filters to be saved. Remove some of them first."

# dashboard/sharing/manage/create.py
TOO_MANY_LINKS_THIS_HOUR = "You have created {count} links in the past hour. Try again later."
LINK_ALREADY_CREATED = (
    "This link was already created, and its address was shown once. If you did not copy it, revoke the "
    "link and create a new one."
)

# dashboard/sharing/manage/edit.py
LINK_REVOKED = "Link for {recipient} revoked."
LINKS_REVOKED = "{count} link{plural} revoked."
LINK_EXTENDED = "The link now expires in {lifetime}{comparison}."
PASSWORD_REMOVED = "Password removed."

# dashboard/sharing/manage/forms.py
BALANCES_ARE_OF_TODAY = "Balances are those of today. Clear this, or select “{period}”."
VIEW_TOO_LONG = "The view has too many filters for a link. Remove some of them first."
FORM_NOT_VALID = "The form is not valid. Open a new one."
TOO_MANY_NAMES = "Select at most {count}."
CUSTOMER_MISSING = "Enter one customer ID."
FEATURE_MISSING = "Select a feature, or all features."
FEATURES_CONTRADICT = "Select either all features or individual ones."
DATES_NOT_USED = "Dates apply only to “{period}”. Select it, or clear the dates."
SNAPSHOT_NEEDS_A_PERIOD = "A snapshot needs a fixed period. Select it above."
PERIOD_INCOMPLETE = "A period has a start and an end."
START_AFTER_END = "The start must be before the end."
PERIOD_WITHOUT_FULL_HOUR = "The period has no complete hour yet."
VIEWED_PERIOD_TOO_EARLY = "{error} The period you were viewing ended before that."
DATE_NOT_USED = "This belongs to “{period}”. Select it, or clear this date."

# dashboard/sharing/manage/initial.py
ENTITY_LEFT_OUT = (
    "You were viewing one entity, “{entity}”. A link can't filter by entity: it shows all of the "
    "customer’s usage."
)
GROUPS_LEFT_OUT = (
    "The choice of groups by “{property}” is not included: the link shows more events than your view."
)
FILTER_LEFT_OUT = (
    "The filter by “{property}” is not included, because the property is hidden: the link shows more "
    "events than your view."
)

# dashboard/sharing/manage/suggestions.py
NO_SUGGESTIONS = "Select a customer to load features and properties."

# dashboard/sharing/manage/warnings.py
PROPERTY_MAY_BE_PERSONAL = "The property “{path}” {hint}."
BALANCES_BEFORE_START = (
    "Balances include the usage of the whole billing cycle, also before the link's earliest date."
)
LINK_WITHOUT_PASSWORD = "Without a password, anyone who has the link can open it."
LONG_LIFETIME = "The link expires in {lifetime}. Consider a shorter time."

# dashboard/sharing/recipient/views.py
TOO_MANY_WRONG_PASSWORDS = "Too many wrong passwords. Try again in 15 minutes."
TOO_MANY_PASSWORDS_AT_ONCE = "Too many attempts at once. Try again in a moment."
WRONG_PASSWORD = "Wrong password."

# dashboard/sharing/snapshots.py
NOT_IN_SNAPSHOT = "This snapshot does not include this chart. The event list is still live."
NOTHING_TO_SNAPSHOT = "This customer has no usage in this period, so there is nothing to save."
SNAPSHOT_ANSWER_TOO_LARGE = "Autumn's response was too large."
SNAPSHOT_UNREACHABLE = "Autumn does not respond."

# dashboard/web/checks.py
PREVIOUS_KEY_OF_OTHER_KIND = (
    "AUTUMN_SECRET_KEY_PREVIOUS is not of the kind of AUTUMN_SECRET_KEY, test or live. Remove it."
)
SECRET_KEY_TOO_SHORT = "{name} has a key of fewer than 32 characters. Set a longer one."
DEBUG_IS_ON = "{why} DEBUG is on, so visitors can see settings and code. Remove DEBUG."
HOST_WILDCARD = "{why} ALLOWED_HOSTS has a wildcard. Name each host."
SECRET_KEY_OF_DEVELOPMENT = "{why} {name} has a key that was generated for development. Set a new one."
SECRET_KEY_NOT_SET = "{why} ALLOWED_HOSTS or BIND opens the site to others. Set SECRET_KEY."
OPEN_WITHOUT_HTTPS = (
    "{why} ALLOWED_HOSTS or BIND opens the site to others without HTTPS. Put an HTTPS proxy in front, "
    "and set TRUSTED_PROXIES=1."
)
PROCESSES_WITHOUT_REDIS = (
    "WEB_CONCURRENCY is more than 1, and REDIS_URL is not set. Processes share their cache and the API's "
    "rate limit through Redis: set REDIS_URL, or leave WEB_CONCURRENCY at 1."
)

SECRET_NOT_STORED = "{path} can't be used: {error}. Make DATA_DIR writable, or set SECRET_KEY."

# dashboard/web/data_dir.py
FOLDER_NOT_CREATED = "DATA_DIR: the folder {path} can't be created: {error}."

# dashboard/setup/checks.py
SET_THE_KEY = "Set AUTUMN_SECRET_KEY to a key of your organization, then restart."
COPY_THE_KEY = "Copy AUTUMN_SECRET_KEY again from Autumn, with all the scopes that it needs, then restart."
CHECK_THE_ADDRESS = "Check AUTUMN_API_URL, and that this machine reaches it, then restart."
NOT_CHECKED_WITHOUT_KEY = "Not checked, because no request succeeds."
KEY_MODES = {
    "sample": "No key is set. The site shows sample data.",
    "test": "Autumn accepts the key. It is a test key.",
    "live": "Autumn accepts the key. It is a live key.",
    "other": "Autumn accepts the key. Whether it is a live key can't be told from it.",
}
SERVER_CAN_ALL = "It answers, and supports all that this dashboard can show."
SERVER_LACKS = "It answers. It is of an older version, without: {lacking}."
ABILITIES = {
    "organization": "charts of all customers",
    "grouping": "filtered charts",
    "weeks": "weekly intervals",
    "deductions": "deductions in charts",
    "counts": "numbers of events in charts",
}
NAMES_ARE_OFF = "AUTUMN_NAMES is off. Customers and features are shown by ID."
TURN_NAMES_ON = "Set AUTUMN_NAMES=auto to read names, units and balances."
READ_BY = {
    "events.list": "Events",
    "features.list": "Features and units",
    "customers.list": "Customer search",
    "customers.get": "Customer names and balances",
}
CALL_ALLOWED = "The key may call {endpoint}."
CALL_WITHOUT_SCOPE = "The key lacks the scope {scope}, which {endpoint} needs. IDs are shown instead."
ADD_SCOPE = "Create a key with the scope {scope}, and set it as AUTUMN_SECRET_KEY."
CALL_NOT_ANSWERED = "The server doesn't answer {endpoint}. IDs are shown instead."
SERVER_MAY_LACK_CALL = "Update the Autumn server, or set AUTUMN_NAMES=off."
CLOCK_NOT_COMPARED = "Autumn's time is unknown: no response had it."
CLOCK_DIFFERENCE = "This machine's clock differs from Autumn's by {seconds}\u00a0s."
SET_THE_CLOCK = "Set this machine's clock, for example with NTP."
CACHE_IN_PROCESS = "The cache is in the process and may take {megabytes} MB."
REDIS_ANSWERS = "Redis answers. It doesn't report its memory limit."
REDIS_EVICTS = "Redis answers. It may use {megabytes:,} MB, with the policy {policy}."
REDIS_WITHOUT_LIMIT = "Redis answers. It has no memory limit, so cached data may fill the machine."
LIMIT_REDIS = "Set maxmemory, and maxmemory-policy allkeys-lru, in the configuration of Redis."
REDIS_REFUSES = "Redis answers. When its memory is full, it refuses new data, and processes share nothing."
LET_REDIS_EVICT = "Set maxmemory-policy allkeys-lru in the configuration of Redis."
REDIS_STATES = {"unreachable": "Redis doesn't answer.", "forgetful": "Redis does not return what was stored."}
CHECK_REDIS = "Check REDIS_URL, and that Redis runs and has memory left."
DATABASE_NOT_REACHED = "The database doesn't answer."
CHECK_DATABASE = "Check DATABASE_URL and DATA_DIR, and that the database runs."
NOT_CHECKED_WITHOUT_DATABASE = "Not checked, because the database doesn't answer."
DATABASE_ANSWERS = "{engine} answers."
DATABASE_READ_ONLY = "{engine} answers, but refuses changes."
LET_DATABASE_WRITE = "Check the rights of its user, that it is not a replica, and that its disk has room."
MIGRATIONS_MISSING = "{count} migrations have not been applied."
RUN_MIGRATE = "Run the command migrate."
MIGRATIONS_APPLIED = "All migrations have been applied."
FOLDER_NOT_WRITABLE = "{path} can't be written: {error}."
MAKE_FOLDER_WRITABLE = "Let the user who runs the site write to DATA_DIR, and make room on the disk."
DISK_FREE = "{path} has {megabytes:,} MB left."
MAKE_ROOM = "Make room on the disk: when it is full, nothing can be saved."
FOLDER_OPEN = "Other users of this machine may read {path}."
NARROW_FOLDER = "Give the site a DATA_DIR of its own."
SEEN_ONLY_IN_BROWSER = "This can be seen only at /setup/."
PROXIES_SEEN = "This request came through {seen} proxies. TRUSTED_PROXIES is {trusted}."
SET_TRUSTED_PROXIES = "If these proxies are yours, set TRUSTED_PROXIES to their number."
LOWER_TRUSTED_PROXIES = "Set TRUSTED_PROXIES to the number of proxies, or let each add to X-Forwarded-For."
COOKIES_NOT_SECURE = "The site is visited over https, but its cookies would be sent without it, too."
SET_ORIGINS = "Set CSRF_TRUSTED_ORIGINS to the site's https:// address."
SITE_WITHOUT_HTTPS = "The site is visited without https."
USE_HTTPS = "Put a proxy with https in front of it, and set TRUSTED_PROXIES and CSRF_TRUSTED_ORIGINS."
COOKIES_FIT = "Cookies fit the way in which the site is visited."

# dashboard/web/env.py
SETTING_GIVEN_TWICE = "{name} and {name}_FILE are both set. Remove one of them."
SETTING_EMPTY = "{name} is set but empty. Give it a value, or remove it."
SETTING_UNKNOWN = "{path} sets {name}, which is not a setting. Correct its name, or remove it."
SETTING_MISSPELLED = "{name} is not a setting. Rename it to {meant}, or remove it."
ENV_FILE_NOT_READABLE = "ENV_FILE names {path}, which is not a readable text file."
LINE_NOT_READABLE = "{path}, line {line}, can't be read. Write NAME=value."
NOT_A_FLAG = "{name} must be 1 or 0, not {value!r}."
NOT_ONE_OF = "{name} must be {choices}, not {value!r}."
NOT_A_MODE = "{name} must be a file mode in octal digits, for example 0660, not {value!r}."
NOT_A_PREFIX = "{name} must be a path such as /autumn, not {value!r}."
NOT_A_WHOLE_NUMBER = "{name} must be a whole number from {low} to {high}, not {value!r}."
SETTING_CHARACTERS = "{name} contains invalid characters. Copy it again from Autumn."
NOT_A_TOKEN = "{name} must have at least 16 characters: letters, digits and signs, without spaces."
URL_TOO_LONG = "{name} must be a URL such as {example}, without user name, query or fragment."
URL_WITHOUT_HTTPS = "{name} must begin with https:// unless it is on this machine."
NOT_A_REDIS_URL = "{name} must be a URL such as redis://127.0.0.1:6379/0."
NOT_A_FILE = "{name}_FILE must be the path of a readable text file."
NOT_A_SERVER_TIME_ZONE = "{name} is {value!r}, which is not an IANA time zone such as Europe/Berlin."
NOT_A_URL = "{name} is not a URL such as {example}."
NOT_ORIGINS = "{name} must list origins such as https://usage.example.com, not {value!r}."
NOT_A_DATABASE_URL = "{name} is not a database URL such as postgres://user:password@host/name."

# dashboard/web/logging.py
NOT_A_LOG_LEVEL = "LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR, not {level!r}."

# dashboard/management/command_line.py
DATABASE_NOT_USABLE = (
    "The database can't be used: {error}. Check DATABASE_URL, DATA_DIR and the disk's space."
)
TABLES_MISSING = "Tables are missing in the database: {error}. Run the command migrate first."
FILE_NOT_WRITTEN = "A file can't be written: {path} {error}. Check DATA_DIR and the disk's space."
