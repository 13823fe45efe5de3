"""Addresses of the portal's own pages: people, the audit log, help, the theme."""

from django.urls import path, re_path

from portal.pages import (
    audit,
    door_templates,
    groups,
    help,
    organisation,
    organisation_authorization,
    organisation_door,
    organisation_person,
    organisation_retention,
    organisation_streams,
    people,
    theme,
)

urlpatterns = [
    path("theme/", theme.theme, name="theme"),
    re_path(r"^help/(?P<topic>encryption|keyboard|browsers)/$", help.help_page, name="help"),
    path("people/", people.people, name="people"),
    path("people/invite/", people.invite, name="people-invite"),
    path("people/<uuid:person_id>/link/", people.new_link, name="people-link"),
    path("people/<uuid:person_id>/deactivate/", people.deactivate, name="people-deactivate"),
    path("people/<uuid:person_id>/reactivate/", people.reactivate, name="people-reactivate"),
    path("organisation/", organisation.organisation, name="organisation"),
    path("organisation/templates/", door_templates.all_templates, name="organisation-templates"),
    path("organisation/templates/new/", door_templates.new, name="organisation-template-new"),
    path("organisation/templates/<uuid:template_id>/", door_templates.change, name="organisation-template"),
    path(
        "organisation/templates/<uuid:template_id>/delete/", door_templates.delete, name="organisation-template-delete"
    ),
    path("organisation/groups/", groups.all_groups, name="organisation-groups"),
    path("organisation/groups/new/", groups.new, name="organisation-group-new"),
    path("organisation/groups/<uuid:group_id>/", groups.change, name="organisation-group"),
    path("organisation/groups/<uuid:group_id>/delete/", groups.delete, name="organisation-group-delete"),
    path("organisation/door/", organisation_door.door, name="organisation-door"),
    path("organisation/retention/", organisation_retention.retention_page, name="organisation-retention"),
    path("organisation/person/", organisation_person.person, name="organisation-person"),
    path("organisation/person/export/", organisation_person.export, name="organisation-person-export"),
    path("organisation/person/erase/", organisation_person.erase, name="organisation-person-erase"),
    path("organisation/authorization/", organisation_authorization.authorization, name="organisation-authorization"),
    path(
        "organisation/authorization/secret/",
        organisation_authorization.secret,
        name="organisation-authorization-secret",
    ),
    path("organisation/authorization/test/", organisation_authorization.test, name="organisation-authorization-test"),
    path("organisation/streams/", organisation_streams.streams, name="organisation-streams"),
    path("organisation/streams/secret/", organisation_streams.secret, name="organisation-streams-secret"),
    path("organisation/outgoing/allow/", organisation_authorization.allow, name="organisation-outgoing-allow"),
    path(
        "organisation/outgoing/<int:destination_id>/disallow/",
        organisation_authorization.disallow,
        name="organisation-outgoing-disallow",
    ),
    path("audit/", audit.audit, name="audit"),
    path("audit/<int:number>/", audit.entry, name="audit-entry"),
    path("audit.<str:form_of>", audit.export_as, name="audit-export"),
]
