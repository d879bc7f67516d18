"""``python -m bench [SCENARIO] [OPTIONS]``: figures, each verified by counting in the database.

Without a scenario: c4c beside DBOS Transact (``bench.compare``). Without ``DATABASE_URL`` on an embedded
PostgreSQL, whose durable defaults are left as they are. Every scenario is a process of its own on a database
of its own; ``python -m bench SCENARIO --help`` tells its options.
"""

from __future__ import annotations

import os
import subprocess
import sys

from bench import compare, server

SCENARIOS = {
    "takeover": "how long executions stand still after kill -9 of their worker",
    "parked": "claims, latency and memory with up to a million parked executions",
    "tenants": "a small tenant beside 100,000 executions queued on one concurrency key",
    "map": "10,000 items, beside DBOS doing 10,000 steps",
    "calls": "sub-workflows, signals and events alone: how long each takes",
    "profile": "where the time of three sequential steps goes",
}


def main() -> None:
    match sys.argv[1:]:
        case [name, *words] if name in SCENARIOS:
            scenario(name, words)
        case [("-h" | "--help"), *_]:
            print(__doc__, *(f"  {name:10}{told}" for name, told in SCENARIOS.items()), sep="\n")
        case [name, *_] if not name.startswith("-"):
            raise SystemExit(f"there is no scenario {name}: {', '.join(SCENARIOS)}")
        case _:
            compare.main()


def scenario(name: str, words: list[str]) -> None:
    command = [sys.executable, "-m", f"bench.scenarios.{name}", *words]
    if {"-h", "--help"} & set(words):
        subprocess.run(command, cwd=compare.ROOT, check=False)
        return
    with server.running() as place:
        print(f"PostgreSQL {place.version}, {place.settings}; {os.cpu_count()} cores", flush=True)
        urls = {
            "DATABASE_URL": place.url("c4c_bench"),
            "DBOS_DATABASE_URL": place.sqlalchemy_url("dbos_bench"),
        }
        subprocess.run(command, cwd=compare.ROOT, env={**os.environ, **urls}, check=True)


if __name__ == "__main__":
    main()
