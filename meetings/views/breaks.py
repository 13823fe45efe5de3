"""Who breaks when links are taken back, in sentences that a host reads before it is done."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from meetings.services.links import Breaks
from meetings.views import words


def of_meeting_link(breaks: Breaks) -> str:
    """ "The old link stops working now. 4 listed people get the new one by email. 2 personal links keep working." """
    return _joined(
        _("The old link stops working now."),
        _mailed_people(breaks.listed),
        _kept(breaks.keep),
        _("Whoever is inside stays."),
    )


def of_one_link(breaks: Breaks, name: str) -> str:
    """Before the link of one person is replaced."""
    named = {"name": name}
    return _joined(
        _("%(name)s is in the room and is taken out at once.") % named if breaks.out else "",
        _("Every earlier link of theirs stops working now."),
        _("They get the new one by email.") if breaks.guests else _("They go on signing in."),
        _others(breaks.keep),
    )


def of_all_links(breaks: Breaks) -> str:
    """Before the links of all guests are replaced."""
    if not breaks.guests:
        return _joined(_("Every guest is in the room, so no link is replaced."), _kept_inside(breaks.kept_inside))
    replaced = ngettext(
        "The link of %(count)d guest stops working now, and a new one is on its way by email.",
        "The links of %(count)d guests stop working now, and each gets a new one by email.",
        breaks.guests,
    )
    return _joined(replaced % {"count": breaks.guests}, _kept_inside(breaks.kept_inside))


def of_revoking(breaks: Breaks) -> str:
    """Before one invitation is revoked."""
    if breaks.out:
        return _joined(_("They are taken out at once, and their links stop working."), _others(breaks.keep))
    return _joined(_("Their links stop working now."), _others(breaks.keep), _("You can restore it later."))


def of_revoking_all(breaks: Breaks) -> str:
    """Before every invitation is revoked."""
    out = ""
    if breaks.out:
        out = ngettext("%(names)s is taken out at once.", "%(names)s are taken out at once.", len(breaks.out))
        out %= {"names": words.names(list(breaks.out), most=6)}
    return _joined(out, _("All their links stop working now. Hosts stay. You can restore them later."))


def of_changing_address(breaks: Breaks, name: str) -> str:
    """Before somebody's address is changed."""
    return _joined(
        _("%(name)s is in the room and is taken out at once.") % {"name": name} if breaks.out else "",
        _("The old address loses access now. The new one gets an invitation of its own."),
    )


def _joined(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)


def _mailed_people(count: int) -> str:
    if not count:
        return ""
    told = ngettext(
        "%(count)d listed person gets the new one by email.", "%(count)d listed people get the new one by email.", count
    )
    return told % {"count": count}


def _kept(count: int) -> str:
    if not count:
        return ""
    told = ngettext("%(count)d personal link keeps working.", "%(count)d personal links keep working.", count)
    return told % {"count": count}


def _kept_inside(count: int) -> str:
    if not count:
        return ""
    told = ngettext(
        "%(count)d personal link keeps working: its owner is in the room.",
        "%(count)d personal links keep working: their owners are in the room.",
        count,
    )
    return told % {"count": count}


def _others(count: int) -> str:
    if not count:
        return ""
    told = ngettext(
        "%(count)d other personal link keeps working.", "%(count)d other personal links keep working.", count
    )
    return told % {"count": count}
