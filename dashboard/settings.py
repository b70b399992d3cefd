"""Django's settings. docs/settings.md has what operators may set; env and checks read and refuse it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import structlog

from dashboard.web import csp, logging
from dashboard.web.checks import (
    Exposure,
    mode_of,
    refuse_other_kind,
    refuse_processes_without_redis,
    refuse_unsafe,
    refuse_weak_secrets,
    source_of,
    stored_secret,
)
from dashboard.web.data_dir import OTHERS, created, make_private
from dashboard.web.env import Environment
from usage.api import pace
from usage.api.stores import REDIS_TIMEOUT_S

_checkout = Path(__file__).resolve().parent.parent
# What is installed may be read-only, and shared by several sites: each has a folder in which it is started.
BASE_DIR = _checkout if (_checkout / "manage.py").is_file() else Path.cwd()
env = Environment(BASE_DIR / ".env")

# Autumn
AUTUMN_SECRET_KEY = env.autumn_key("AUTUMN_SECRET_KEY")
AUTUMN_SECRET_KEY_PREVIOUS = env.autumn_key("AUTUMN_SECRET_KEY_PREVIOUS")
AUTUMN_API_URL = env.api_url("AUTUMN_API_URL")
AUTUMN_MODE = mode_of(AUTUMN_SECRET_KEY)
refuse_other_kind(AUTUMN_MODE, AUTUMN_SECRET_KEY_PREVIOUS)
AUTUMN_SOURCE = source_of(AUTUMN_MODE, AUTUMN_API_URL)
AUTUMN_NAMES = env.one_of("AUTUMN_NAMES", "auto", "off")
AUTUMN_APP_URL = env.app_url("AUTUMN_APP_URL")
AUTUMN_PACE = pace.PER_SECOND  # calls a second and customer

# Databases, caches and files
os.umask(OTHERS)  # of every process that writes files
DATA_DIR = created(env.path("DATA_DIR", BASE_DIR / "var"))
_is_private = make_private(DATA_DIR)
SAMPLE_DB = DATA_DIR / "sample.sqlite3"
DATABASES = {"default": env.database("DATABASE_URL", DATA_DIR / "db.sqlite3")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = env.redis("REDIS_URL")
CACHES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    if REDIS_URL is None
    else {
        "BACKEND": "dashboard.web.redis_cache.SharedCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "dashboard",
        "OPTIONS": {
            "serializer": "dashboard.web.redis_cache.JsonSerializer",
            "socket_connect_timeout": REDIS_TIMEOUT_S,
            "socket_timeout": REDIS_TIMEOUT_S,
        },
    }
}

# The server
PORT = env.whole("PORT", 8000, 1, 65535)
BIND = env.text("BIND") or "127.0.0.1"
SOCKET_MODE = env.mode("SOCKET_MODE", 0o600)
SCRIPT_NAME = env.prefix("SCRIPT_NAME")
FORCE_SCRIPT_NAME = SCRIPT_NAME or None
WEB_CONCURRENCY = env.whole("WEB_CONCURRENCY", 1, 1, 64)
WEB_THREADS = env.whole("WEB_THREADS", 32, 1, 256)
CACHE_MB = env.whole("CACHE_MB", 64, 8, 65_536)
TRUSTED_PROXIES = env.whole("TRUSTED_PROXIES", 0, 0, 10)
refuse_processes_without_redis(WEB_CONCURRENCY, REDIS_URL)

# Safety
DEBUG = env.flag("DEBUG", False)
ALLOWED_HOSTS = env.items("ALLOWED_HOSTS", ("localhost", "127.0.0.1", "[::1]"))
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS")
_secret = env.text("SECRET_KEY")
SECRET_KEY_FALLBACKS = env.items("SECRET_KEY_FALLBACKS")
refuse_weak_secrets(AUTUMN_MODE, _secret, SECRET_KEY_FALLBACKS)
refuse_unsafe(Exposure(AUTUMN_MODE, DEBUG, _secret, ALLOWED_HOSTS, BIND, TRUSTED_PROXIES))
SECRET_KEY = _secret or stored_secret(DATA_DIR / ".secret_key")

HTTPS = TRUSTED_PROXIES > 0
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
METRICS_TOKEN = env.token("METRICS_TOKEN")
_without_proxy = "healthz|readyz" if METRICS_TOKEN is None else "healthz|readyz|metrics"
SECURE_REDIRECT_EXEMPT = [rf"^{re.escape(f'{SCRIPT_NAME}/'[1:])}({_without_proxy})$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
# Other names of the domain, and its entry in browsers' lists, are the operator's business.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = f"{SCRIPT_NAME}/"
CSRF_FAILURE_VIEW = "dashboard.error_views.csrf_failed"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {"DIRECTIVES": csp.DIRECTIVES}

# The site
ROOT_URLCONF = "dashboard.urls"
WSGI_APPLICATION = "dashboard.wsgi.application"
INSTALLED_APPS = [
    "dashboard",
    "dashboard.sharing",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_htmx",
]
MIDDLEWARE = [
    "dashboard.middleware.trusted_proxies",
    "dashboard.middleware.access_log",
    "dashboard.sharing.middleware.share_headers",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "dashboard.middleware.Compressed",
    "dashboard.web.csp.ContentSecurityPolicy",
    "dashboard.middleware.page_headers",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "dashboard.middleware.HostsUnlessProbes",
    "dashboard.middleware.known_methods",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "dashboard.middleware.demo_person",
    "dashboard.accounts.devices.remember_device",
    "django_htmx.middleware.HtmxMiddleware",
    "dashboard.middleware.PasswordsInTurn",
    "dashboard.middleware.SignInRequired",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "NAME": "pages",
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [csp.ASSETS / "templates"],
        "OPTIONS": {
            "environment": "dashboard.web.templates.environment",
            "context_processors": ["dashboard.web.templates.page"],
            "auto_reload": DEBUG,
        },
    },
    {
        # Only the admin's own templates, and allauth's for mails and messages.
        "NAME": "django",
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    },
]
TIME_ZONE = env.zone("TIME_ZONE")
USE_TZ = True
USE_I18N = False
LANGUAGE_CODE = "en"

# Static files
STATIC_URL = f"{SCRIPT_NAME}/static/"
STATIC_ROOT = created(DATA_DIR / "static")  # WhiteNoise warns of a missing one before the first collection
FILE_UPLOAD_PERMISSIONS, FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o600, 0o700  # also of collected files
STATICFILES_DIRS = [csp.ASSETS / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "dashboard.web.staticfiles.PlotlyFinder",
    "dashboard.web.staticfiles.NeededAppFiles",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "dashboard.web.staticfiles.HashedFiles"},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG

# Accounts
AUTH_USER_MODEL = "dashboard.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "dashboard.accounts.hashing.PatientArgon2",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "dashboard.accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "dashboard.accounts.forms.LoginForm",
    "reauthenticate": "dashboard.accounts.forms.ReauthenticateForm",
    "change_password": "dashboard.accounts.forms.ChangePasswordForm",
}
MFA_FORMS = {
    "authenticate": "dashboard.accounts.forms.CodeForm",
    "reauthenticate": "dashboard.accounts.forms.CodeAgainForm",
    "activate_totp": "dashboard.accounts.forms.ActivateTOTPForm",
}
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_RATE_LIMITS = False  # they count in the cache, which forgets; ours are in accounts.counters
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Usage"
MFA_TOTP_TOLERANCE = 1  # a code that was typed in its last second arrives in the next one
MFA_ALLOW_UNVERIFIED_EMAIL = True  # no mails are sent, so none is verified

# OpenID Connect, where the operator has it
OIDC_ISSUER = env.issuer("OIDC_ISSUER")
OIDC_NAME = env.text("OIDC_NAME") or "single sign-on"
if OIDC_ISSUER is not None:
    from dashboard.accounts.oidc import providers

    INSTALLED_APPS += ["allauth.socialaccount", "allauth.socialaccount.providers.openid_connect"]
    SOCIALACCOUNT_PROVIDERS = providers(env, OIDC_ISSUER, OIDC_NAME)
    SOCIALACCOUNT_ADAPTER = "dashboard.accounts.social.SocialAccountAdapter"

# Logs
LOG_LEVEL = (env.text("LOG_LEVEL") or "WARNING").upper()
LOGGING_CONFIG = None
_keys = (AUTUMN_SECRET_KEY, AUTUMN_SECRET_KEY_PREVIOUS, SECRET_KEY, *SECRET_KEY_FALLBACKS)
_secrets = (*_keys, METRICS_TOKEN, env.text("OIDC_CLIENT_SECRET"))
logging.configure(LOG_LEVEL, [secret for secret in _secrets if secret])
_log = structlog.get_logger(__name__)
if env.unknown:
    _log.warning("settings_not_known", names=env.unknown)
if not _is_private:
    _log.warning("data_dir_open_to_others", path=str(DATA_DIR))
