"""The tracker in convolutions alone, for chips that run layers in sequence: see README.md, "For small chips".

Both crops go through the same four layers. What the template found becomes the rows of a matrix, and the one product of
two activations, that matrix times the search region's spikes, is the host's; five more layers read the answer from it.
No membrane is carried past a layer, all weights of a layer share one exponent, and no sum leaves 16 bits. Tensors are
[B, C, H, W]; crops are raw bytes as floats, planes trajectory, negative, positive, prior.
"""
import torch
import torch.nn.functional as F
from torch import nn

import grid
from grid import spike
from net import CELLS_X, CELLS_Z, PLANES, Layer

LIMIT_SUM = 2**15 - 1  # largest sum of a layer, whatever the input: 16 bits with the sign
MATCH_SHIFT = 2  # a key of 4 times a spike of s is s again: how rows that only pass a channel on do it
CERTAIN = 8  # added to a spike of 0..4, decides what it becomes: 4 or, taken away, 0


def to_integers(weight, bias, limit, reach):
    """As grid.to_integers, with one exponent for the layer and sums of inputs of up to `reach` in 16 bits.

    Where spikes come in, the exponent is the largest that every channel bears. Bytes leave so little room that all would
    be too coarse for the sake of the loudest: there it is the largest that half of the channels bear, and those that
    would leave 16 bits are made smaller by a factor of their own, which training then works with.
    """
    rows = weight.abs().flatten(1)
    sums = (rows.sum(1) * reach + bias.abs()).clamp_min(1e-8)
    most = sums.median() if reach > grid.DEPTH else sums.amax()
    exponent = torch.floor(torch.log2(torch.minimum(limit / rows.amax().clamp_min(1e-8), LIMIT_SUM / most)))
    scale = torch.exp2(exponent.clamp(grid.MIN_EXPONENT_SPIKE, 20))
    shrink = (LIMIT_SUM / (sums * scale)).clamp_max(1.0)
    while True:
        factor = scale * shrink
        whole = (torch.round(weight * factor.view(-1, 1, 1, 1) / 2) * 2).clamp(-limit, limit)
        odd = torch.floor(bias * factor / 2) * 2 + 1
        over = whole.abs().flatten(1).sum(1) * reach + odd.abs() > LIMIT_SUM
        if not over.any():
            return whole, odd, torch.log2(scale).expand(len(weight))
        shrink = torch.where(over, shrink * 0.97, shrink)  # rounding made a channel larger


def fake_quantise(weight, bias, limit, reach):
    """The same integers as real numbers, transparent to the gradient."""
    with torch.no_grad():
        whole, odd, exponent = to_integers(weight, bias, limit, reach)
        scale = torch.exp2(-exponent[0])
    return grid.Straight.apply(weight, whole * scale), grid.Straight.apply(bias, odd * scale)


class CoreLayer(Layer):
    """A layer that writes spikes, as one core of a chip holds it."""

    def __init__(self, inputs, outputs, kernel, *, stride=1, gain=1.5, stem=False):
        super().__init__(inputs, outputs, kernel, writes='spike', stride=stride, gain=gain, stem=stem)

    def limits(self):
        return (grid.LIMIT_STEM, 255) if self.stem else (grid.LIMIT, grid.DEPTH)

    def integers(self, crop):
        with torch.no_grad():
            return to_integers(*self.folded(crop), *self.limits())

    def forward(self, x, crop):
        if not self.exact:
            return super().forward(x, crop)
        weight, bias = fake_quantise(*self.folded(crop), *self.limits())
        return spike(self.convolve(x, weight.to(x.dtype), bias.to(x.dtype)))


class Logits(nn.Conv2d):
    """The last layer of a branch: its sums are the answer."""

    def __init__(self, inputs, outputs, kernel, bias):
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)
        self.exact = False
        nn.init.normal_(self.weight, std=0.1 / (kernel * inputs**0.5))
        nn.init.constant_(self.bias, bias)

    def integers(self):
        with torch.no_grad():
            return to_integers(self.weight.float(), self.bias.float(), grid.LIMIT, grid.DEPTH)

    def forward(self, x):
        if not self.exact:
            return super().forward(x)
        weight, bias = fake_quantise(self.weight.float(), self.bias.float(), grid.LIMIT, grid.DEPTH)
        return F.conv2d(x, weight.to(x.dtype), bias.to(x.dtype), padding=self.padding)


def passing_cells():
    """[64] True where a cell lies too far from the middle of the template to show the target, at its edge and corners."""
    inner = torch.zeros(CELLS_Z, CELLS_Z, dtype=torch.bool)
    inner[1:-1, 1:-1] = True
    for y, x in ((1, 1), (1, -2), (-2, 1), (-2, -2)):
        inner[y, x] = False
    return ~inner.flatten()


class ConvTracker(nn.Module):
    def __init__(self, widths=(16, 32, 64, 64, 32, 64)):
        super().__init__()
        c1, c2, c3, c4, c5, c6 = widths
        self.sizes = dict(widths=list(widths))
        self.conv1 = CoreLayer(PLANES, c1, 3, stride=2, stem=True)
        self.conv2 = CoreLayer(c1, c2, 5, stride=2)
        self.conv3 = CoreLayer(c2, c3, 3, stride=2)
        self.conv4 = CoreLayer(c3, c4, 3)
        self.key = CoreLayer(c4, c4, 1, gain=1.0)
        self.conv5 = CoreLayer(CELLS_Z * CELLS_Z, c5, 5)
        self.conv6 = CoreLayer(c5, c6, 3)
        # No layer has more than two readers, and the deepest tells where the target is and how large.
        self.score = Logits(c6, 1, 5, -3.0)
        self.size = Logits(c6, 2, 5, -1.1)
        self.offset = Logits(c5, 2, 5, 0.0)
        with torch.no_grad():
            self.key.shift.fill_(-0.3)
        passing = passing_cells()
        self.match_bias = nn.Parameter(torch.where(passing, 0.0, -1.5))
        # Rows of the product that carry no template pass channels of the search region on.
        constant = torch.zeros(c4, CELLS_Z * CELLS_Z)
        constant[:, passing] = -CERTAIN
        for channel, cell in enumerate(passing.nonzero()[:, 0].tolist()):
            constant[channel % c4, cell] = CERTAIN
        self.register_buffer('constant', constant.view(1, c4, CELLS_Z, CELLS_Z) + grid.HALF_STEP)
        self.exact = False

    def set_exact(self, on=True):
        """Freezes and folds the statistics and rounds everything as the exported graphs do."""
        for module in self.modules():
            if hasattr(module, 'exact'):
                module.exact = on

    def layers(self):
        return {name: m for name, m in self.named_modules() if isinstance(m, Layer)}

    def features(self, image, crop):
        x = image
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = layer(x, crop)
        return x

    def template(self, z):
        """-> key [B, 64, C], and no attention sums."""
        key = spike(self.key(self.features(z, 'z'), 'z') + self.constant)
        return key.flatten(2).transpose(1, 2), []

    def search(self, x, key, sums=()):
        """-> logits: score [B, 1, 16, 16], box [B, 4, 16, 16] (w, h, offset x, offset y)."""
        query = self.features(x, 'x').flatten(2)
        bias = grid.odd_bias(self.match_bias, MATCH_SHIFT) if self.exact else self.match_bias
        match = spike((key @ query) * 2.0**-MATCH_SHIFT + bias.view(1, -1, 1))
        near = self.conv5(match.view(-1, CELLS_Z * CELLS_Z, CELLS_X, CELLS_X), 'x')
        far = self.conv6(near, 'x')
        return self.score(far), torch.cat([self.size(far), self.offset(near)], 1)

    def forward(self, z, x):
        return self.search(x, *self.template(z))
