"""Applications, their reviews, and permits."""

from portal.access.models.application import Application, Attachment, Item, Submission
from portal.access.models.permit import (
    Outcome,
    Permit,
    PermittedDataset,
    PermittedModelVersion,
    PermittedPerson,
)
from portal.access.models.review import Message, Opinion, Review

__all__ = [
    "Application",
    "Attachment",
    "Item",
    "Message",
    "Opinion",
    "Outcome",
    "Permit",
    "PermittedDataset",
    "PermittedModelVersion",
    "PermittedPerson",
    "Review",
    "Submission",
]
