"""A real Django project: users, sessions, a database, the admin, and Tenure behind it."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent
STATE_DIR = Path(os.environ.get("DJANGO_STATE_DIR", "/tmp"))
SECRET_KEY = "the-test-project-and-nothing-else-uses-this-key"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "testserver"]
ROOT_URLCONF = os.environ.get("DJANGO_URLCONF", "project.urls")
WSGI_APPLICATION = "project.wsgi.application"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "tenure_django",
    *(["rest_framework"] if find_spec("rest_framework") else []),
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "tenure_django.middleware.billing_middleware",
]
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
            ]
        },
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": STATE_DIR / "django.sqlite3",
        "ATOMIC_REQUESTS": os.environ.get("DJANGO_ATOMIC") == "1",
        "OPTIONS": {"timeout": 20},
    }
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": str(STATE_DIR / "cache"),
    }
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGIN_REDIRECT_URL = "/"
USE_TZ = True
TEST_RUNNER = "project.runner.Runner"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TENURE = {
    "SERVER_URL": os.environ.get("TENURE_SERVER_URL", "http://127.0.0.1:9"),
    "JWT_SECRET": os.environ.get("AUTH_JWT_SECRET", "a-test-secret-of-thirty-two-bytes-or-more"),
    "JWT_AUDIENCE": os.environ.get("AUTH_JWT_AUDIENCE") or None,
    "WEBHOOK_SECRET": os.environ.get(
        "OUTGOING_WEBHOOK_SECRET", "whsec_dGVudXJlLWRqYW5nby10ZXN0LXNlY3JldA=="
    ),
    "ADMIN_TOKEN": os.environ.get("ADMIN_TOKEN", "an-admin-token-for-tests"),
    "READ_TIMEOUT": float(os.environ.get("TENURE_READ_TIMEOUT", "10")),
    "USER_ID": "username",
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "level": os.environ.get("DJANGO_LOG_LEVEL", "CRITICAL"),
        }
    },
    "root": {"handlers": ["console"]},
    "loggers": {"django.server": {"handlers": ["console"], "propagate": False}},
}
