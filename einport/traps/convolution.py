"""Convolution: kernels, borders and sizes."""

from ._trap import trap


def kernel_layout_torch():
    import torch

    x, kernel = torch.zeros(1, 3, 8, 8), torch.zeros(4, 3, 5, 5)
    return tuple(torch.nn.functional.conv2d(x, kernel).shape)


def kernel_layout_jax():
    import jax
    import jax.numpy as jnp

    x, kernel = jnp.zeros((1, 3, 8, 8)), jnp.zeros((4, 3, 5, 5))
    return jax.lax.conv(x, kernel, (1, 1), "VALID").shape


def kernel_layout_tensorflow():
    import tensorflow as tf

    def size(*kernel):
        x = tf.zeros((1, 8, 8, 3))
        return tuple(tf.nn.conv2d(x, tf.zeros(kernel), 1, "VALID").shape)

    return {
        "kernel (4, 3, 5, 5)": lambda: size(4, 3, 5, 5),
        "kernel (5, 5, 3, 4)": lambda: size(5, 5, 3, 4),
    }


def kernel_layout_einport(xp):
    from einport.ops import conv2d

    x = xp.asarray([[[[0.0] * 8] * 8] * 3], dtype="float32")
    kernel = xp.asarray([[[[0.0] * 5] * 5] * 3] * 4, dtype="float32")
    return xp.shape(conv2d(x, kernel))


KERNEL_LAYOUT = trap(
    globals(),
    "kernel-layout",
    "A kernel is (out, in, height, width), or (height, width, in, out)",
    why="TensorFlow's layout is the second. Where the sizes allow both, a kernel in the wrong one "
    "gives other numbers and no error.",
    instead="`conv2d` takes (out, in, height, width) in either data format.",
    ops=("conv2d", "conv_transpose2d"),
)


def convolve_flips_numpy():
    import numpy as np

    return np.convolve([0.0, 1.0, 0.0], [1.0, 2.0, 3.0], mode="same")


def convolve_flips_torch():
    import torch

    x = torch.tensor([[[0.0, 1.0, 0.0]]])
    kernel = torch.tensor([[[1.0, 2.0, 3.0]]])
    return torch.nn.functional.conv1d(x, kernel, padding="same")[0, 0]


def convolve_flips_jax():
    import jax.numpy as jnp

    x, kernel = jnp.array([0.0, 1.0, 0.0]), jnp.array([1.0, 2.0, 3.0])
    return jnp.convolve(x, kernel, mode="same")


def convolve_flips_tensorflow():
    import tensorflow as tf

    x = tf.reshape([0.0, 1.0, 0.0], (1, 3, 1))
    kernel = tf.reshape([1.0, 2.0, 3.0], (3, 1, 1))
    return tf.nn.conv1d(x, kernel, 1, "SAME")[0, :, 0]


def convolve_flips_einport(xp):
    from einport.ops import conv2d

    x = xp.asarray([[[[0.0, 1.0, 0.0]]]], dtype="float32")
    kernel = xp.asarray([[[[1.0, 2.0, 3.0]]]], dtype="float32")
    return conv2d(x, kernel, padding="same")[0, 0, 0]


CONVOLVE_FLIPS = trap(
    globals(),
    "convolve-flips",
    "A convolution turns the kernel round, or does not",
    why="Signal processing turns the kernel round, and so do `np.convolve` and `jnp.convolve`; "
    "layers of networks do not, and call a correlation a convolution.",
    instead="`conv2d` is a correlation, as layers are; its documentation says so.",
    ops=("conv2d",),
)


def same_with_stride_torch():
    import torch

    x = torch.arange(4.0).reshape(1, 1, 1, 4)
    kernel = torch.ones(1, 1, 1, 3)
    conv2d = torch.nn.functional.conv2d
    return {
        '"same"': lambda: conv2d(x, kernel, stride=(1, 2), padding="same"),
        "1": conv2d(x, kernel, stride=(1, 2), padding=(0, 1))[0, 0, 0],
    }


def same_with_stride_jax():
    import jax
    import jax.numpy as jnp

    x, kernel = jnp.arange(4.0).reshape(1, 1, 1, 4), jnp.ones((1, 1, 1, 3))
    return {'"SAME"': jax.lax.conv(x, kernel, (1, 2), "SAME")[0, 0, 0]}


def same_with_stride_tensorflow():
    import tensorflow as tf

    x = tf.reshape(tf.range(4.0), (1, 1, 4, 1))
    kernel = tf.ones((1, 3, 1, 1))
    return {'"SAME"': tf.nn.conv2d(x, kernel, (1, 2), "SAME")[0, 0, :, 0]}


def same_with_stride_einport(xp):
    from einport.ops import conv2d

    x = xp.asarray([[[[0.0, 1.0, 2.0, 3.0]]]], dtype="float32")
    kernel = xp.asarray([[[[1.0, 1.0, 1.0]]]], dtype="float32")
    return {
        '"same"': conv2d(x, kernel, stride=(1, 2), padding="same")[0, 0, 0],
        "1": conv2d(x, kernel, stride=(1, 2), padding=(0, 1))[0, 0, 0],
    }


SAME_WITH_STRIDE = trap(
    globals(),
    "same-with-stride",
    "Padding “same” with a stride of 2 pads the end alone",
    why="A kernel of 3 with stride 2 needs one zero for an even size: TensorFlow and JAX put it at "
    "the end. PyTorch refuses; its padding of 1 gives the same shape from other windows.",
    instead='`padding="same"` puts the odd zero at the end, and a number puts as many on both '
    "sides, everywhere.",
    ops=("conv2d", "max_pool", "average_pool"),
)


def transposed_kernel_torch():
    import torch

    x = torch.ones(1, 1, 1, 1)
    kernel = torch.arange(3.0).reshape(1, 1, 1, 3)
    return torch.nn.functional.conv_transpose2d(x, kernel)[0, 0, 0]


def transposed_kernel_jax():
    import jax
    import jax.numpy as jnp

    def paint(**options):
        x = jnp.ones((1, 1, 1, 1))
        kernel = jnp.arange(3.0).reshape(1, 3, 1, 1)
        y = jax.lax.conv_transpose(x, kernel, (1, 1), "VALID", **options)
        return y[0, 0, :, 0]

    return {
        "as it comes": paint(),
        "transpose_kernel=True": paint(transpose_kernel=True),
    }


def transposed_kernel_tensorflow():
    import tensorflow as tf

    x = tf.ones((1, 1, 1, 1))
    kernel = tf.reshape(tf.range(3.0), (1, 3, 1, 1))
    found = tf.nn.conv2d_transpose(x, kernel, (1, 1, 3, 1), 1, "VALID")
    return found[0, 0, :, 0]


def transposed_kernel_einport(xp):
    from einport.ops import conv_transpose2d

    x = xp.asarray([[[[1.0]]]], dtype="float32")
    kernel = xp.asarray([[[[0.0, 1.0, 2.0]]]], dtype="float32")
    return conv_transpose2d(x, kernel)[0, 0, 0]


TRANSPOSED_KERNEL = trap(
    globals(),
    "transposed-kernel",
    "A transposed convolution paints the kernel, or its mirror image",
    why="JAX's `conv_transpose` slides the kernel over a spread picture, so that one pixel gives "
    "the kernel turned round unless `transpose_kernel=True`. The others are the gradient of a "
    "convolution, and one pixel gives the kernel.",
    instead="Each pixel paints the kernel as it is.",
    ops=("conv_transpose2d",),
)


def transposed_size_torch():
    import torch

    def size(**options):
        x, kernel = torch.ones(1, 1, 4, 4), torch.ones(1, 1, 3, 3)
        paint = torch.nn.functional.conv_transpose2d
        return paint(x, kernel, stride=2, **options).shape[-1]

    return {
        "as it comes": size(),
        "padding=1": size(padding=1),
        "padding=1, output_padding=1": size(padding=1, output_padding=1),
    }


def transposed_size_jax():
    import jax
    import jax.numpy as jnp

    def size(padding):
        x, kernel = jnp.ones((1, 4, 4, 1)), jnp.ones((3, 3, 1, 1))
        return jax.lax.conv_transpose(x, kernel, (2, 2), padding).shape[1]

    return {"SAME": size("SAME"), "VALID": size("VALID")}


def transposed_size_tensorflow():
    import tensorflow as tf

    def size(padding):
        layer = tf.keras.layers.Conv2DTranspose
        paint = layer(1, 3, strides=2, padding=padding)
        return paint(tf.ones((1, 4, 4, 1))).shape[1]

    return {"same": size("same"), "valid": size("valid")}


def transposed_size_einport(xp):
    from einport.ops import conv_transpose2d

    def size(**options):
        x = xp.asarray([[[[1.0] * 4] * 4]], dtype="float32")
        kernel = xp.asarray([[[[1.0] * 3] * 3]], dtype="float32")
        y = conv_transpose2d(x, kernel, stride=2, **options)
        return xp.shape(y)[-1]

    return {
        "as it comes": size(),
        "padding=1": size(padding=1),
        "padding=1, output_padding=1": size(padding=1, output_padding=1),
    }


TRANSPOSED_SIZE = trap(
    globals(),
    "transposed-size",
    "A transposed convolution of 4 pixels with stride 2 gives 7, 8 or 9",
    why="A convolution shrinks several sizes to 4, so that the way back needs a choice: 9 is all "
    "that the kernels paint, a padding of 1 cuts both sides, and “same” gives size times stride.",
    instead="The size is (n − 1)·stride + kernel, less `padding` on either side, plus "
    "`output_padding`.",
    ops=("conv_transpose2d",),
)


TRAPS = (KERNEL_LAYOUT, CONVOLVE_FLIPS, SAME_WITH_STRIDE, TRANSPOSED_KERNEL, TRANSPOSED_SIZE)
