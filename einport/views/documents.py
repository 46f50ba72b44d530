"""The documents of `--json`: comparisons, drawings, traps and demonstrations for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..backends import Backend
from ..catalog._demos import DEMOS, Array, Demo
from ..comparison.demos import Outcome
from ..comparison.frameworks import Agreement, Gradient, Run
from ..comparison.provenance import Drawn, Provenance
from ..comparison.running import Comparison
from ..traps import EINPORT, FRAMEWORKS, Trap
from ..traps.running import Runs


def comparison_document(c: Comparison) -> dict[str, Any]:
    """The comparison as what JSON can hold."""
    return {
        "op": c.op,
        "topic": c.topic,
        "summary": c.summary,
        "definition": c.definition,
        "helpers": c.helpers,
        "idioms": {
            one.name: {"title": one.title, "source": one.source, "installed": one.installed}
            for one in c.idioms
        },
        "call": c.call,
        "case": c.case,
        "dtype": c.dtype,
        "exact": c.exact,
        "inputs": [
            {
                "name": x.name,
                "axes": [{"name": a.name or None, "size": a.size} for a in x.axes],
                "shape": list(x.shape),
                "dtype": x.dtype,
            }
            for x in c.inputs
        ],
        "frameworks": [_run(run) for run in c.runs],
        "pairs": [
            {"one": pair.one, "other": pair.other, **_agreement(pair.agreement)} for pair in c.pairs
        ],
        "agrees": c.agrees,
        "problems": list(c.problems),
        "worst": c.worst,
        "picture": None if c.picture is None else to_json(c.picture),
        "traps": [{"name": one.name, "title": one.title} for one in c.traps],
    }


def _run(run: Run) -> dict[str, Any]:
    timing = run.timing
    return {
        "name": run.name,
        "title": run.title,
        "version": run.version or None,
        "device": run.device or None,
        "results": [
            {"shape": list(x.shape), "dtype": dtype}
            for x, dtype in zip(run.results, run.dtypes, strict=True)
        ],
        "definition": None if run.agreement is None else _agreement(run.agreement),
        "native": None if run.native is None else _agreement(run.native),
        "gradient": None if run.gradient is None else _gradient(run.gradient),
        "time": None
        if timing is None
        else {
            "einport_seconds": timing.einport,
            "native_seconds": timing.native,
            "ratio": timing.ratio,
            "rounds": timing.rounds,
        },
        "agrees": run.agrees,
        "problem": run.problem or None,
    }


def _agreement(one: Agreement) -> dict[str, Any]:
    return {
        "agrees": one.agrees,
        "same_bits": one.same_bits,
        "epsilons": one.epsilons,
        "bound": one.bound,
        "problem": one.problem or None,
    }


def _gradient(one: Gradient) -> dict[str, Any]:
    return {
        "agrees": not one.problem,
        "relative_error": one.error,
        "reason": one.reason or None,
        "problem": one.problem or None,
    }


def to_json(p: Provenance) -> dict[str, Any]:
    """The picture for programs: arrays, and for each result's cell, row by row, its sources.

    A source is the number of an input and the place in it.
    """

    def described(x: Drawn) -> dict[str, Any]:
        axes = [{"name": a.name or None, "size": a.size} for a in x.axes]
        return {"name": x.name, "shape": list(x.shape), "axes": axes, "chooses": x.choice}

    outputs = []
    for o, x in enumerate(p.outputs):
        head = described(x)
        del head["chooses"]
        sources = [
            [[i, list(p.inputs[i].index(cell))] for i, cell in cells] for cells in p.sources[o]
        ]
        outputs.append({**head, "moves": p.moves[o], "sources": sources})
    return {
        "op": p.op,
        "call": p.call,
        "case": p.case,
        "inputs": [described(x) for x in p.inputs],
        "outputs": outputs,
    }


def trap_document(one: Trap, asked: Sequence[str], runs: Runs) -> dict[str, Any]:
    """A trap, its programs, and what they gave."""
    found: dict[str, Any] = {
        "name": one.name,
        "title": one.title,
        "topic": one.topic,
        "operations": list(one.ops),
        "why": one.why,
        "programs": {
            name: {
                "source": one.source(name),
                "version": one.versions.get(name),
                "gave": one.shown.get(name),
            }
            for name in asked or one.programs
            if name in one.programs
        },
        "instead": one.instead,
        "einport": None,
    }
    if one.einport is not None:
        on = [name for name in FRAMEWORKS if name not in one.not_on]
        found["einport"] = {"source": one.source(EINPORT), "on": on, "gave": one.agreed}
    if runs.ran or runs.left_out:
        found["now"] = [
            {
                "program": ran.framework,
                "on": ran.on,
                "version": ran.version,
                "gives": ran.gives,
                "as_before": ran.agrees,
            }
            for ran in runs.ran
        ]
        found["left_out"] = list(runs.left_out)
    return found


def demos_document() -> list[dict[str, Any]]:
    """All demonstrations, without what they give."""
    return [{**_demo_head(one), "picture": one.picture} for one in DEMOS]


def demo_document(one: Demo, xp: Backend, outcome: Outcome) -> dict[str, Any]:
    """A demonstration and what it gave; images come as shape and dtype, without their pixels."""

    def described(values: Array, dtype: str) -> dict[str, Any]:
        head = {"shape": list(values.shape), "dtype": dtype}
        return head if one.picture else {**head, "values": values.tolist()}

    found: dict[str, Any] = {
        **_demo_head(one),
        "shows": one.shows,
        "backend": xp.name,
        "input": [described(xp.to_numpy(x), xp.dtype(x)) for x in outcome.arrays],
        "output": None,
        "error": None,
        "expected": None,
        "agrees": outcome.agrees,
    }
    if outcome.values is None:
        error = outcome.result
        found["error"] = {"class": type(error).__name__, "message": str(error)}
    else:
        found["output"] = described(outcome.values, xp.dtype(outcome.result))
    if isinstance(one.expected, type):
        found["expected"] = {"error": one.expected.__name__}
    elif isinstance(one.expected, tuple):
        found["expected"] = {"shape": list(one.expected)}
    else:
        found["expected"] = described(one.expected, one.expected.dtype.name)
    return found


def _demo_head(one: Demo) -> dict[str, Any]:
    return {
        "name": one.name,
        "title": one.title,
        "function": one.function,
        "pattern": one.pattern,
        "reduction": one.reduction or None,
        "sizes": dict(one.sizes),
    }
