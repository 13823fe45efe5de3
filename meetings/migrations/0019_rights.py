"""The two switches for sharing and chat become four rights with an audience each."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models

AUDIENCES = [("everyone", "Everyone"), ("signed_in", "People who are signed in"), ("hosts", "Hosts only")]
RIGHTS = ("may_speak", "may_show", "may_share", "may_chat")
TABLES = ("meeting", "doorpolicy", "doortemplate")
NAMES = {"allow_share": "share", "allow_chat": "chat"}


def _audience() -> models.CharField:
    return models.CharField(choices=AUDIENCES, default="everyone", max_length=9)


def rights_of_switches(apps: Any, schema_editor: Any) -> None:
    for table in TABLES:
        rows = apps.get_model("meetings", table).objects
        rows.filter(allow_share=False).update(may_share="hosts")
        rows.filter(allow_chat=False).update(may_chat="hosts")
    for policy in apps.get_model("meetings", "doorpolicy").objects.all():
        policy.fixed = [NAMES.get(name, name) for name in policy.fixed]
        policy.save(update_fields=["fixed"])


def switches_of_rights(apps: Any, schema_editor: Any) -> None:
    for table in TABLES:
        rows = apps.get_model("meetings", table).objects
        rows.exclude(may_share="everyone").update(allow_share=False)
        rows.exclude(may_chat="everyone").update(allow_chat=False)
    back = {new: old for old, new in NAMES.items()}
    for policy in apps.get_model("meetings", "doorpolicy").objects.all():
        policy.fixed = [back.get(name, name) for name in policy.fixed if name not in {"speak", "show"}]
        policy.save(update_fields=["fixed"])


class Migration(migrations.Migration):
    dependencies = [("meetings", "0018_door_templates")]

    operations = [
        *(migrations.AddField(table, right, _audience()) for table in TABLES for right in RIGHTS),
        *(migrations.AddField("participant", right, models.BooleanField(blank=True, null=True)) for right in RIGHTS),
        migrations.RunPython(rights_of_switches, switches_of_rights),
        *(migrations.RemoveField(table, switch) for table in TABLES for switch in NAMES),
    ]
