"""docs/definitions.md tells the truth: its examples are read, and no field is left out."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.workflows.documents import document, step, told
from workflows.kinds import KINDS
from workflows.reading import CONCURRENCY, DOCUMENT, LIMITS, NODE, RATE, RETRY, TIMEOUT, TRIGGER

TEXT = (Path(__file__).parents[2] / "docs" / "definitions.md").read_text()
EXAMPLES = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]
SECTIONS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", TEXT, re.DOTALL | re.MULTILINE))


def whole(example: Any) -> dict[str, Any]:
    """An example is a document, its nodes, or some of its fields."""
    if isinstance(example, list):
        return document(*example)
    return example if "nodes" in example else document(step("a"), **example)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_can_be_published(example: Any) -> None:
    assert told(whole(example)) == {}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_section_with_each_field_and_an_example(kind: str) -> None:
    section = SECTIONS[kind]
    assert re.search(rf'"type": "{kind}"', section)
    assert {name for name in KINDS[kind].config or {} if f"`{name}`" not in section} == set()


def test_every_field_of_a_document_and_a_node_is_named() -> None:
    known = {*DOCUMENT, *NODE, *TRIGGER, *LIMITS, *CONCURRENCY, *RATE, *RETRY, *TIMEOUT}
    assert {name for name in known if not re.search(rf"[`{{\s]{name}[`,}}\[\s]", TEXT)} == set()
