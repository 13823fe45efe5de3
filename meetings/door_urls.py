"""Addresses of the door: what people who were sent a link open. The portal's own pages are in `urls.py`."""

from django.urls import path

from meetings.views import door, personal_links, whip

urlpatterns = [
    path("m/<str:code>", door.page, name="door"),
    path("m/<str:code>/arrive", door.arrive, name="door-arrive"),
    path("m/<str:code>/look", door.look, name="door-look"),
    path("m/<str:code>/new-link", personal_links.new_link, name="door-new-link"),
    path("m/<str:code>/calendar.ics", door.calendar, name="door-calendar"),
    path("whip/<uuid:meeting_id>", whip.publish, name="whip"),
    path("whip/<uuid:meeting_id>/<str:session_id>", whip.publishing, name="whip-session"),
    path("whep/<uuid:meeting_id>", whip.watch, name="whep"),
    path("whep/<uuid:meeting_id>/<str:session_id>", whip.watching, name="whep-session"),
    path("i/<str:secret>", personal_links.personal_link, name="personal-link"),
]
