from django.db import migrations, models
import django.db.models.deletion


def name_occurrences(apps, schema_editor):
    """Codes that are out belong to the occurrence of their invitation."""
    codes = apps.get_model("meetings", "EmailCode").objects.using(schema_editor.connection.alias)
    invitations = apps.get_model("meetings", "Invitation").objects.using(schema_editor.connection.alias)
    asked = invitations.filter(pk=models.OuterRef("invitation")).values("occurrence")[:1]
    codes.update(occurrence=models.Subquery(asked))


def drop_idle_codes(apps, schema_editor):
    """Guests who knock were asked for no code until now, whatever was stored."""
    for name in ("Meeting", "DoorTemplate", "DoorPolicy"):
        doors = apps.get_model("meetings", name).objects.using(schema_editor.connection.alias)
        doors.exclude(door_guests="walks_in").update(door_guests_verified=False)


ASKED = [
    ("none", "without a code"),
    ("any_address", "after a code mailed to an address they give"),
    ("invited_address", "after a code mailed to the invited address"),
]


def asked_address():
    return models.CharField(
        choices=ASKED, default="none", help_text="Others first type a code mailed to this address.", max_length=15
    )


def guests_verified():
    return models.BooleanField(default=False, help_text="A guest first types a code mailed to the invited address.")


class Migration(migrations.Migration):
    dependencies = [("meetings", "0021_webhooks")]

    operations = [
        *(
            operation
            for model in ("meeting", "doortemplate", "doorpolicy")
            for operation in (
                migrations.AddField(model, "door_anyone_verified", asked_address()),
                migrations.AlterField(model, "door_guests_verified", guests_verified()),
            )
        ),
        migrations.RunPython(drop_idle_codes, migrations.RunPython.noop),
        migrations.AddField(
            "emailcode",
            "occurrence",
            models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="codes", to="meetings.occurrence"
            ),
        ),
        migrations.AddField(
            "emailcode",
            "email",
            models.EmailField(
                blank=True, help_text="What was given at the door; empty for holders of a link.", max_length=254
            ),
        ),
        migrations.RunPython(name_occurrences, migrations.RunPython.noop),
        migrations.AlterField(
            "emailcode",
            "invitation",
            models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="codes",
                to="meetings.invitation",
            ),
        ),
        migrations.AddIndex("emailcode", models.Index(fields=["email", "created_at"], name="codes_by_address")),
    ]
