"""``secretive.*``: procedures that are given secrets, give some, and are careless with them."""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Any

from opentelemetry import trace
from pydantic import BaseModel, Field, SecretStr

from executions import operations
from procedures import Context, procedure

Secret = Annotated[str, Field(json_schema_extra={"secret": True})]


class Minted(BaseModel):
    user: str
    token: Secret
    pin: SecretStr


@procedure("secretive.mint")
def mint(user: str, token: SecretStr) -> Minted:
    """Gives what it was given, in fields that are marked."""
    return Minted(user=user, token=token.get_secret_value(), pin=SecretStr("73"))


@procedure("secretive.carry")
async def carry(value: Any) -> dict[str, Any]:
    """Gives it on in fields that are not."""
    return {"header": f"Bearer {value}", "parts": [value, {"deep": value}], "open": "seen by all"}


@procedure("secretive.gossip")
def gossip(context: Context, token: SecretStr, times: int = 1) -> dict[str, Any]:
    """Tells it in every way that there is; the first attempts fail with it."""
    value = token.get_secret_value()
    context.progress(0.5, f"logging in with {value}")
    context.log.warning("the token is %s", value, extra={"told": {"token": value}})
    context.stream(f"chunk of {value} ")
    context.heartbeat({"token": value})
    with trace.get_tracer("gossip").start_as_current_span(
        f"login {value}", attributes={"token": value}
    ) as span:
        span.set_attribute("tokens", [value, "other"])
        span.add_event(f"sent {value}", {"token": value})
        if context.attempt <= times:
            try:
                raise ValueError(f"refused: {value}")
            except ValueError as error:
                context.log.exception("it failed")
                raise RuntimeError(f"cannot log in with {value!r}") from error
    return {"attempts": context.attempt}


@procedure("secretive.prove")
def prove(token: SecretStr, digest: str) -> dict[str, Any]:
    """Whether it is the real one."""
    return {"real": sha256(token.get_secret_value().encode()).hexdigest() == digest}


@procedure("secretive.spread")
def spread(token: SecretStr, workflow: str, execution: str) -> str:
    """Hands it to other executions."""
    value = token.get_secret_value()
    operations.emit("spread", {"note": f"with {value}"}, key="birds")
    operations.signal(execution, "spread", {"note": f"with {value}"})
    return operations.start(workflow, input={"note": f"with {value}", "list": [value]}).id
