"""Celery: the workers that run jobs, and the beat that sweeps them."""

import os

from celery import Celery, signals

from portal.jobs import messages, shutdown

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

messages.install()
app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(
    [
        "portal.jobs",
        "portal.notifications",
        "portal.access",
        "portal.catalogue",
        "portal.evaluations",
        "portal.comparisons",
        "portal.searches",
        "portal.studies",
    ]
)
signals.worker_process_init.connect(shutdown.leave_to_parent)
signals.worker_shutting_down.connect(shutdown.ask)
