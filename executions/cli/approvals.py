"""``c4c approvals``, ``approve``, ``refuse``: what waits for a person, and what the person says."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from functools import partial
from typing import Any

from django.contrib.auth import get_user_model

from executions import operations, queries
from executions.cli.frame import Subcommand, unknown
from executions.cli.person import person
from executions.cli.printing import json_option, print_json, print_table
from executions.cli.serve import refuse_stale_database
from executions.cli.words import payload_of, payload_option, told_refusals
from executions.permissions import LOCAL_OPERATOR

MOST = 200


def add_list(parser: ArgumentParser) -> None:
    _user_option(parser, "only what is this user's to decide")
    json_option(parser)


def listed(options: Namespace) -> int:
    refuse_stale_database()
    found, _ = queries.approvals(_user(options), limit=MOST)
    if options.json:
        print_json({"approvals": found})
        return 0
    rows = [
        (row["executionId"], row["nodeId"], ", ".join([*row["users"], *row["groups"]]), row["message"])
        for row in found
    ]
    print_table(["EXECUTION", "NODE", "FOR", "MESSAGE"], rows)
    return 0


def add_decision(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID")
    parser.add_argument("node", nargs="?", metavar="NODE", help="where several wait: a node's id, or a run's")
    parser.add_argument("--comment", default="", metavar="TEXT")
    _user_option(parser, "in this user's name, with this user's rights")
    payload_option(parser)
    json_option(parser)


def decide(decision: str, options: Namespace) -> int:
    refuse_stale_database()
    payload, user = payload_of(options), _user(options)
    actor = "" if options.user else person()
    with told_refusals():
        told = operations.decide(
            options.id,
            options.node,
            decision,
            comment=options.comment,
            payload=payload,
            user=user,
            actor=actor,
        )
    if options.json:
        print_json({"executionId": told.pk, "decision": decision})
    else:
        print(f"{told.pk}: {decision}")
    return 0


def _user_option(parser: ArgumentParser, help: str) -> None:
    parser.add_argument("--user", metavar="NAME", help=help)


def _user(options: Namespace) -> Any:
    """Whoever sits at the machine may everything, and act for others."""
    if options.user is None:
        return LOCAL_OPERATOR
    model = get_user_model()
    users = model._default_manager.all()
    found = users.filter(**{model.USERNAME_FIELD: options.user}).first()
    if found is None:
        raise unknown("user", options.user, users.values_list(model.USERNAME_FIELD, flat=True)[:1000])
    return found


APPROVALS = Subcommand("approvals", "what waits for a person's decision", add_list, listed)
APPROVE = Subcommand("approve", "say yes to an approval", add_decision, partial(decide, "approved"))
REFUSE = Subcommand("refuse", "say no to an approval", add_decision, partial(decide, "refused"))
