"""What a first visit to a public page weighs: at most 60 kB compressed, charts apart."""

from __future__ import annotations

import functools
import gzip
import re
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from portal.showcase.indexing import PAGES
from portal.studies.publishing import publish_study
from tests import factories, studies

MOST = 60_000
FILE = re.compile(r'(?:src|href)="/static/([^"]+\.(?:js|css))"')


@functools.cache
def weight_of(name: str) -> int:
    """Of a static file."""
    return compressed(Path(finders.find(name) or "").read_bytes())


def compressed(content: bytes) -> int:
    return len(gzip.compress(content, 6))


def weight(page: str) -> int:
    """Of the page, and of the styles and scripts that it names."""
    files = set(FILE.findall(page))
    assert files
    assert not any("plotly" in name for name in files)
    return compressed(page.encode()) + sum(weight_of(name) for name in files)


def test_a_public_page_weighs_at_most_60_kilobytes(db: None, media: Path) -> None:
    partners = studies.partners(versions=2, sites=3)
    study = studies.a_finished_study(partners, failures=1)
    publication = publish_study(study=study, by=partners.coordinator)
    for number in range(30):
        factories.an_organisation(f"A partner with a rather long name, number {number}")
    client = Client()
    heavy = {}
    for language, _name in settings.LANGUAGES:
        with override(language):
            addresses = [reverse(name) for name in PAGES]
            addresses += [
                publication.get_absolute_url(),
                reverse("use-case-overview", kwargs={"use_case": "ckd"}),
                partners.datasets[0].organisation.get_absolute_url(),
            ]
        for address in addresses:
            answer = client.get(address)
            assert answer.status_code == 200, address
            if (found := weight(answer.content.decode())) > MOST:
                heavy[address] = found
    assert heavy == {}
