"""What is done to a study is recorded, and read where it belongs."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

from portal.audit.histories import history
from portal.audit.models import Entry
from portal.studies import actions
from portal.studies.publishing import add_notice, publish_study
from tests import studies


@pytest.mark.django_db
def test_every_act_on_a_study_is_recorded(media: Path) -> None:
    found = studies.partners(versions=1, sites=1)
    study = studies.a_finished_study(found)
    publication = publish_study(study=study, by=found.coordinator)
    add_notice(publication=publication, kind="correction", text="Secret.", by=found.coordinator)
    said = [entry.sentence for entry in history(study)][::-1]
    named = "the study “Do kidney risk models travel?”"
    assert said == [
        f"added {named}",
        f"changed {named}: 1 datasets and 1 model versions are invited",
        f"sent the invitations to {named}",
        f"started {named}, 1 model versions on 1 datasets",
        f"published {named}",
        f"added a notice to {named}",
    ]
    of_the_dataset = [entry.sentence for entry in history(found.datasets[0])]
    title = found.datasets[0].title
    assert of_the_dataset[0] == f"accepted that the dataset “{title}” takes part in {named}"
    assert Entry.objects.filter(object_type="evaluations.evaluation").count() == 1

    inviting = studies.an_inviting_study(found)
    invitation = inviting.invitations.get(dataset=found.datasets[0])
    actions.answer_invitation(
        invitation=invitation, accept=False, reason="Secret.", by=found.holders[0]
    )
    actions.withdraw_study(study=inviting, reason="Secret.", by=found.coordinator)
    assert history(inviting)[0].sentence == f"withdrew {named}"
    assert not Entry.objects.filter(sentence__contains="Secret").exists()


@pytest.mark.django_db
def test_the_history_of_a_study_is_its_own_organisations(media: Path) -> None:
    found = studies.partners(versions=1, sites=1)
    study = studies.a_finished_study(found)
    for person, is_shown in ((found.coordinator, True), (found.holders[0], False)):
        client = Client()
        client.force_login(person)
        page = client.get(study.get_absolute_url()).content.decode()
        assert ("sent the invitations to the study" in page) == is_shown
        client.get(f"{study.get_absolute_url()}study.json")
    downloads = Entry.objects.about(study).filter(verb="downloaded")
    assert {entry.person for entry in downloads} == {found.coordinator, found.holders[0]}
