"""``data.*``: a user's record, fetched, processed and saved for show."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from c4c_site.demo.procedures.family import Wire, demo, now

Tier = Literal["basic", "premium", "enterprise"]
TIERS: tuple[Tier, ...] = ("basic", "premium", "enterprise")


class User(Wire):
    user_id: str
    is_premium: bool
    tier: Tier
    fetched_at: str


class Processed(Wire):
    status: Literal["processed"] = "processed"
    mode: Tier
    processed_at: str


class Saved(Wire):
    stored: bool = True
    stored_at: str


@demo("data.fetch", "Fetches user metadata for demos.", "data")
def fetch(user_id: Annotated[str, Field(alias="userId")]) -> User:
    """The tier follows from the id's characters, so that an id has the same one always."""
    tier = TIERS[sum(map(ord, user_id)) % len(TIERS)]
    return User(user_id=user_id, is_premium=tier != "basic", tier=tier, fetched_at=now())


@demo("data.process", "Processes data according to the selected mode.", "data")
def process(mode: Tier, payload: dict[str, Any] | None = None) -> Processed:
    return Processed(mode=mode, processed_at=now())


@demo("data.save", "Persists data for demo workflows.", "data")
def save(payload: Any = None) -> Saved:
    return Saved(stored_at=now())
