"""Studies, their members and cells, and what is published of them."""

from portal.studies.models.cell import MOST_CELLS, Cell
from portal.studies.models.invitation import Invitation
from portal.studies.models.publication import Notice, Publication
from portal.studies.models.study import Study, protocol_hash
from portal.studies.states import InvitationStatus, StudyStatus

__all__ = [
    "MOST_CELLS",
    "Cell",
    "Invitation",
    "InvitationStatus",
    "Notice",
    "Publication",
    "Study",
    "StudyStatus",
    "protocol_hash",
]
