from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sharing", "0006_reworded_choices"),
    ]

    operations = [
        migrations.AddField(
            model_name="share",
            name="balances",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="share",
            name="customer_name",
            field=models.BooleanField(default=False),
        ),
    ]
