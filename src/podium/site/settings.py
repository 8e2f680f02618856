"""Django's settings, all derived from `podium.site.config.Config`."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from csp.constants import NONE, SELF

from podium.logs import hide, logging_config
from podium.site.accounts import sign_in
from podium.site.caches import caches
from podium.site.config import Config
from podium.site.secret_files import keep_secret

CONFIG = Config()
BASE_DIR = Path(__file__).resolve().parent
DATA_DIR = CONFIG.data.resolve()
TESTING = "pytest" in sys.modules


def _secret_key() -> str:
    """The configured key, else one made once and kept in a 0600 file below the data folder."""
    if CONFIG.secret_key is not None:
        return CONFIG.secret_key.get_secret_value()
    if TESTING:
        return "only-for-tests-" + "x" * 40
    return keep_secret(DATA_DIR / "secrets" / "django-key", lambda: secrets.token_urlsafe(64))


def _database() -> dict[str, object]:
    if not CONFIG.database_url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": DATA_DIR / "podium.sqlite3",
            "CONN_MAX_AGE": 0 if TESTING else None,  # threads keep their connections, see `podium.site.threads`
            # Measured: without IMMEDIATE a third of concurrent writes are refused as soon as a reader upgrades.
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
                " PRAGMA cache_size=-8000; PRAGMA temp_store=MEMORY;",
            },
            "TEST": {"NAME": None},
        }
    url = urlsplit(CONFIG.database_url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(url.path.lstrip("/")),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": url.hostname or "",
        "PORT": url.port or "",
        # A pool, because every request of an ASGI process has a thread and so a connection of its own. While the server
        # is restarted requests wait for it, but not as long as workers and clients wait for an answer.
        # Measured: compiling a query of a page took PostgreSQL 200 to 500 ms, and running it 10. What the address says
        # of `options` stands instead, also when it is empty, as behind a pooler that takes none.
        "OPTIONS": {
            "options": "-c jit=off",
            **dict(parse_qsl(url.query, keep_blank_values=True)),
            **({} if TESTING else {"pool": {"min_size": 1, "max_size": 12, "timeout": 10}}),
        },
    }


SECRET_KEY = _secret_key()
DEBUG = CONFIG.debug
ALLOWED_HOSTS = [*CONFIG.hosts, *(["testserver"] if TESTING else [])]
CSRF_TRUSTED_ORIGINS = [CONFIG.public_url.rstrip("/")]
DATABASES = {"default": _database()}
CACHES = caches(CONFIG.redis_url.get_secret_value() if CONFIG.redis_url else None)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ATOMIC_REQUESTS = False

INSTALLED_APPS = [
    "podium.site.pages",
    "podium.site.accounts",
    "podium.site.audit",
    "podium.site.queues",
    "podium.site.resources",
    "podium.site.idempotency",
    "podium.site.competitions",
    "podium.site.mails",
    "podium.site.leaderboards",
    "podium.site.evaluation",
    "podium.site.webhooks",
    "podium.site.forums",
    "podium.site.analytics",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "podium.site.audit.administration_app.AdministrationConfig",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "csp",
    "django_tasks",
    "django_tasks_db",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "podium.site.private_answers.PrivateAnswersMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "podium.site.languages.LanguageMiddleware",
    "podium.site.accounts.middleware.BannedUserMiddleware",
    "podium.site.audit.middleware.OriginMiddleware",
    "podium.site.monitoring.middleware.RequestFactsMiddleware",
    "podium.site.competitions.middleware.ViewingMiddleware",
    "podium.site.throttling.RateLimitHeadersMiddleware",
    "podium.site.errors.ApiErrorsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "podium.site.urls"
ASGI_APPLICATION = "podium.site.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "podium.site.pages.context.site",
            ],
        },
    }
]

# --- people -----------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["podium.site.accounts.backends.NameOrEmailBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
if TESTING:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGIN_REDIRECT_URL = "/"
LOGIN_URL = "account_login"
ACCOUNT_ADAPTER = "podium.site.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = CONFIG.email_verification
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_USERNAME_VALIDATORS = "podium.site.accounts.validators.USERNAME_VALIDATORS"
ACCOUNT_FORMS = {
    name: f"podium.site.accounts.forms.{form}Form"
    for name, form in (
        ("signup", "Signup"),
        ("change_password", "ChangePassword"),
        ("set_password", "SetPassword"),
        ("reset_password", "ResetPassword"),
        ("reset_password_from_key", "ResetPasswordKey"),
    )
}

ACCOUNT_CHANGE_EMAIL = True  # one address at a time; a new one takes its place once it is confirmed
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = False
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # or a stranger could have mails sent to anybody
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_RATE_LIMITS = {
    "login_failed": "10/m/ip,5/5m/key",
    # What is mailed to an address that somebody names: nobody is to be flooded by it.
    "manage_email": "10/h/user",
    "confirm_email": "5/h/key",
    "reset_password": "20/m/ip,5/15m/key",
}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_ADAPTER = "podium.site.accounts.adapter.MfaAdapter"
MFA_TOTP_ISSUER = "Podium"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = CONFIG.debug
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_ALLOW_UNVERIFIED_EMAIL = CONFIG.email_verification == "none"
SOCIALACCOUNT_ADAPTER = "podium.site.accounts.adapter.SocialAccountAdapter"
SOCIALACCOUNT_FORMS = {"signup": "podium.site.accounts.forms.SocialSignupForm"}
SOCIALACCOUNT_PROVIDERS = {"openid_connect": sign_in.provider(CONFIG.sign_in)}

# --- cookies, headers -------------------------------------------------------------------------------------------
_secure = CONFIG.public_is_https if CONFIG.secure_cookies is None else CONFIG.secure_cookies
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _secure
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_NAME = "podium_session"
CSRF_COOKIE_NAME = "podium_csrf"
SECURE_HSTS_SECONDS = CONFIG.hsts_seconds
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if CONFIG.trusted_proxy:
    ALLAUTH_TRUSTED_PROXY_COUNT = 1  # limits on log-ins count people's addresses, not the proxy's for everybody
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CONTENT_SECURITY_POLICY = {
    "EXCLUDE_URL_PREFIXES": ["/api/docs/", "/api/redoc/"],
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "manifest-src": [SELF],
    },
}

# --- files ------------------------------------------------------------------------------------------------------
FILES_DIR = DATA_DIR / "files"
STATIC_URL = "/static/"
# The documentation: in the package where that is installed, at the root of a checkout.
DOCS_DIR = next(each for each in (BASE_DIR.parent / "docs", BASE_DIR.parents[2] / "docs") if each.is_dir())
STATICFILES_DIRS = [BASE_DIR / "static", ("docs", DOCS_DIR / "images")]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": FILES_DIR, "base_url": None},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_PERMISSIONS = 0o640

# --- background work --------------------------------------------------------------------------------------------
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": ["default"]}}

# --- API --------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.SessionAuthentication",
        "podium.site.accounts.authentication.TokenAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "podium.site.parsers.JSONParser",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_METADATA_CLASS": None,  # OPTIONS would describe what OpenAPI describes, and fails on what is no key
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_THROTTLE_CLASSES": ["podium.site.throttling.RequestThrottle"],
    "EXCEPTION_HANDLER": "podium.site.errors.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
RATE_LIMITS = {
    "person": 0 if TESTING else CONFIG.rate_limit_person,  # tests but those of the limits have none
    "address": 0 if TESTING else CONFIG.rate_limit_address,
    "create": 0 if TESTING else CONFIG.rate_limit_create,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Podium",
    "DESCRIPTION": "The REST API of Podium. Paths, names and shapes are those of Codabench.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "podium.site.openapi.describe_streams",
        "podium.site.openapi.describe_refusals",
        "podium.site.conditional.describe_tags",
    ],
    "ENUM_NAME_OVERRIDES": {
        "SubmissionStatusEnum": "podium.site.evaluation.states.SubmissionStatus",
        "CreationStateEnum": "podium.site.competitions.models.CreationState",
    },
}

# --- mail -------------------------------------------------------------------------------------------------------
DEFAULT_FROM_EMAIL = SERVER_EMAIL = CONFIG.email_from
if CONFIG.email_url:
    _mail = urlsplit(CONFIG.email_url)
    EMAIL_HOST = _mail.hostname or "localhost"
    EMAIL_PORT = _mail.port or (465 if _mail.scheme == "smtps" else 25)
    EMAIL_HOST_USER = unquote(_mail.username or "")
    EMAIL_HOST_PASSWORD = unquote(_mail.password or "")
    EMAIL_USE_SSL = _mail.scheme == "smtps"
    EMAIL_USE_TLS = _mail.scheme == "smtp" and EMAIL_PORT == 587
else:
    EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"

# --- language, time ---------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("fr", "Français"), ("es", "Español")]  # each in its own words
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_NAME = "podium_language"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- logs -------------------------------------------------------------------------------------------------------
hide(SECRET_KEY, *CONFIG.secrets)
LOGGING = logging_config(
    CONFIG.log_format,
    CONFIG.log_level,
    levels={
        "django.server": "WARNING",
        "django.request": "ERROR",  # what was refused is in the line that each request has of its own
        "django_tasks": "WARNING",
        "django_tasks_db": "WARNING",
        "uvicorn.access": "WARNING",
        "django.security.DisallowedHost": "CRITICAL",  # anybody writes these, and the line of the request tells them
    },
)
ADMINS = [("", address) for address in CONFIG.error_mail_addresses]
LOGGING["handlers"]["error_mails"] = {
    "class": "podium.site.monitoring.mails.ErrorMailHandler",
    "level": "ERROR",
}
LOGGING["loggers"]["django"] = {"handlers": ["error_mails"] if ADMINS else [], "level": "INFO"}
DEFAULT_EXCEPTION_REPORTER_FILTER = "podium.site.monitoring.mails.ReportFilter"
LOGGING_CONFIG = "logging.config.dictConfig"
SILENCED_SYSTEM_CHECKS: list[str] = []
