"""``data.*``: a user's record, fetched, processed and saved for show."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from c4c_site.demo.procedures.family import demo, now

Tier = Literal["basic", "premium", "enterprise"]
TIERS: tuple[Tier, ...] = ("basic", "premium", "enterprise")


class Wire(BaseModel):
    """Fields in Python's spelling here, in the wire's there."""

    model_config = ConfigDict(populate_by_name=True)


class User(Wire):
    user_id: str = Field(alias="userId")
    is_premium: bool = Field(alias="isPremium")
    tier: Tier
    fetched_at: str = Field(alias="fetchedAt")


class Processed(Wire):
    status: Literal["processed"] = "processed"
    mode: Tier
    processed_at: str = Field(alias="processedAt")


class Saved(Wire):
    stored: bool = True
    stored_at: str = Field(alias="storedAt")


@demo("data.fetch", "Fetches user metadata for demos.", "data")
def fetch(user_id: Annotated[str, Field(alias="userId")]) -> User:
    """The tier follows from the id's characters, so that the same id always has the same."""
    tier = TIERS[sum(map(ord, user_id)) % len(TIERS)]
    return User(user_id=user_id, is_premium=tier != "basic", tier=tier, fetched_at=now())


@demo("data.process", "Processes data according to the selected mode.", "data")
def process(mode: Tier, payload: dict[str, Any] | None = None) -> Processed:
    return Processed(mode=mode, processed_at=now())


@demo("data.save", "Persists data for demo workflows.", "data")
def save(payload: Any = None) -> Saved:
    return Saved(stored_at=now())
