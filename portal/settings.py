"""Django settings. Everything that differs between machines comes from the environment.

With ``DEBUG=1`` nothing needs to be set: an embedded PostgreSQL and local folders serve one
machine. Without it a missing setting stops the start with a message that names it.
"""

import os
from pathlib import Path
from urllib.parse import quote

import dj_database_url
import plotly
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from portal import __version__, environment
from portal.accounts.identity_providers import identity_providers

BASE_DIR = Path(__file__).resolve().parent.parent
LOCAL_ROOT = BASE_DIR / ".local"
"""Where one machine keeps its database, files and messages."""

DEBUG = environment.flag("DEBUG", default=False)
VERSION = __version__

if not DEBUG:
    absent = environment.missing(
        ["SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "CELERY_BROKER_URL"]
    )
    if not os.environ.get("MEDIA_ROOT") and not os.environ.get("S3_BUCKET"):
        absent.append("MEDIA_ROOT (a folder) or S3_BUCKET")
    if absent:
        raise ImproperlyConfigured(
            f"Missing in the environment: {', '.join(absent)}. Set them (README, 'Production'), "
            "or set DEBUG=1 for development on this machine."
        )

SECRET_KEY = os.environ.get("SECRET_KEY") or "for development on one machine only" * 2
SECRET_KEY_FALLBACKS = environment.words("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = environment.words("ALLOWED_HOSTS") or ["127.0.0.1", "localhost", "[::1]"]
DEMONSTRATION = environment.flag("DEMONSTRATION", default=DEBUG)

# The use cases, in the order in which the site shows them.
USE_CASES = [
    "usecases.ckd",
    "usecases.metastasis",
    "usecases.heart_failure",
]

INSTALLED_APPS = [
    "portal.apps.AdministrationConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.sitemaps",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "csp",
    "django_htmx",
    "guardian",
    "knox",
    "pgtrigger",
    "rest_framework",
    "portal.audit",
    "portal.accounts",
    "portal.notifications",
    "portal.organisations",
    "portal.registry",
    "portal.catalogue",
    "portal.searches",
    "portal.access",
    "portal.evaluations",
    "portal.comparisons",
    "portal.studies",
    "portal.showcase",
    "portal.demo",
    *USE_CASES,
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # Pages are compressed here, whatever stands in front; Django pads them by a random length,
    # so that the size of an answer does not tell what is in it (BREACH).
    "django.middleware.gzip.GZipMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.private_pages.PrivatePagesMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.accounts.sessions.LastUsedMiddleware",
    "portal.audit.middleware.AuditMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "portal.accounts.second_factor.SecondFactorMiddleware",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.showcase.context.site",
                "portal.notifications.context.bell",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# Database: PostgreSQL everywhere, so that there is one code path.
if os.environ.get("DATABASE_URL"):
    database_url = os.environ["DATABASE_URL"]
else:
    from portal.postgres import embedded_database_url

    database_url = embedded_database_url(LOCAL_ROOT / "postgres")
DATABASES = {
    "default": dj_database_url.parse(database_url, conn_max_age=60, conn_health_checks=True)
}
if "postgresql" not in DATABASES["default"]["ENGINE"]:
    raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL database.")

# What all processes remember together for a while: attempts to sign in, codes that were used.
CACHES = {"default": environment.cache(os.environ.get("CACHE_URL", ""))}

# People
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None  # guardian: visitors are not a row in the table of people
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "my-work"
LOGOUT_REDIRECT_URL = "home"
REQUIRE_SECOND_FACTOR = environment.flag("REQUIRE_SECOND_FACTOR", default=not DEMONSTRATION)
"""Whether managers, those with a consortium role and administrators must have one."""
IDENTITY_PROVIDERS = identity_providers(os.environ.get("IDENTITY_PROVIDERS", ""))

# How django-allauth signs people in. Its pages are listed in portal/accounts/urls.py.
ACCOUNT_ADAPTER = "portal.accounts.adapters.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "portal.accounts.forms.SignInForm",
    "reset_password": "portal.accounts.forms.ForgottenPasswordForm",
    "reset_password_from_key": "portal.accounts.forms.NewPasswordForm",
    "change_password": "portal.accounts.forms.PasswordForm",
    "reauthenticate": "portal.accounts.forms.ConfirmPasswordForm",
}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_SIGNUP_ENABLED = False  # by invitation, by an administrator, or vouched for by a provider
ACCOUNT_EMAIL_VERIFICATION = "none"  # whoever made the account answers for the address
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "SHAIPED: "
ACCOUNT_SESSION_REMEMBER = True  # for SESSION_COOKIE_AGE, and no longer
SOCIALACCOUNT_ADAPTER = "portal.accounts.adapters.ProviderAdapter"
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "provider_class": "portal.accounts.openid_connect.IdentityProvider",
        "OAUTH_PKCE_ENABLED": True,
    },
}
MFA_ADAPTER = "portal.accounts.adapters.SecondFactorAdapter"
MFA_FORMS = {
    "authenticate": "portal.accounts.forms.SecondFactorForm",
    "reauthenticate": "portal.accounts.forms.ConfirmCodeForm",
    "activate_totp": "portal.accounts.forms.AuthenticatorForm",
    "login_webauthn": "portal.accounts.forms.PasskeySignInForm",
    "authenticate_webauthn": "portal.accounts.forms.PasskeySecondFactorForm",
    "reauthenticate_webauthn": "portal.accounts.forms.ConfirmPasskeyForm",
    "add_webauthn": "portal.accounts.forms.PasskeyForm",
    "edit_webauthn": "portal.accounts.forms.PasskeyNameForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "SHAIPED"
MFA_TOTP_TOLERANCE = 1  # clocks differ
MFA_RECOVERY_CODE_DIGITS = 10

# E-mail
mail = environment.mail_server(
    os.environ.get("EMAIL_URL") or ("console:" if DEBUG or DEMONSTRATION else "smtp://localhost")
)
EMAIL_BACKEND = mail.backend
EMAIL_HOST = mail.host
EMAIL_PORT = mail.port
EMAIL_HOST_USER = mail.user
EMAIL_HOST_PASSWORD = mail.password
EMAIL_USE_TLS = mail.starttls
EMAIL_USE_SSL = mail.tls
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = os.environ.get("EMAIL_FROM") or f"SHAIPED <no-reply@{ALLOWED_HOSTS[0]}>"
CONTACT_EMAIL = os.environ.get("CONTACT_EMAIL", "")
"""Whom the pages on accessibility and privacy name; empty: the coordinating partners."""

# API
KNOX_TOKEN_MODEL = "accounts.ApiToken"  # noqa: S105 - names a model
# Knox's migrations make a table for its own tokens, which accounts.ApiToken replaces.
MIGRATION_MODULES = {"knox": None}
REST_KNOX = {"AUTH_HEADER_PREFIX": "Bearer", "TOKEN_PREFIX": "shaiped_"}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["portal.accounts.tokens.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["portal.accounts.tokens.ScopeAllows"],
    "DEFAULT_THROTTLE_CLASSES": ["portal.accounts.tokens.TokenThrottle"],
    "DEFAULT_THROTTLE_RATES": {"token": os.environ.get("API_RATE") or "600/minute"},
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
}

# Language and time
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("fr", "Français"), ("da", "Dansk")]
"""Each by its own name: whoever looks for it reads no other."""
LOCALE_PATHS = [BASE_DIR / "portal" / "locale"]
FORMAT_MODULE_PATH = ["portal.formats"]
TIME_ZONE = "Europe/Paris"
USE_I18N = True
USE_TZ = True

# Files
MEDIA_ROOT = Path(os.environ.get("MEDIA_ROOT") or LOCAL_ROOT / "media")
MAX_UPLOAD_BYTES = environment.number("MAX_UPLOAD_BYTES", default=2 * 1024**3)
SMALLEST_COUNT = environment.number("SMALLEST_COUNT", default=10)
"""Counts of people below this leave no site, whatever a protocol asks."""
MAX_ARTEFACT_BYTES = environment.number("MAX_ARTEFACT_BYTES", default=256 * 1024**2)
FILE_UPLOAD_HANDLERS = ["portal.catalogue.uploading.LimitedUploadHandler"]
# On the same file system as the stored files, so that a finished upload is moved, not copied.
FILE_UPLOAD_TEMP_DIR = MEDIA_ROOT / "arriving"
FILE_UPLOAD_TEMP_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
FILE_UPLOAD_PERMISSIONS = 0o600
DATA_UPLOAD_MAX_NUMBER_FILES = 1  # no form takes more, and each may be as large as allowed
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000  # a dictionary of 2,000 variables has seven fields a line

if os.environ.get("S3_BUCKET"):
    default_storage = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": os.environ["S3_BUCKET"],
            "endpoint_url": os.environ.get("S3_ENDPOINT_URL"),
            "region_name": os.environ.get("S3_REGION"),
            "default_acl": "private",
            "file_overwrite": False,
            # Nothing gives addresses of the store away; whatever came to would be signed and end.
            "querystring_auth": True,
            "querystring_expire": 300,
            "signature_version": "s3v4",
        },
    }
else:
    default_storage = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": MEDIA_ROOT},
    }
STORAGES = {
    "default": default_storage,
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage",
    },
}

STATIC_URL = "static/"
STATIC_ROOT = Path(os.environ.get("STATIC_ROOT") or LOCAL_ROOT / "static")
STATICFILES_DIRS = [
    BASE_DIR / "static",
    # plotly.js as shipped inside the Python package: one version draws and describes figures.
    ("plotly", str(Path(plotly.__file__).parent / "package_data")),
]
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
]

# Jobs: the database row is the truth and a message only wakes a worker.
CELERY_BROKER_URL, CELERY_BROKER_TRANSPORT_OPTIONS = environment.broker(
    os.environ.get("CELERY_BROKER_URL") or f"filesystem://{quote(str(LOCAL_ROOT / 'broker'))}"
)
CELERY_TASK_IGNORE_RESULT = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TIMEZONE = "UTC"
JOB_SWEEP_SECONDS = environment.number("JOB_SWEEP_SECONDS", default=10)
SEARCH_LOOK_SECONDS = 5 * 60
"""How often some of the saved searches are looked at for what is new."""
CELERY_BEAT_SCHEDULE = {
    "sweep": {
        "task": "portal.jobs.sweep",
        "schedule": JOB_SWEEP_SECONDS,
        "options": {"expires": JOB_SWEEP_SECONDS},
    },
    "sweep-studies": {
        "task": "portal.studies.sweep_studies",
        "schedule": JOB_SWEEP_SECONDS,
        "options": {"expires": JOB_SWEEP_SECONDS},
    },
    "sweep-permits": {
        "task": "portal.access.sweep_permits",
        "schedule": JOB_SWEEP_SECONDS,
        "options": {"expires": JOB_SWEEP_SECONDS},
    },
    "remind-of-permits": {
        "task": "portal.access.remind",
        "schedule": 3600,
        "options": {"expires": 3600},
    },
    "remind-of-descriptions": {
        "task": "portal.catalogue.remind",
        "schedule": 3600,
        "options": {"expires": 3600},
    },
    "sweep-notifications": {
        "task": "portal.notifications.sweep_notifications",
        "schedule": JOB_SWEEP_SECONDS,
        "options": {"expires": JOB_SWEEP_SECONDS},
    },
    "look-for-new": {
        "task": "portal.searches.look_for_new",
        "schedule": SEARCH_LOOK_SECONDS,
        "options": {"expires": SEARCH_LOOK_SECONDS},
    },
}
JOB_LEASE_SECONDS = environment.number("JOB_LEASE_SECONDS", default=30)
JOB_HEARTBEAT_SECONDS = environment.number("JOB_HEARTBEAT_SECONDS", default=2)
JOB_QUEUED_TOO_LONG_SECONDS = environment.number("JOB_QUEUED_TOO_LONG_SECONDS", default=60)
JOB_ATTEMPTS = 3
JOB_MEMORY_BYTES = environment.number("JOB_MEMORY_BYTES", default=6 * 1024**3)
JOB_WALL_SECONDS = environment.number("JOB_WALL_SECONDS", default=3600)
ARTEFACT_MEMORY_BYTES = environment.number("ARTEFACT_MEMORY_BYTES", default=2 * 1024**3)
ARTEFACT_WALL_SECONDS = environment.number("ARTEFACT_WALL_SECONDS", default=600)
ARTEFACT_CHECK_SECONDS = environment.number("ARTEFACT_CHECK_SECONDS", default=20)

# Security. HTTPS=0 serves plain HTTP, for one machine only.
HTTPS = environment.flag("HTTPS", default=not DEBUG)
SITE_URL = environment.site_url(
    os.environ.get("SITE_URL", ""), ALLOWED_HOSTS, https=HTTPS, is_local=DEBUG
)
"""Where people find the site: letters that no request asked for begin their links with it."""
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_REFERRER_POLICY = "same-origin"
BEHIND_PROXY = environment.flag("BEHIND_PROXY", default=False)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    # The address that rate limits count by is the last one that the proxy wrote.
    ALLAUTH_TRUSTED_PROXY_COUNT = 1
CSRF_TRUSTED_ORIGINS = environment.words("CSRF_TRUSTED_ORIGINS")
CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_AGE = 12 * 60 * 60
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        # The hash is of the empty style element that plotly.js fills through the style sheet
        # object; its marks carry style attributes.
        "style-src": [SELF, "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"],
        "style-src-attr": ["'unsafe-inline'"],
        "img-src": [SELF, "data:", "blob:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "INFO")},
}
