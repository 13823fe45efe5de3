import json

from django.db import migrations, models

BATCH = 500


def fill(apps, schema_editor):
    """Index what is there: names, addresses and networks out of the bodies. Entries of before keep their network in
    the body, which the chain covers."""
    AuditDetail = apps.get_model("meetings", "AuditDetail")
    after = 0
    while batch := list(AuditDetail.objects.filter(entry_id__gt=after).exclude(body="").order_by("entry_id")[:BATCH]):
        for detail in batch:
            body = json.loads(detail.body)
            facts = body["facts"]
            named = [body["actor_label"], body["target"], facts.get("email"), facts.get("name")]
            folded = [" ".join(name.casefold().split()) for name in named if isinstance(name, str) and name]
            detail.people = "\n".join(dict.fromkeys(folded))
            detail.network = body["network"]
        AuditDetail.objects.bulk_update(batch, ["people", "network"])
        after = batch[-1].entry_id


class Migration(migrations.Migration):
    dependencies = [
        ("meetings", "0004_one_seat_per_person"),
    ]

    operations = [
        migrations.AddField(
            model_name="auditdetail",
            name="network",
            field=models.CharField(blank=True, db_index=True, default="", help_text="Truncated: /24 or /48.", max_length=45),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="auditdetail",
            name="network_salt",
            field=models.CharField(blank=True, default="", help_text="Of the network's own commitment in the body.", max_length=43),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="auditdetail",
            name="people",
            field=models.TextField(blank=True, default="", help_text="Names and addresses in the body, folded: for searching only."),
            preserve_default=False,
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
