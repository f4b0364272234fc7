"""What pages of the catalogue show of the access to data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template

from portal.access import basket

if TYPE_CHECKING:
    from django.template import RequestContext

    from portal.catalogue.models import Dataset

register = template.Library()


@register.simple_tag(takes_context=True)
def asks_for(context: RequestContext, dataset: Dataset) -> bool:
    """Whether the page offers to ask for access to the dataset."""
    return basket.asks_here(context.request, dataset)


@register.simple_tag(takes_context=True)
def basket_size(context: RequestContext) -> int:
    """How many datasets the person has gathered."""
    return len(basket.in_basket(context.request))
