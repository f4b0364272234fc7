"""Who may see and use an object: grants to role groups through django-guardian.

Each shareable model has its own permission tables with direct foreign keys. A grant goes to the
role group of an organisation, or of the whole consortium, never to a single person.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from guardian.utils import get_group_obj_perms_model

from portal.audit.actions import record
from portal.audit.acts import Act
from portal.organisations.actions import role_groups
from portal.organisations.models import Organisation, RoleGroup
from portal.organisations.roles import SHARED_WITH, VERBS, Role, Verb, lowest_role

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from portal.accounts.models import User

M = TypeVar("M", bound=models.Model)


def _codename(verb: Verb, model: type[models.Model] | models.Model) -> str:
    return f"{verb.value}_{model._meta.model_name}"


def _permission(verb: Verb, model: type[models.Model]) -> int | None:
    """The key of a permission, asked once: kept with its content type, which Django keeps.

    None before the permissions are made.
    """
    kind = ContentType.objects.get_for_model(model)
    known: dict[str, int] = kind.__dict__.setdefault("_known_permissions", {})
    codename = _codename(verb, model)
    if codename not in known:
        found = Permission.objects.filter(content_type=kind, codename=codename)
        key = found.values_list("pk", flat=True).first()
        if key is None:
            return None
        known[codename] = key
    return known[codename]


def _verbs_of(obj: models.Model) -> set[Verb]:
    known = set(obj._meta.default_permissions) | {name for name, _ in obj._meta.permissions}
    return {verb for verb in Verb if verb.value in known or _codename(verb, obj) in known}


def groups_of(user: User | AnonymousUser) -> models.QuerySet[Any, Any]:
    """The keys of the groups that ``user`` is in; nobody who may not sign in is in any."""
    joined = get_user_model().groups.through._default_manager.values("group")
    if not user.is_authenticated or not user.is_active:
        return joined.none()
    return joined.filter(user=user)


def groups_of_the_consortium() -> models.QuerySet[Any, Any]:
    """The keys of the groups that everyone in the consortium is in, by their role."""
    return RoleGroup.objects.filter(organisation=None).values("group")


class ShareableQuerySet(models.QuerySet[M]):
    """Objects that belong to an organisation and can be shared."""

    def allowing(self, user: User | AnonymousUser, verb: Verb) -> Self:
        """The objects that ``user`` may ``verb``.

        Being a superuser or holding a global permission counts for nothing here: who runs the
        site does not thereby see a partner's data.
        """
        return self.filter(pk__in=self.keys_allowing(user, verb))

    def keys_allowing(self, user: User | AnonymousUser, verb: Verb) -> models.QuerySet[Any, Any]:
        """The keys of :meth:`allowing`, for another query to look among: without its own table."""
        return self.keys_granted(verb, groups_of(user))

    def keys_granted(
        self, verb: Verb, groups: models.QuerySet[Any, Any]
    ) -> models.QuerySet[Any, Any]:
        """The keys of the objects that any of ``groups`` may ``verb``.

        Guardian's shortcut asks the same with joins whose size the planner guesses a thousand
        times too small; with 10,000 objects that is most of a page's time.
        """
        model: Any = self.model
        granted = get_group_obj_perms_model(model)._default_manager.filter(
            permission_id=_permission(verb, model), group__in=groups
        )
        return granted.values("content_object")

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """The objects that ``user`` may know of; everything else does not exist for them.

        Of those that are public, but not shared with the person, a page shows the description
        alone: whoever asks for more asks :meth:`allowing`.
        """
        if not is_publishable(self.model):
            return self.allowing(user, Verb.VIEW)
        seen = models.Q(is_public=True)
        if user.is_authenticated and user.is_active:
            seen |= models.Q(pk__in=self.keys_allowing(user, Verb.VIEW))
        return self.filter(seen)

    def allowing_the_consortium(self, verb: Verb) -> Self:
        """The objects that every member of any organisation may ``verb``."""
        return self.filter(pk__in=self.keys_granted(verb, groups_of_the_consortium()))

    def in_the_consortium(self) -> Self:
        """The objects that everyone in the consortium sees: what public counts count."""
        seen = models.Q(pk__in=self.keys_granted(Verb.VIEW, groups_of_the_consortium()))
        if is_publishable(self.model):
            seen |= models.Q(is_public=True)
        return self.filter(seen)


def is_publishable(model: type[models.Model]) -> bool:
    """Whether descriptions of this kind of object can be made public."""
    return any(field.name == "is_public" for field in model._meta.concrete_fields)


def may(user: User | AnonymousUser, verb: Verb, obj: Any) -> bool:
    """Whether ``user`` may ``verb`` this one object."""
    granted: models.QuerySet[Any] = type(obj).objects.keys_allowing(user, verb)
    return granted.filter(content_object=obj).exists()


def organisation_may(organisation: Organisation, verb: Verb, obj: Any) -> bool:
    """Whether ``organisation`` may ``verb`` the object: as its owner, or because it is shared.

    What is done for an organisation is its members' to see, so that it is not enough that the
    person who asks may do it for another organisation. Nothing is done for a suspended one.
    """
    if organisation.is_suspended:
        return False
    given: models.QuerySet[Any] = get_group_obj_perms_model(obj)._default_manager.filter(
        content_object=obj, permission__codename=_codename(verb, obj)
    )
    groups = RoleGroup.objects.filter(
        models.Q(organisation=organisation) | models.Q(organisation=None)
    )
    return given.filter(group__in=groups.values("group")).exists()


def verbs_allowed(user: User | AnonymousUser, obj: Any) -> frozenset[str]:
    """Everything that ``user`` may do with ``obj``, as the verbs' values (for pages)."""
    verbs = {_permission(verb, type(obj)): verb.value for verb in _verbs_of(obj)}
    granted: models.QuerySet[Any] = get_group_obj_perms_model(obj)._default_manager.filter(
        content_object=obj, permission__in=verbs, group__in=groups_of(user)
    )
    return frozenset(verbs[key] for key in granted.values_list("permission", flat=True))


def _give(obj: models.Model, given: Iterable[tuple[int, Verb]]) -> None:
    """Let groups, by their keys, do things with ``obj``; what they may do already stays."""
    model: Any = get_group_obj_perms_model(obj)
    model._default_manager.bulk_create(
        [
            model(content_object=obj, group_id=group, permission_id=_permission(verb, type(obj)))
            for group, verb in given
        ],
        ignore_conflicts=True,
    )


def _take(obj: models.Model, taken: Iterable[tuple[int, Verb]]) -> None:
    """Let groups, by their keys, no longer do things with ``obj``."""
    ends = models.Q(pk=None)
    for group, verb in taken:
        ends |= models.Q(group=group, permission__codename=_codename(verb, obj))
    given: models.QuerySet[Any] = get_group_obj_perms_model(obj)._default_manager.all()
    given.filter(ends, content_object=obj).delete()


def grant_to_owner(
    obj: models.Model, organisation: Organisation, *, without: Collection[Verb] = ()
) -> None:
    """Give the owning organisation's role groups what the table of roles says."""
    verbs = _verbs_of(obj) - set(without)
    groups = dict(RoleGroup.objects.filter(organisation=organisation).values_list("role", "group"))
    _give(
        obj,
        [
            (groups[role], verb)
            for role in Role
            for verb in VERBS[role]
            if verb in verbs and lowest_role(verb) == role
        ],
    )


def grant_to_each(obj: models.Model, verb: Verb, organisations: Iterable[Organisation]) -> None:
    """:func:`grant` for each of ``organisations``, in as many queries as for one."""
    groups = RoleGroup.objects.filter(organisation__in=organisations, role=SHARED_WITH[verb])
    _give(obj, [(group, verb) for group in groups.values_list("group", flat=True)])


def grant(obj: models.Model, verb: Verb, organisation: Organisation | None) -> None:
    """Let ``organisation`` (None: the whole consortium) ``verb`` the object."""
    _give(obj, [(role_groups(organisation)[SHARED_WITH[verb]], verb)])


def withdraw(obj: models.Model, verb: Verb, organisation: Organisation | None) -> None:
    """Undo :func:`grant`."""
    _take(obj, [(role_groups(organisation)[SHARED_WITH[verb]], verb)])


@transaction.atomic
def share(*, obj: Any, verbs: Iterable[Verb], organisation: Organisation | None, by: User) -> None:
    """Share ``obj`` for exactly ``verbs`` with an organisation, or with the consortium (None).

    Raises
    ------
    PermissionError
        If ``by`` may not share the object.
    ValueError
        If the organisation owns it: what its people may do is what their roles say.
    """
    if not may(by, Verb.SHARE, obj):
        raise PermissionError("Only a manager of the owning organisation shares an object.")
    if organisation is not None and organisation.pk == obj.organisation_id:
        raise ValueError("An object is shared with others, not with its owner.")
    wanted = set(verbs)
    if wanted:
        wanted.add(Verb.VIEW)  # nobody uses what they cannot see
    groups, known = role_groups(organisation), _verbs_of(obj)
    pairs = [(groups[role], verb) for verb, role in SHARED_WITH.items() if verb in known]
    _give(obj, [(group, verb) for group, verb in pairs if verb in wanted])
    _take(obj, [(group, verb) for group, verb in pairs if verb not in wanted])
    shared = [str(verb.label) for verb in SHARED_WITH if verb in wanted and verb in known]
    record(
        by=by,
        organisation=obj.organisation,
        verb=Act.SHARED,
        obj=obj,
        what=f" with {organisation or 'the whole consortium'}: {', '.join(shared) or 'ended'}",
    )


@transaction.atomic
def set_public(*, obj: Any, public: bool, by: User) -> None:
    """Let everybody read the object's description, signed in or not; or end that.

    An object may have a word in it: its ``before_public`` refuses what is not fit to be read by
    everybody, and ``after_public`` keeps what came of it.

    Raises
    ------
    PermissionError
        If ``by`` may not share the object.
    """
    if not may(by, Verb.SHARE, obj):
        raise PermissionError("Only a manager of the owning organisation makes an object public.")
    held = type(obj).objects.select_for_update(of=("self",)).get(pk=obj.pk)
    if held.is_public == public:
        return
    if public and hasattr(held, "before_public"):
        held.before_public()
    type(obj).objects.filter(pk=obj.pk).update(is_public=public)
    obj.is_public = public
    if hasattr(held, "after_public"):
        held.after_public(public=public, by=by)
    record(
        by=by,
        organisation=obj.organisation,
        verb=Act.SHARED,
        obj=obj,
        what=f" with everybody: {'its description' if public else 'ended'}",
    )


def shared_with(obj: Any) -> list[tuple[Organisation | None, list[Verb]]]:
    """With whom the object is shared beyond its owner, and for what; None is the consortium."""
    grants: models.QuerySet[Any] = (
        get_group_obj_perms_model(obj)
        ._default_manager.filter(content_object=obj)
        .select_related("group__role_group__organisation", "permission")
    )
    found: dict[Organisation | None, list[Verb]] = {}
    for given in grants:
        organisation = given.group.role_group.organisation
        if organisation is not None and organisation.pk == obj.organisation_id:
            continue
        verb = Verb(given.permission.codename.split("_")[0])
        found.setdefault(organisation, []).append(verb)
    for verbs in found.values():
        verbs.sort(key=list(SHARED_WITH).index)
    return sorted(found.items(), key=lambda item: (item[0] is not None, str(item[0])))
