"""Addresses of the meeting pages. The door and the room live in `door_urls`."""

from django.urls import path
from django.views.generic import RedirectView

from meetings.views import (
    attendance,
    blocks,
    dashboard,
    devices,
    history,
    invitations,
    link_changes,
    link_key,
    meeting,
    meeting_door,
    roundtrip,
    schedule,
)

app_name = "meetings"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="meetings:dashboard"), name="home"),
    path("meetings/", dashboard.dashboard, name="dashboard"),
    path("meetings/earlier/", dashboard.earlier, name="earlier"),
    path("meetings/start/", dashboard.start, name="start"),
    path("meetings/join/", dashboard.join, name="join"),
    path("meetings/new/", schedule.new, name="new"),
    path("meetings/<uuid:meeting_id>/", meeting.meeting, name="meeting"),
    path("meetings/<uuid:meeting_id>/edit/", schedule.edit, name="edit"),
    path("meetings/<uuid:meeting_id>/cancel/", meeting.cancel, name="cancel"),
    path("meetings/<uuid:meeting_id>/attendance.csv", attendance.attendance_csv, name="attendance-csv"),
    path("meetings/<uuid:meeting_id>/history/", history.history, name="history"),
    path("meetings/<uuid:meeting_id>/history/<int:number>/", history.entry, name="history-entry"),
    path("meetings/<uuid:meeting_id>/history.<str:form_of>", history.export_as, name="history-export"),
    path("meetings/<uuid:meeting_id>/exception/", meeting_door.exception, name="exception"),
    path("meetings/<uuid:meeting_id>/blocks/lift/", blocks.lift, name="lift-block"),
    path("meetings/<uuid:meeting_id>/authorization/", roundtrip.authorization, name="authorization"),
    path(
        "meetings/<uuid:meeting_id>/authorization/secret/", roundtrip.authorization_secret, name="authorization-secret"
    ),
    path("meetings/<uuid:meeting_id>/authorization/test/", roundtrip.authorization_test, name="authorization-test"),
    path("meetings/<uuid:meeting_id>/devices/", devices.devices, name="devices"),
    path("meetings/<uuid:meeting_id>/devices/<uuid:device_id>/take-back/", devices.take_back, name="take-back-device"),
    path("meetings/<uuid:meeting_id>/unlist/", invitations.unlist, name="unlist"),
    path("meetings/<uuid:meeting_id>/invite/", invitations.invite, name="invite"),
    path("meetings/<uuid:meeting_id>/invitations/<uuid:invitation_id>/link/", invitations.link, name="link"),
    path("meetings/<uuid:meeting_id>/invitations/<uuid:invitation_id>/resend/", invitations.resend, name="resend"),
    path("meetings/<uuid:meeting_id>/invitations/<uuid:invitation_id>/revoke/", invitations.revoke, name="revoke"),
    path("meetings/<uuid:meeting_id>/invitations/<uuid:invitation_id>/restore/", invitations.restore, name="restore"),
    path(
        "meetings/<uuid:meeting_id>/invitations/<uuid:invitation_id>/replace/",
        link_changes.replace_link,
        name="replace-link",
    ),
    path(
        "meetings/<uuid:meeting_id>/invitations/<uuid:invitation_id>/address/",
        link_changes.change_person,
        name="change-person",
    ),
    path("meetings/<uuid:meeting_id>/invitations/<uuid:invitation_id>/host/", link_changes.make_host, name="make-host"),
    path("meetings/<uuid:meeting_id>/links/replace/", link_changes.replace_all, name="replace-links"),
    path("meetings/<uuid:meeting_id>/links/revoke/", link_changes.revoke_all, name="revoke-all"),
    path("meetings/<uuid:meeting_id>/links/restore/", link_changes.restore_all, name="restore-all"),
    path("meetings/<uuid:meeting_id>/link/key/", link_key.link_key, name="link-key"),
    path("meetings/<uuid:meeting_id>/link/replace/", link_changes.replace_meeting_link, name="replace-meeting-link"),
]
