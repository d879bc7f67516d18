"""What the seeds' lines need of curl, for machines that have none: ``python -m tests.seeds.curl …``."""

from __future__ import annotations

import sys
from argparse import ArgumentParser

import httpx


def main() -> None:
    parser = ArgumentParser(prog="curl")
    parser.add_argument("url")
    parser.add_argument("-X", "--request")
    parser.add_argument("-H", "--header", action="append", default=[])
    parser.add_argument("-d", "--data")
    parser.add_argument("-s", "--silent", action="store_true")
    parser.add_argument("-N", "--no-buffer", action="store_true")
    given = parser.parse_args()
    method = given.request or ("GET" if given.data is None else "POST")
    headers = dict(line.split(": ", 1) for line in given.header)
    with httpx.stream(method, given.url, headers=headers, content=given.data, timeout=None) as answer:
        for piece in answer.iter_raw():
            sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
