"""News: what may stand in it, who reads it, in which language, and its feed."""

from __future__ import annotations

import re
from datetime import timedelta
from xml.etree import ElementTree

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override

from portal.audit.acts import Act
from portal.audit.models import Entry
from portal.showcase.actions import publish_news
from portal.showcase.markdown import rendered, sanitised
from portal.showcase.models import News, NewsText
from tests import factories

HOSTILE = (
    "<script>alert(1)</script>",
    '<p onclick="alert(1)">words</p>',
    '<a href="javascript:alert(1)">words</a>',
    '<a href="JaVaScRiPt&#58;alert(1)">words</a>',
    '<a href="data:text/html,<script>alert(1)</script>">words</a>',
    '<iframe src="https://evil.example/"></iframe>',
    "<style>body { display: none }</style>",
    '<p style="position: fixed" class="btn" id="main">words</p>',
    '<img src="https://evil.example/pixel.png" onerror="alert(1)">',
    '<svg onload="alert(1)"><use href="#x"/></svg>',
    '<form action="https://evil.example/"><input name="password"></form>',
    '<math><mtext></p><style><img src=x onerror="alert(1)"></style></mtext></math>',
    "<!-- a remark -->",
    '<base href="https://evil.example/"><meta http-equiv="refresh" content="0;url=//evil.example">',
    "[words](javascript:alert(1))",
    "[words](vbscript:alert(1))",
    "![words](https://evil.example/pixel.png)",
    "![<img src=x onerror=alert(1)>](https://evil.example/pixel.png)",
    '[words](https://example.org "x\\" onclick=\\"alert(1)")',
    "<javascript:alert(1)>",
)
LIST = re.compile(
    r"</?(p|br|hr|h2|h3|h4|strong|em|code|pre|blockquote|ul|ol|li|a)"
    r'( (href="(https?:|mailto:|/)[^"<>]*"|title="[^"<>]*"|rel="noopener"|start="\d+"))*>'
)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_but_the_list_comes_out(text: str) -> None:
    for html in (rendered(text), sanitised(text)):
        for tag in re.findall(r"<[^>]*>", html):
            assert LIST.fullmatch(tag), (text, tag)
        assert "<!--" not in html


def test_a_text_keeps_its_shape_below_the_title_of_its_page() -> None:
    html = rendered(
        "# Heading\n\nA **strong** and *plain* [word](https://example.org/ 'Where').\n\n"
        "- one\n- two\n\n> said\n\n![a picture](https://example.org/x.png)\n\n1 < 2 & 3"
    )
    assert "<h2>Heading</h2>" in html
    assert '<a href="https://example.org/" title="Where" rel="noopener">word</a>' in html
    assert "<strong>strong</strong> and <em>plain</em>" in html
    assert "<li>one</li>" in html
    assert "<blockquote>" in html
    assert "<p>a picture</p>" in html
    assert "1 &lt; 2 &amp; 3" in html


@pytest.mark.django_db
class TestPages:
    """What visitors get."""

    def test_a_draft_and_what_is_not_yet_are_not_there(self) -> None:
        draft = factories.a_news_item(published=False)
        later = factories.a_news_item()
        News.objects.filter(pk=later.pk).update(date=timezone.localdate() + timedelta(days=1))
        shown = factories.a_news_item()
        client, administrator = Client(), Client()
        administrator.force_login(factories.a_person(is_staff=True, is_superuser=True))
        for item in (draft, later):
            assert client.get(item.get_absolute_url()).status_code == 404
            assert administrator.get(item.get_absolute_url()).status_code == 404
        for name in ("home", "news-list", "news-feed"):
            text = client.get(reverse(name)).content.decode()
            assert shown.slug in text, name
            assert draft.slug not in text, name
            assert later.slug not in text, name

    def test_a_text_comes_in_the_readers_language_or_in_english_and_says_so(self) -> None:
        item = factories.a_news_item(en="An **English** text.", fr="Un texte **français**.")
        for language, expected in (("en", "English"), ("fr", "français"), ("da", "English")):
            with override(language):
                page = Client().get(item.get_absolute_url()).content.decode()
            assert f"<strong>{expected}</strong>" in page
            assert ("Endnu ikke oversat" in page) == (language == "da"), language
            assert "Not translated yet" not in page
            shown = {"en": "en", "fr": "fr", "da": "en"}[language]
            assert f'<div class="prose" lang="{shown}">' in page

    def test_the_home_page_has_the_newest_three(self) -> None:
        items = [factories.a_news_item() for _ in range(4)]
        text = Client().get(reverse("home")).content.decode()
        assert [item.slug in text for item in items] == [False, True, True, True]

    def test_a_site_without_news_milestones_and_figures_has_no_empty_boxes(self) -> None:
        text = Client().get(reverse("home")).content.decode()
        assert 'id="news-title"' not in text
        assert "announced" not in text

    def test_the_list_is_cut_into_pages(self) -> None:
        for _ in range(21):
            factories.a_news_item()
        page = Client().get(reverse("news-list"), {"page": 2}).context["page"]
        assert len(page.object_list) == 1


ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_feed_is_one_that_readers_of_feeds_take(language: str) -> None:
    first = factories.a_news_item(en="An **English** text & more.", fr="Un texte **français**.")
    factories.a_news_item()
    with override(language):
        address, there = reverse("news-feed"), first.get_absolute_url()
    response = Client().get(address)
    assert response["Content-Type"] == "application/atom+xml; charset=utf-8"
    root = ElementTree.fromstring(response.content)  # noqa: S314 - our own
    assert root.tag == f"{ATOM}feed"
    assert root.get("{http://www.w3.org/XML/1998/namespace}lang") == language
    links = {link.get("rel"): link.get("href") for link in root.findall(f"{ATOM}link")}
    assert links["self"] == f"http://testserver{address}"
    assert root.find(f"{ATOM}author/{ATOM}name") is not None
    entries = root.findall(f"{ATOM}entry")
    assert len(entries) == 2
    for part in (root, *entries):  # what RFC 4287 requires
        for name in ("id", "title", "updated"):
            assert part.findtext(f"{ATOM}{name}"), (part.tag, name)
        assert re.fullmatch(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
            part.findtext(f"{ATOM}updated"),
        )
    assert len({entry.findtext(f"{ATOM}id") for entry in entries}) == 2
    oldest = entries[-1]
    assert oldest.find(f"{ATOM}link").get("href") == f"http://testserver{there}"
    summary = oldest.find(f"{ATOM}summary")
    assert summary.get("type") == "html"
    assert ("français" if language == "fr" else "English") in summary.text


@pytest.mark.django_db
def test_a_feed_without_news_is_the_same_each_time() -> None:
    first, second = (Client().get(reverse("news-feed")).content for _ in range(2))
    assert first == second
    root = ElementTree.fromstring(first)  # noqa: S314
    assert root.findtext(f"{ATOM}updated") == "1970-01-01T00:00:00+00:00"


@pytest.mark.django_db
def test_what_was_pasted_with_a_control_character_does_not_break_the_feed() -> None:
    factories.a_news_item(en="Pasted\x0b and \x1f torn.")
    root = ElementTree.fromstring(Client().get(reverse("news-feed")).content)  # noqa: S314
    assert "Pasted and  torn." in root.findtext(f"{ATOM}entry/{ATOM}summary")


def test_a_summary_is_the_first_paragraph_in_plain_words() -> None:
    text = NewsText(body="## Heading\n\nOne & **two** < [three](/x).\n\nMore.")
    assert text.summary == "One & two < three."
    long = NewsText(body="word " * 200)
    assert len(long.summary) <= 240
    assert long.summary.endswith("…")
    assert NewsText(body="- only\n- a list").summary == "only a list"


def form(*texts: tuple[str, str], status: str = "published", initial: int = 0) -> dict[str, str]:
    data = {
        "slug": "something-new", "date": "2026-11-01", "status": status,
        "texts-TOTAL_FORMS": str(len(texts)), "texts-INITIAL_FORMS": str(initial),
    }  # fmt: skip
    for number, (language, body) in enumerate(texts):
        data |= {
            f"texts-{number}-language": language,
            f"texts-{number}-title": f"Title ({language})",
            f"texts-{number}-body": body,
        }
    return data


@pytest.mark.django_db
class TestWriting:
    """In the administration."""

    @pytest.fixture
    def client(self) -> Client:
        client = Client()
        client.force_login(factories.a_person(is_staff=True, is_superuser=True))
        return client

    def test_publishing_and_withdrawing_are_in_the_log(self, client: Client) -> None:
        add = reverse("admin:showcase_news_add")
        assert client.post(add, form(("en", "New."), status="draft")).status_code == 302
        item = News.objects.get()
        text = item.texts.get()
        change = reverse("admin:showcase_news_change", args=[item.pk])
        kept = {"texts-0-id": str(text.pk), "texts-0-news": str(item.pk)}
        for status in ("published", "published", "draft"):
            given = form(("en", "Newer."), status=status, initial=1) | kept
            assert client.post(change, given).status_code == 302
        verbs = Entry.objects.filter(object_type="showcase.news").order_by("pk")
        expected = [Act.ADDED, Act.PUBLISHED, Act.CHANGED, Act.WITHDRAWN]
        assert list(verbs.values_list("verb", flat=True)) == expected
        assert item.texts.get().body == "Newer."
        assert Client().get(item.get_absolute_url()).status_code == 404

    def test_what_is_published_has_a_text_in_english(self, client: Client) -> None:
        add = reverse("admin:showcase_news_add")
        answer = client.post(add, form(("fr", "Nouveau.")))
        assert answer.status_code == 200
        assert "needs a text in English" in answer.content.decode()
        assert not News.objects.exists()
        assert client.post(add, form(("fr", "Nouveau."), status="draft")).status_code == 302

    def test_lists_have_a_constant_number_of_queries(
        self, client: Client, django_assert_max_num_queries
    ) -> None:
        for _ in range(30):
            factories.a_news_item(en="New.", fr="Nouveau.")
        with django_assert_max_num_queries(12):
            assert client.get(reverse("admin:showcase_news_changelist")).status_code == 200

    def test_deleting_several_is_in_the_log(self, client: Client) -> None:
        items = [factories.a_news_item() for _ in range(2)]
        given = {
            "action": "delete_selected",
            "_selected_action": [item.pk for item in items],
            "post": "yes",
        }
        client.post(reverse("admin:showcase_news_changelist"), given)
        assert not News.objects.exists()
        assert Entry.objects.filter(verb=Act.DELETED).count() == 2

    def test_nobody_else_publishes(self) -> None:
        news, texts = News(slug="new"), [NewsText(language="en", title="New", body="New.")]
        with pytest.raises(PermissionError):
            publish_news(news=news, texts=texts, by=factories.a_person())
        assert not News.objects.exists()

    def test_an_action_checks_what_it_is_given(self) -> None:
        texts = [NewsText(language="xx", title="New", body="New.")]
        with pytest.raises(ValidationError):
            publish_news(news=News(slug="new"), texts=texts, by=None)
        assert not News.objects.exists()

    def test_a_language_is_there_once_and_is_one_of_the_sites(self) -> None:
        item = factories.a_news_item(en="New.")
        for language in ("en", "xx"):
            with pytest.raises(IntegrityError), transaction.atomic():
                NewsText.objects.create(news=item, language=language, title="New", body="New.")
