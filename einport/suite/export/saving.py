"""Saves an operation in each framework's own exported form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...backends import Backend

Fn = Callable[..., list[Any]]

Sizes = Sequence[Sequence[tuple[int, int]]]
"""For each axis of each array the (a, b) of its a·n + b elements, n unknown."""


def save(
    xp: Backend, fn: Fn, arrays: Sequence[Any], folder: Path, sizes: Sizes | None = None
) -> None:
    """Write `fn`, which gives a list of arrays, in the framework's exported form.

    Axes have the sizes of `arrays`, unless `sizes` says how they follow from an unknown n >= 2.

    Raises:
        NotImplementedError: The framework has none.
    """
    savers = {"torch": _save_torch, "jax": _save_jax, "tensorflow": _save_tensorflow}
    if xp.name not in savers:
        raise NotImplementedError(f"{xp.title} has no exported form")
    savers[xp.name](fn, arrays, folder, sizes)


def _save_torch(fn: Fn, arrays: Sequence[Any], folder: Path, sizes: Sizes | None) -> None:
    import torch

    class Module(torch.nn.Module):
        def forward(self, *args: Any) -> list[Any]:
            return fn(*args)

    shapes = None
    if sizes is not None:
        n = torch.export.Dim("n", min=2)
        # None for what does not change; derived sizes must not be written as 1·n + 0.
        axes = [[_derived(n, a, b) if a else None for a, b in axes] for axes in sizes]
        shapes = (tuple({i: d for i, d in enumerate(one) if d is not None} for one in axes),)
    program = torch.export.export(Module(), tuple(arrays), dynamic_shapes=shapes)
    torch.export.save(program, folder / "program.pt2")


def _derived(n: Any, a: int, b: int) -> Any:
    scaled = n if a == 1 else a * n
    return scaled if b == 0 else scaled + b


def _save_jax(fn: Fn, arrays: Sequence[Any], folder: Path, sizes: Sizes | None) -> None:
    import jax
    import jax.export

    given = arrays
    if sizes is not None:
        scope = jax.export.SymbolicScope(("n >= 2",))
        given = [
            jax.ShapeDtypeStruct(
                jax.export.symbolic_shape(
                    ", ".join(f"{a}*n + {b}" if a else str(b) for a, b in axes), scope=scope
                ),
                x.dtype,
            )
            for x, axes in zip(arrays, sizes, strict=True)
        ]
    exported = jax.export.export(jax.jit(fn), platforms=jax_platforms(arrays))
    (folder / "function.bin").write_bytes(exported(*given).serialize())


def jax_platforms(arrays: Sequence[Any]) -> list[str]:
    """What JAX is to export for: where the arrays are, which need not be its default device."""
    import jax.export

    kinds = {device.platform for x in arrays for device in x.devices()}
    return ["cpu" if kinds == {"cpu"} else jax.export.default_export_platform()]


def _save_tensorflow(fn: Fn, arrays: Sequence[Any], folder: Path, sizes: Sizes | None) -> None:
    import tensorflow as tf

    if sizes is None:
        shapes = [tuple(x.shape) for x in arrays]
    else:
        shapes = [tuple(None if a else b for a, b in axes) for axes in sizes]
    module = tf.Module()
    module.call = tf.function(
        fn,
        autograph=False,
        input_signature=[
            tf.TensorSpec(shape, x.dtype) for shape, x in zip(shapes, arrays, strict=True)
        ],
    )
    tf.saved_model.save(module, str(folder / "model"))
