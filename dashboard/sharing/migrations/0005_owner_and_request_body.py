import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Renames fields; their columns keep the names that they had."""

    dependencies = [("sharing", "0004_kinds_of_visits")]

    operations = [
        migrations.AlterField(
            model_name="share",
            name="maker",
            field=models.ForeignKey(
                db_column="maker_id",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="shares",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.RenameField(model_name="share", old_name="maker", new_name="owner"),
        migrations.AlterField(
            model_name="figures", name="asked", field=models.JSONField(db_column="asked", default=dict)
        ),
        migrations.RenameField(model_name="figures", old_name="asked", new_name="request_body"),
    ]
