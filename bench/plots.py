"""Growth curves of ``python -m bench parked --keep FILE``: ``python -m bench.plots FILE TARGET.svg``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot

CURVES = {
    "claim": "claim of a due one",
    "due": "when is the next due?",
    "alone": "one step alone",
    "wakes": "late at waking up",
}


def main() -> None:
    figures = {int(size): found for size, found in json.loads(Path(sys.argv[1]).read_text()).items()}
    sizes = sorted(figures)
    places = range(len(sizes))
    pyplot.rcParams.update({"svg.hashsalt": "c4c", "font.size": 9})
    picture, (times, memory) = pyplot.subplots(1, 2, figsize=(8, 3), layout="constrained")
    for name, title in CURVES.items():
        times.plot(places, [figures[size][name] for size in sizes], marker="o", label=title)
    times.set(ylabel="ms, median", ylim=(0, None))
    times.legend(frameon=False, fontsize=8)
    memory.plot(places, [figures[size]["memory"] for size in sizes], marker="o", color="black")
    memory.set(ylabel="MB of the executor's process", ylim=(0, None))
    for axes in (times, memory):
        axes.set_xticks(places, [f"{size:,}" for size in sizes])
        axes.set_xlabel("executions parked")
        axes.spines[["top", "right"]].set_visible(False)
    picture.savefig(sys.argv[2], metadata={"Date": None})


if __name__ == "__main__":
    main()
