"""What scripted procedures leave behind, so that any process can see what user code has really done."""

from __future__ import annotations

from django.db import models
from django.db.models import Deferrable
from django.db.models.functions import Now


class Call(models.Model):
    """One entry into user code, committed at once: it stays whatever becomes of the attempt."""

    execution = models.CharField(max_length=64, db_index=True)
    run = models.CharField(max_length=96)
    node = models.CharField(max_length=64)
    attempt = models.PositiveIntegerField()
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.run} attempt {self.attempt}"


class Gate(models.Model):
    """While there is no row of its name, ``scripted.hang`` hangs at it."""

    name = models.CharField(max_length=64, primary_key=True)

    def __str__(self) -> str:
        return self.name


class Note(models.Model):
    """What a transactional procedure writes; PostgreSQL looks on COMMIT whether there are two of one text."""

    text = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["text"], name="scripted_note_text", deferrable=Deferrable.DEFERRED
            )
        ]

    def __str__(self) -> str:
        return self.text
