"""What every page of a competition shows around its own content: head, tabs, and who is looking."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from podium.site.competitions import policies
from podium.site.competitions.models import Competition, Page, Participant, ParticipantStatus, Phase
from podium.site.competitions.queries import competition_for_page
from podium.site.leaderboards.queries import visible_board
from podium.site.pages.templatetags.podium_ui import current_phase, image_type
from podium.site.resources.grants import download_url

_WEB = ("https://", "http://")


@dataclass(frozen=True)
class Tab:
    """One tab of a competition: its words, its address, and whether it is the one shown."""

    label: str
    url: str
    current: bool


@dataclass(frozen=True)
class Shell:
    """A competition as one viewer sees it.

    secret: the secret key by which the viewer came, "" when it was not needed; it is kept in every link.
    """

    competition: Competition
    user: Any
    can_administer: bool
    participant: Participant | None
    secret: str

    @property
    def approved(self) -> bool:
        """Whether the viewer takes part."""
        return self.participant is not None and self.participant.status == ParticipantStatus.APPROVED

    @property
    def phases(self) -> list[Phase]:
        """The phases in their order."""
        return list(self.competition.phases.all())

    @cached_property
    def pages(self) -> list[Page]:
        """The organizers' own pages in their order."""
        return list(self.competition.pages.all())

    def picture_addresses(self) -> dict[str, str]:
        """Addresses of the pictures that the texts show, by their names; looked up once for a page."""
        return self._pictures

    @cached_property
    def _pictures(self) -> dict[str, str]:
        pictures = self.competition.pictures.select_related("file")
        return {
            each.name: download_url(each.file, name=each.name, content_type=image_type(each.name), steady=True)
            for each in pictures
        }

    def url(self, name: str, *args: Any, **query: Any) -> str:
        """The address of a page of this competition, with the secret key where it is needed."""
        if self.secret:
            query["secret_key"] = self.secret
        path = reverse(name, args=[self.competition.pk, *args])
        return f"{path}?{urlencode(query)}" if query else path

    def tabs(self, shown: str) -> list[Tab]:
        """The tabs; `shown` is the name of the present one."""
        named = [
            (_("Overview"), "competitions:detail"),
            (_("Phases"), "competitions:phases"),
            (_("My submissions"), "competitions:submissions"),
            (_("Results"), "competitions:results"),
        ]
        if self.competition.forum_enabled:
            named += [(_("Forum"), "forums:forum")]
        if self.can_administer:
            named += [(_("All submissions"), "competitions:all_submissions"), (_("Tasks"), "competitions:tasks")]
            named += [(_("Participants"), "competitions:participants"), (_("Queue"), "competitions:queue")]
            named += [(_("Edit"), "competitions:edit")]
        return [Tab(label, self.url(name), name.partition(":")[2] == shown) for label, name in named]

    @property
    def may_ask(self) -> bool:
        """Whether the viewer is offered to take part: neither an organizer nor somebody who has asked already."""
        return self.participant is None and not self.can_administer

    def chosen_phase(self, asked: str | None) -> Phase | None:
        """The phase that the address names, else the one that is on."""
        for phase in self.phases:
            if str(phase.pk) == asked:
                return phase
        return current_phase(self.phases)

    def context(self, tab: str, **more: Any) -> dict[str, Any]:
        """The template context of the tab called `tab`."""
        return {
            "shell": self,
            "competition": self.competition,
            "tabs": self.tabs(tab),
            "can_administer": self.can_administer,
            "participant": self.participant,
            "approved": self.approved,
            "take_part_url": self.url("competitions:submissions") if self.may_ask and tab != "submissions" else "",
            "secret_link": self._secret_link(),
            "report_url": self.competition.report if self.competition.report.startswith(_WEB) else "",
            "now": timezone.now(),
            **more,
        }

    def board_phases(self) -> list[Phase]:
        """The phases whose board the viewer may see."""
        return [phase for phase in self.phases if visible_board(self.user, phase) is not None]

    def _secret_link(self) -> str:
        if not self.can_administer or self.competition.published:
            return ""
        return f"{reverse('competitions:detail', args=[self.competition.pk])}?secret_key={self.competition.secret_key}"


def shell(request: HttpRequest, pk: int, *, files: bool = False) -> Shell:
    """Fetch a competition for its pages. Raises Http404 when the viewer may not see it.

    files: also the files of its phases and tasks, for the pages that list them; that takes three times as long.
    """
    secret = request.GET.get("secret_key") or request.POST.get("secret_key") or ""
    competition = competition_for_page(request.user, pk, secret, files=files)
    needed = bool(secret) and not policies.visible_to(request.user).filter(pk=pk).exists()
    return Shell(
        competition=competition,
        user=request.user,
        can_administer=policies.can_administer(request.user, competition),
        participant=policies.participant_of(request.user, competition),
        secret=secret if needed else "",
    )
