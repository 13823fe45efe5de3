"""Addresses of the portal's own pages: people, the audit log, help, the theme."""

from django.urls import path, re_path

from portal.pages import audit, help, organisation, organisation_door, organisation_retention, people, theme

urlpatterns = [
    path("theme/", theme.theme, name="theme"),
    re_path(r"^help/(?P<topic>encryption|keyboard|browsers)/$", help.help_page, name="help"),
    path("people/", people.people, name="people"),
    path("people/invite/", people.invite, name="people-invite"),
    path("people/<uuid:person_id>/link/", people.new_link, name="people-link"),
    path("people/<uuid:person_id>/deactivate/", people.deactivate, name="people-deactivate"),
    path("people/<uuid:person_id>/reactivate/", people.reactivate, name="people-reactivate"),
    path("organisation/", organisation.organisation, name="organisation"),
    path("organisation/door/", organisation_door.door, name="organisation-door"),
    path("organisation/retention/", organisation_retention.retention_page, name="organisation-retention"),
    path("audit/", audit.audit, name="audit"),
    path("audit/<int:number>/", audit.entry, name="audit-entry"),
    path("audit.<str:form_of>", audit.export_as, name="audit-export"),
]
