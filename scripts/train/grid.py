"""The exact grid: how trained weights become integers, and why no rounding can meet a tie.

A spike is an integer 0..4. A layer's weights are even integers with one power-of-two scale per output channel, its
bias is an odd integer on the same scale, so every accumulator is odd: A * 2**-e is never k + 1/2 when e >= 2. An
increment is rounded to steps of 1/32, which needs e >= 7 for the same reason. Sums stay below 2**24, so float32,
int8 and float64 executors produce the same numbers.
"""
import torch

DEPTH = 4  # levels of a spike above zero
STEP = 32  # increments are multiples of 1 / STEP
HALF_STEP = 1 / 64  # constant offset of every residual membrane: k + 1/2 is not on the shifted grid
LIMIT = 126  # largest weight of a layer that reads spikes
LIMIT_STEM = 62  # largest weight of the layer that reads bytes: 2 * 255 * 62 fits 16 bits (AVX2 without VNNI)
MIN_EXPONENT_SPIKE = 2
MIN_EXPONENT_INCREMENT = 7


class Spike(torch.autograd.Function):
    """round(clip(u, 0, 4)); the gradient passes inside the range and a little beyond it."""

    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u)
        return u.clamp(0, DEPTH).round_()

    @staticmethod
    def backward(ctx, grad):
        (u,) = ctx.saved_tensors
        return torch.ops.aten.hardtanh_backward(grad, u, -0.05, DEPTH + 0.05)


class RoundToStep(torch.autograd.Function):
    """Rounds an increment to the uint8 grid that QLinearConv writes (zero point 128)."""

    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u)
        return (u * STEP).round_().clamp_(-128, 127).mul_(1 / STEP)

    @staticmethod
    def backward(ctx, grad):
        (u,) = ctx.saved_tensors
        return torch.ops.aten.hardtanh_backward(grad, u, -128 / STEP, 127 / STEP)


class Straight(torch.autograd.Function):
    """Any value in the forward pass, the identity's gradient in the backward pass."""

    @staticmethod
    def forward(ctx, x, value):
        return value

    @staticmethod
    def backward(ctx, grad):
        return grad, None


spike = Spike.apply
round_to_step = RoundToStep.apply


def to_integers(weight, bias, limit, min_exponent):
    """Weights [O, ...] and bias [O] -> (even weights, odd biases, exponents): value = integer * 2**-exponent[o]."""
    peak = weight.abs().flatten(1).amax(1).clamp_min(1e-8)
    exponent = torch.floor(torch.log2(limit / peak)).clamp(min_exponent, 20)
    scale = torch.exp2(exponent)
    column = scale.view(-1, *[1] * (weight.dim() - 1))
    whole = (torch.round(weight * column / 2) * 2).clamp(-limit, limit)
    odd = torch.floor(bias * scale / 2) * 2 + 1
    return whole, odd, exponent


def fake_quantise(weight, bias, limit, min_exponent):
    """The same integers as real numbers, transparent to the gradient."""
    with torch.no_grad():
        whole, odd, exponent = to_integers(weight, bias, limit, min_exponent)
        scale = torch.exp2(-exponent)
        w = whole * scale.view(-1, *[1] * (weight.dim() - 1))
        b = odd * scale
    return Straight.apply(weight, w), Straight.apply(bias, b)


def offsets_to_grid(offsets):
    """Learned additive offsets of a membrane: multiples of one step, plus half a step."""
    with torch.no_grad():
        value = torch.round(offsets * STEP) / STEP + HALF_STEP
    return Straight.apply(offsets, value)


def odd_bias(bias, shift):
    """A bias added to (integer * 2**-shift): an odd multiple of 2**-(shift + 1), so that ties cannot occur."""
    with torch.no_grad():
        value = (torch.floor(bias * 2.0**shift) * 2 + 1) * 2.0 ** -(shift + 1)
    return Straight.apply(bias, value)
