from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

KINDS = {
    "password, being checked": "checking",
    "password": "right",
    "wrong password": "wrong",
    "wrong password, an earlier one": "before",
}


def to_kinds(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Attempts were told from views by the text that the access log shows."""
    for text, kind in KINDS.items():
        apps.get_model("sharing", "Visit").objects.filter(page=text).update(kind=kind, page="")


def to_texts(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    for text, kind in KINDS.items():
        apps.get_model("sharing", "Visit").objects.filter(kind=kind).update(page=text)


class Migration(migrations.Migration):
    dependencies = [("sharing", "0003_a_maker_may_leave")]

    operations = [
        migrations.AddField(
            model_name="visit",
            name="kind",
            field=models.CharField(
                choices=[
                    ("page", "Page"),
                    ("checking", "Password being checked"),
                    ("right", "Password"),
                    ("wrong", "Wrong password"),
                    ("before", "Wrong password, an earlier one"),
                ],
                default="page",
                max_length=8,
            ),
        ),
        migrations.AlterField(
            model_name="visit", name="page", field=models.CharField(blank=True, max_length=40)
        ),
        migrations.RunPython(to_kinds, to_texts),
    ]
