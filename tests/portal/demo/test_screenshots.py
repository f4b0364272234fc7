"""The pictures of the demonstration: ten pages, taken by somebody who is there."""

from __future__ import annotations

from pathlib import Path

from portal.demo.partners import PASSWORD, PEOPLE
from tests import screenshots

README = Path(__file__).resolve().parents[3] / "README.md"


def test_ten_pages_are_shown_in_light_and_dark_and_on_a_phone() -> None:
    assert len({shot.name for shot in screenshots.SHOTS}) == 10
    assert {shot.scheme for shot in screenshots.SHOTS} == {"light", "dark"}
    assert min(shot.width for shot in screenshots.SHOTS) == 375


def test_they_are_taken_as_somebody_of_the_demonstration() -> None:
    assert screenshots.PERSON in {person.email for person in PEOPLE}
    assert screenshots.PASSWORD == PASSWORD


def test_the_readme_shows_two_of_them() -> None:
    text = README.read_text()
    assert set(screenshots.FOR_README) <= {shot.name for shot in screenshots.SHOTS}
    for file in screenshots.FOR_README.values():
        assert f"(static/img/{file})" in text
        assert (README.parent / "static" / "img" / file).is_file()
