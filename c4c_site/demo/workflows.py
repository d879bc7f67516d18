"""The demo workflows, as the first users of c4c know them."""

from __future__ import annotations

from typing import Any

from workflows.builder import workflow

# Simple math: three steps, whose numbers the input may replace

simple_math = workflow(
    "simple-math-workflow",
    name="Simple Math Workflow",
    description="Basic math operations workflow for testing",
    input_schema={
        "type": "object",
        "properties": {
            "a": {"type": "number", "description": "The first number of every step"},
            "b": {"type": "number", "description": "The second number of every step"},
        },
    },
)


def numbers(a: float, b: float) -> dict[str, Any]:
    """The input's, or these."""
    return {
        "a": f"${{{{ has(input.a) ? input.a : {a} }}}}",
        "b": f"${{{{ has(input.b) ? input.b : {b} }}}}",
    }


add = simple_math.procedure("add", "math.add", **numbers(10, 5))
multiply = simple_math.procedure("multiply", "math.multiply", **numbers(3, 2))
subtract = simple_math.procedure("subtract", "math.subtract", **numbers(20, 8))

add >> multiply >> subtract


# Data processing: one way or the other

data_processing = workflow(
    "data-processing-workflow",
    name="Data Processing Workflow",
    description="Fetch, process, and save data with conditional logic",
)

fetch = data_processing.procedure("fetch-user", "data.fetch", userId="user123")
check = data_processing.condition(
    "check-premium", "isPremium === true", true="process-premium", false="process-basic"
)
premium = data_processing.procedure("process-premium", "data.process", mode="premium")
basic = data_processing.procedure("process-basic", "data.process", mode="basic")
save = data_processing.procedure("save-data", "data.save", payload={})

fetch >> check
[premium, basic] >> save


# Parallel: two branches and what follows their join

parallel = workflow(
    "parallel-workflow",
    name="Parallel Execution Workflow",
    description="Executes multiple branches in parallel",
)

start = parallel.procedure("start", "data.fetch", userId="user456")
both = parallel.parallel("parallel-processing", branches=["math-branch", "data-branch"])
parallel.procedure("math-branch", "math.add", a=100, b=50)
parallel.procedure("data-branch", "data.process", mode="enterprise")
finalize = parallel.procedure("finalize", "data.save")

start >> both >> finalize


# Logging

logging = workflow(
    "logging-workflow",
    name="Logging Workflow",
    description="Demonstrates custom logging procedures",
)

started = logging.procedure("log-start", "custom.log", message="Workflow started", level="info")
do_math = logging.procedure("do-math", "math.add", a=5, b=3)
logged = logging.procedure("log-result", "custom.log", message="Math operation completed", level="info")

started >> do_math >> logged


# Long running: some 47 seconds, to be watched

long_running = workflow(
    "long-running-workflow",
    name="Long Running Workflow (1 minute)",
    description="Demonstrates real-time updates with delays - takes about 1 minute to complete",
)

(
    long_running.procedure(
        "start", "custom.log", message="🚀 Starting long-running workflow...", level="info"
    )
    >> long_running.procedure(
        "phase-1", "custom.delay", seconds=10, message="⏳ Phase 1: Initializing (10 seconds)..."
    )
    >> long_running.procedure("fetch-data", "data.fetch", userId="demo-user-123")
    >> long_running.procedure(
        "phase-2", "custom.delay", seconds=15, message="⏳ Phase 2: Processing data (15 seconds)..."
    )
    >> long_running.parallel("parallel-tasks", branches=["compute-branch", "io-branch"])
    >> long_running.procedure(
        "phase-3", "custom.delay", seconds=10, message="⏳ Phase 3: Finalizing (10 seconds)..."
    )
    >> long_running.procedure(
        "send-notification",
        "custom.sendNotification",
        message="✅ Long-running workflow completed successfully!",
        channel="log",
    )
    >> long_running.procedure(
        "complete", "custom.log", message="🎉 Workflow completed! Total time: ~1 minute", level="info"
    )
)
long_running.procedure(
    "compute-branch", "custom.heavyComputation", iterations=500_000, label="💻 Computing analytics..."
)
long_running.procedure("io-branch", "custom.delay", seconds=12, message="💾 Saving to database...")


# Very long: some 100 seconds

very_long = workflow(
    "very-long-workflow",
    name="Very Long Workflow (2 minutes)",
    description="Extended workflow for testing - takes about 2 minutes to complete",
)

(
    very_long.procedure("start", "custom.log", message="🚀 Starting very long workflow (2 minutes)...")
    >> very_long.procedure(
        "stage-1", "custom.delay", seconds=20, message="⏳ Stage 1/6: Setup (20 seconds)..."
    )
    >> very_long.procedure(
        "stage-2", "custom.delay", seconds=20, message="⏳ Stage 2/6: Data Collection (20 seconds)..."
    )
    >> very_long.procedure(
        "stage-3",
        "custom.heavyComputation",
        iterations=800_000,
        label="💻 Stage 3/6: Heavy Processing...",
    )
    >> very_long.procedure(
        "stage-4", "custom.delay", seconds=20, message="⏳ Stage 4/6: Validation (20 seconds)..."
    )
    >> very_long.parallel(
        "stage-5-parallel", branches=["parallel-task-1", "parallel-task-2", "parallel-task-3"]
    )
    >> very_long.procedure(
        "stage-6", "custom.delay", seconds=20, message="⏳ Stage 6/6: Cleanup (20 seconds)..."
    )
    >> very_long.procedure("complete", "custom.log", message="🎉 Workflow completed! Total time: ~2 minutes")
)
very_long.procedure("parallel-task-1", "custom.delay", seconds=20, message="📊 Task A: Analytics (20s)...")
very_long.procedure("parallel-task-2", "custom.delay", seconds=20, message="💾 Task B: Backup (20s)...")
very_long.procedure(
    "parallel-task-3", "custom.delay", seconds=20, message="📧 Task C: Notifications (20s)..."
)


# Error: a failure, how it is told, and what it keeps from running

error_demo = workflow(
    "error-demo",
    name="Error Handling Demo",
    description="Demonstrates node failure and error span propagation",
    variables={"a": 10, "b": 0},
)

begun = error_demo.procedure("start", "math.add", a=5, b=5)
will_fail = error_demo.procedure("will-fail", "math.divide", a=100, b=0)
never_reached = error_demo.procedure("never-reached", "data.save")

begun >> will_fail >> never_reached
