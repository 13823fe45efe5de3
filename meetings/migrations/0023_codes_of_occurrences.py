from django.db import migrations, models
import django.db.models.deletion


class Migration(migrations.Migration):
    """By itself: PostgreSQL alters no table in the transaction that filled it."""

    dependencies = [("meetings", "0022_verified_addresses")]

    operations = [
        migrations.AlterField(
            "emailcode",
            "occurrence",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="codes", to="meetings.occurrence"
            ),
        ),
    ]
