"""What a contract marks secret is known, and never told in a refusal or a schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
from pydantic import AfterValidator, BaseModel, Field, SecretStr

from procedures import InvalidInput
from tests.procedures.declaring import contract

Marked = Annotated[str, Field(json_schema_extra={"secret": True})]


def refuse(value: str) -> str:
    raise ValueError(f"{value} is too short")


class Credentials(BaseModel):
    user: str
    password: SecretStr


class Account(BaseModel):
    name: str
    credentials: list[Credentials] = []
    backup: Credentials | None = None


def sign_in(
    user: str,
    password: SecretStr,
    token: Marked = "hunter2",
    pin: SecretStr | None = None,
    keys: dict[str, list[SecretStr]] | None = None,
) -> None: ...


def open_account(account: Account) -> Account: ...


def change(password: Annotated[Marked, AfterValidator(refuse)], mode: str) -> None: ...


def test_secret_types_and_marked_fields_are_secrets_however_deep() -> None:
    assert contract(sign_in).secrets == {"password", "token", "pin", "keys"}


def test_a_field_that_holds_a_secret_is_one_in_and_out() -> None:
    made = contract(open_account)
    assert made.secrets == made.output_secrets == {"credentials", "backup"}


def test_the_handler_gets_the_secret() -> None:
    found = contract(sign_in).validate_input({"user": "u", "password": "p"})
    assert found["password"].get_secret_value() == "p"
    assert found["token"] == "hunter2"


def test_a_secret_default_does_not_stand_in_the_schema() -> None:
    made = contract(sign_in)
    assert "hunter2" not in str(made.input_schema)
    assert made.input_schema["required"] == ["user", "password"]


def test_a_refusal_does_not_repeat_the_secret() -> None:
    with pytest.raises(InvalidInput) as refused:
        contract(change).validate_input({"password": "hunter2", "mode": 1})
    assert "hunter2" not in str(refused.value)
    assert [problem["pointer"] for problem in refused.value.problems] == ["/password", "/mode"]


def test_a_secret_that_is_missing_is_said_to_be() -> None:
    with pytest.raises(InvalidInput, match="password: Field required"):
        contract(change).validate_input({"mode": "m"})


def test_contracts_without_secrets_have_none() -> None:
    def plain(secret: str, writeOnly: bool) -> str: ...  # noqa: N803

    assert contract(plain).secrets == contract(plain).output_secrets == frozenset()


class Badge(BaseModel):
    pins: list[SecretStr]
    holder: str
    code: SecretStr = Field(alias="theCode")


@dataclass
class Typed:
    pin: SecretStr
    badges: list[Badge]


def test_an_output_has_the_values_of_its_secrets() -> None:
    def badge() -> Badge:
        return Badge(pins=[SecretStr("1"), SecretStr("2")], holder="ann", theCode=SecretStr("3"))

    made = contract(badge)
    assert made.output_secrets == {"pins", "theCode"}
    assert made.dump_output(badge()) == {"pins": ["1", "2"], "holder": "ann", "theCode": "3"}


def test_so_has_one_that_is_checked_first() -> None:
    def typed() -> list[Typed]:
        badge = Badge(pins=[], holder="ann", theCode=SecretStr("3"))
        return [Typed(SecretStr("1"), [badge])]

    def wrapped() -> dict[str, Typed]:
        return {"first": typed()[0]}

    found = {"pin": "1", "badges": [{"pins": [], "holder": "ann", "theCode": "3"}]}
    assert contract(typed).dump_output(typed()) == [found]
    assert contract(wrapped).dump_output(wrapped()) == {"first": found}
