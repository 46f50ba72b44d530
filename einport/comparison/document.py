"""A comparison for programs: everything but the values of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .drawing import to_json as picture_document
from .frameworks import Agreement, Gradient, Run

if TYPE_CHECKING:
    from .running import Comparison


def document(c: Comparison) -> dict[str, Any]:
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
        "picture": None if c.picture is None else picture_document(c.picture),
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
