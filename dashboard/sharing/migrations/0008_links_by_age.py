from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sharing", "0007_customer_name_and_balances"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="share",
            index=models.Index(fields=["source", "-created_at", "-id"], name="links_by_age"),
        ),
    ]
