"""Settings of the test suite: those of the site, on one machine, with files of their own."""

import os
import tempfile
from pathlib import Path

os.environ["DEBUG"] = "1"
os.environ.setdefault("LOG_LEVEL", "WARNING")
_FOLDER = Path(tempfile.mkdtemp(prefix="shaiped-tests-"))
os.environ["MEDIA_ROOT"] = str(_FOLDER / "media")
os.environ["STATIC_ROOT"] = str(_FOLDER / "static")
(_FOLDER / "static").mkdir()
os.environ["CELERY_BROKER_URL"] = f"filesystem://{_FOLDER}/broker"

from portal.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MAX_UPLOAD_BYTES = 512 * 1024**2

# Threads of the live server come and go; a connection that outlives one holds the database.
DATABASES["default"]["CONN_MAX_AGE"] = 0  # noqa: F405

# A test waits for no disk: what a crash of the machine would lose is thrown away anyway.
DATABASES["default"].setdefault("OPTIONS", {})["options"] = "-c synchronous_commit=off"  # noqa: F405

# Two runs beside each other on one server want databases of their own.
DATABASES["default"]["TEST"] = {  # noqa: F405
    "NAME": "test_shaiped" + os.environ.get("TEST_DATABASE_SUFFIX", "")
}
TEMPLATE_OF_DATABASES = f"{DATABASES['default']['TEST']['NAME']}_template"  # noqa: F405

# In this process: what one test tried too often does not stand in the way of the next.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
