"""What users of Keras hold: weights of layers, on each of Keras' backends, in mixed precision."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ...backends import Backend
from ...backends.trees import tree_leaves, tree_map
from ...catalog import Case, Entry
from ..derivative import derivative_of, judge_derivative, weighted_sum
from ..expected import judge_arrays
from ..inputs import draw_inputs, to_backend
from ..judge import Verdict, Wrong
from . import is_keras_backend

BATCH = np.zeros((1, 1), "float32")
"""What a model is called with: its layer does not read it."""

NO_CLIP = 1e30
"""A global norm that clips nothing: no weight moves before the norm of all gradients is known.

Without it `fit` in a graph of TensorFlow may move a weight before another's gradient has read it
(seen in Keras 3.15 on TensorFlow 2.21, with a product of two weights by `keras.ops.matmul` alone).
"""

CLIP_ERROR = 1e-6
"""What a clipped gradient may be off, relative to the global norm: Keras clips in float32."""


def layer(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """Called, fitted by one step and by a clipped one, saved, loaded and asked to predict."""
    with keras_on(xp, device) as keras, TemporaryDirectory(prefix="einport-") as folder:
        held = _Held(keras, entry, case, xp, device, dtype, policy=dtype)
        verdict = held.judge_call().with_(held.judge_fit(clipped=not xp.compiles_eagerly))
        held.model.save(file := Path(folder) / "model.keras")
        loaded = keras.saving.load_model(file, custom_objects={"Weights": held.kind})
        return verdict.with_(held.judge(loaded.predict(BATCH, verbose=0)))


def mixed_layer(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """Called and fitted where weights of 32 bits are read in 16; all values have 16."""
    with keras_on(xp, device) as keras:
        held = _Held(keras, entry, case, xp, device, dtype, policy=f"mixed_{dtype}")
        return held.judge_call().with_(held.judge_fit())


@contextmanager
def keras_on(xp: Backend, device: str) -> Iterator[Any]:
    """Keras on the framework and the device.

    Raises:
        Wrong: Keras runs on another framework in this process.
    """
    if not is_keras_backend(xp.name):
        raise Wrong(
            f"Keras has another backend in this process: try {xp.title} in a process of its own"
        )
    import keras

    # Keras 3.10 takes a device of JAX with its number only.
    name = device if ":" in device or xp.name != "jax" else f"{device}:0"
    with keras.device(name), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Gradients do not exist")  # a result may need no weight
        yield keras


class _Held:
    """A model of one layer, whose weights are the floats of a call and whose outputs the results.

    The batch's axis is the first of each output.
    """

    def __init__(
        self,
        keras: Any,
        entry: Entry,
        case: Case,
        xp: Backend,
        device: str,
        dtype: str,
        policy: str,
    ) -> None:
        self._keras, self._xp, self._trial = keras, xp, (entry, case, xp, device, dtype)
        self._inputs = draw_inputs(case, dtype, entry.name)
        arrays = to_backend(xp, self._inputs, device)
        self._smooth = not (entry.no_gradient or case.no_gradient)
        self.kind = _layer_class(keras, xp, entry, arrays, self._loss if self._smooth else None)
        weights = self.kind(dtype=policy)
        self._weights = weights.trainable_weights
        floats = (x for x in tree_leaves(arrays) if xp.owns(x) and xp.is_floating(x))
        self._values = [np.array(xp.to_numpy(x)) for x in floats]
        self._assign()
        batch = keras.Input((1,))
        self.model = keras.Model(batch, weights(batch))

    def judge_call(self) -> Verdict:
        """Call the model, as one graph where each step of a call would be compiled."""
        if self._xp.compiles_eagerly:
            return self.judge(self.model.predict(BATCH, verbose=0))
        return self.judge(self.model(BATCH))

    def judge(self, outputs: Any) -> Verdict:
        """Compare what the model gave."""
        _, _, xp, device, _ = self._trial
        results = [x[0] for x in tree_leaves(outputs)]
        results = [x if xp.owns(x) else xp.asarray(x, str(x.dtype), device) for x in results]
        return judge_arrays(*self._trial, self._inputs, results)

    def judge_fit(self, clipped: bool = False) -> Verdict:
        """A step of gradient descent, and a clipped one: how far a weight moves is its gradient."""
        if not self._smooth:
            return Verdict(0, 0.0)
        entry, case, xp, _, dtype = self._trial
        gradients = self._step()
        arrays = [xp.asarray(x) for x in gradients]
        found = derivative_of(entry, case, xp, dtype, self._inputs, arrays, arrays)
        verdict = judge_derivative(entry, case, dtype, self._inputs, found)
        if clipped:
            self._check_clipped(gradients)
        return verdict

    def _check_clipped(self, gradients: list[Any]) -> None:
        norm = np.sqrt(sum(np.sum(np.square(x)) for x in gradients))
        for x, whole in zip(self._step(clip=float(norm / 2)), gradients, strict=True):
            if not np.allclose(x, whole / 2, rtol=0, atol=CLIP_ERROR * norm):
                raise Wrong("a clipped gradient is not the gradient over the global norm")

    def _step(self, clip: float = NO_CLIP) -> list[Any]:
        """How far one step at a rate of 1 moves the weights, which are then put back."""
        optimizer = self._keras.optimizers.SGD(learning_rate=1.0, global_clipnorm=clip)
        self.model.compile(optimizer=optimizer)
        self.model.fit(BATCH, epochs=1, verbose=0)
        moved = [
            before - self._xp.to_numpy(after.value)
            for before, after in zip(self._values, self._weights, strict=True)
        ]
        self._assign()
        return moved

    def _assign(self) -> None:
        for weight, value in zip(self._weights, self._values, strict=True):
            weight.assign(value.copy())  # TensorFlow may go on using its memory

    def _loss(self, results: list[Any]) -> Any:
        entry, case, xp, _, dtype = self._trial
        return weighted_sum(entry, case, xp, dtype, self._inputs, results)


def _layer_class(
    keras: Any, xp: Backend, entry: Entry, arrays: Any, loss: Callable[[list[Any]], Any] | None
) -> Any:
    """A layer that holds a call; weights are out of order until they are assigned or loaded."""

    class Weights(keras.layers.Layer):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            args, self.named = tree_map(self._weight, arrays)
            self.held = list(args)

        def _weight(self, x: Any) -> Any:
            if not (xp.owns(x) and xp.is_floating(x)):
                return x
            rolled = np.roll(xp.to_numpy(x), 1)

            def start(shape: Any, dtype: Any = None) -> Any:
                return keras.ops.convert_to_tensor(rolled, dtype)

            return self.add_weight(shape=rolled.shape, initializer=start)

        def call(self, batch: Any) -> list[Any]:
            results = tree_leaves(entry.op(*self.held, **self.named))
            results = [x for x in results if xp.owns(x)]
            if loss is not None:
                self.add_loss(loss(results))
            return [x[None] for x in results]

    return Weights
