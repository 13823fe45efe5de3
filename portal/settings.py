"""Django's settings, made from the typed `Config`. Operators set LINTEL_… names (portal/config.py), never this file."""

from __future__ import annotations

import os
from typing import Any

import csp.constants
from django.utils.translation import gettext_lazy as _

from meetings import budgets
from portal.config import BASE_DIR, Config, read_config
from portal.database import POSTGRESQL_OPTIONS
from portal.extras import require_extras
from portal.files import prepare_data_dir, secret
from portal.logs import logging_config

LINTEL: Config = read_config(os.environ)
require_extras(LINTEL)
prepare_data_dir(LINTEL.data_dir)

SECRET_KEY = secret(LINTEL.data_dir, "django-key")
DEBUG = False
ALLOWED_HOSTS = list(LINTEL.host_names)
CSRF_TRUSTED_ORIGINS = list(LINTEL.origins)
WEBSOCKET_ORIGINS = list(LINTEL.origins)

INSTALLED_APPS = [
    "portal.staticfiles.StaticFilesConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.forms",  # its widget templates, for the renderer below
    "allauth",
    "allauth.account",
    "channels",
    "django_tasks",
    "django_tasks_db",
    "csp",
    "meetings",
    "portal",
]

# Every one is async-capable (portal/tests/test_middleware.py): a sync-only middleware would hold the process at exit.
MIDDLEWARE = [
    "portal.middleware.SecurityHeaders",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "portal.middleware.PersonTimeZone",
    "portal.middleware.WordsForRefusedMethods",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = None
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.context_processors.lintel",
            ],
        },
    }
]

# ---- data

if LINTEL.database_url and LINTEL.database_url.engine == "postgresql":
    DATABASES: dict[str, dict[str, Any]] = {
        "default": {
            "ENGINE": "portal.database.postgresql",
            "NAME": LINTEL.database_url.name,
            "USER": LINTEL.database_url.user,
            "PASSWORD": LINTEL.database_url.password,
            "HOST": LINTEL.database_url.host,
            "PORT": LINTEL.database_url.port,
            "OPTIONS": POSTGRESQL_OPTIONS | dict(LINTEL.database_url.options),
        }
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "portal.database",
            "NAME": LINTEL.database_url.name if LINTEL.database_url else LINTEL.data_dir / "lintel.sqlite3",
            "OPTIONS": {
                # IMMEDIATE: a transaction that writes later must not find another writer in between.
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,  # a machine that is far too busy answers late rather than not at all
                # FULL: what was acknowledged survives a power cut, not only a crash of this process.
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
            },
        }
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CHANNEL_LAYERS: dict[str, dict[str, Any]] = {}  # who has a socket in a meeting has it in the process that serves it
if LINTEL.redis_url:
    CACHES: dict[str, dict[str, Any]] = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": LINTEL.redis_url,
            "KEY_PREFIX": "lintel",
            "OPTIONS": {"socket_connect_timeout": 2, "socket_timeout": 2},  # somebody waits for a page
        }
    }
else:
    # One process: its threads share this memory, so the sign-in limits count every try. With few entries, tries for
    # made-up accounts would push out the counts of real ones.
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": "lintel",
            "OPTIONS": {"MAX_ENTRIES": 100_000},
        }
    }

TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": ["default", "webhooks"]}}

# ---- accounts

AUTH_USER_MODEL = "portal.User"
AUTHENTICATION_BACKENDS = ["portal.accounts.adapter.Backend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "name")},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/meetings/"
LOGOUT_REDIRECT_URL = "/sign-in/"

ACCOUNT_ADAPTER = "portal.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]  # nobody signs up; tells allauth that there are passwords
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_USER_DISPLAY = "portal.accounts.services.display_name"
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_LOGIN_ON_PASSWORD_RESET = False
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_FORMS = {
    "login": "portal.accounts.forms.SignInForm",
    "reset_password": "portal.accounts.forms.ForgottenForm",
    "reset_password_from_key": "portal.accounts.forms.NewPasswordForm",
}
ACCOUNT_RATE_LIMITS = {
    # Wrong passwords are counted by portal/accounts/guessing.py, changes of passwords by the account page.
    "login": f"{budgets.SIGN_INS.most}/m/ip",
    "reset_password": f"{budgets.RESETS.most}/m/ip",
    "reset_password_from_key": f"{budgets.RESET_KEYS.most}/m/ip",
}

# ---- mail

DEFAULT_FROM_EMAIL = LINTEL.email_from or f"{LINTEL.organisation} <no-reply@{LINTEL.host_names[0]}>"
SERVER_EMAIL = DEFAULT_FROM_EMAIL
if LINTEL.email_url:
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST = LINTEL.email_url.host
    EMAIL_PORT = LINTEL.email_url.port
    EMAIL_HOST_USER = LINTEL.email_url.user
    EMAIL_HOST_PASSWORD = LINTEL.email_url.password
    EMAIL_USE_TLS = LINTEL.email_url.security == "starttls"
    EMAIL_USE_SSL = LINTEL.email_url.security == "tls"
    EMAIL_TIMEOUT = 15
else:
    EMAIL_BACKEND = "portal.outbox.OutboxBackend"

# ---- language and time

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# ---- static files

STATIC_URL = "/static/"
STATIC_ROOT = LINTEL.data_dir / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": LINTEL.data_dir}},
    "staticfiles": {"BACKEND": "portal.staticfiles.Storage"},
}
SERVESTATIC_USE_ZSTD = False
SERVESTATIC_MAX_AGE = 60

# ---- what browsers are told

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"  # Django compares the Referer of an https form with its host
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 63_072_000 if LINTEL.https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = False  # other names of the domain are not ours to bind
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [csp.constants.NONE],
        "script-src": [csp.constants.SELF],
        "style-src": [csp.constants.SELF],
        "img-src": [csp.constants.SELF],
        "font-src": [csp.constants.SELF],
        "connect-src": [csp.constants.SELF],
        "media-src": [csp.constants.SELF, "blob:"],
        "worker-src": [csp.constants.SELF],
        "manifest-src": [csp.constants.SELF],
        "frame-ancestors": [csp.constants.NONE],
        "base-uri": [csp.constants.NONE],
        "form-action": [csp.constants.SELF],
        "object-src": [csp.constants.NONE],
    }
}

SESSION_ENGINE = "portal.accounts.sessions"
SESSION_COOKIE_NAME = "__Host-lintel-session" if LINTEL.https else "lintel-session"
SESSION_COOKIE_SECURE = LINTEL.https
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
CSRF_COOKIE_NAME = "__Host-lintel-csrf" if LINTEL.https else "lintel-csrf"
CSRF_COOKIE_SECURE = LINTEL.https
CSRF_COOKIE_HTTPONLY = True  # pages carry the token in their forms or in a meta element
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "portal.views.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
LANGUAGE_COOKIE_SECURE = LINTEL.https
LANGUAGE_COOKIE_SAMESITE = "Lax"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
if LINTEL.https:
    # The server (portal/server.py) sets the scheme itself; this header can't arrive from outside.
    SECURE_SSL_REDIRECT = False

LOGGING_CONFIG = None
logging_config(LINTEL.log_format)
