"""Snapshots keep their questions, so that an answer serves smaller ones too; and their answers packed."""

from __future__ import annotations

import zlib
from typing import Any

from django.db import migrations, models


def pack(apps: Any, _: Any) -> None:
    for figures in apps.get_model("sharing", "Figures").objects.iterator(chunk_size=50):
        figures.answer = zlib.compress(figures.answer)
        figures.save(update_fields=["answer"])


def unpack(apps: Any, _: Any) -> None:
    for figures in apps.get_model("sharing", "Figures").objects.iterator(chunk_size=50):
        figures.answer = zlib.decompress(figures.answer)
        figures.save(update_fields=["answer"])


class Migration(migrations.Migration):
    dependencies = [("sharing", "0001_share_links")]

    operations = [
        migrations.AddField("figures", "asked", models.JSONField(default=dict)),
        migrations.RunPython(pack, unpack),
    ]
