"""The compact spiking tracker: two crops in, a score, size and offset map out.

Template and search region run separately and the template never sees the search region, so all of the template's work
(its correlation key and its attention sums) is done once a target. Tensors are [B, C, H, W]; crops are raw bytes as
floats, planes trajectory, negative, positive, prior.
"""
import torch
import torch.nn.functional as F
from torch import nn

import grid
from grid import spike

PLANES = 4
CELLS_Z, CELLS_X = 8, 16
CORRELATION_SHIFT = 5
ATTENTION_SHIFT_X = 9
ATTENTION_SHIFT_Z = 7
MASK_SHIFT = 13


class Layer(nn.Module):
    """Convolution and batch-norm that fold into one integer convolution.

    Template ('z') and search ('x') share kernel, gain and shift but keep statistics of their own: each crop's folded
    weights are its own. `writes` is what the integer layer produces: 'spike' or an 'increment' of a membrane.
    """

    def __init__(self, inputs, outputs, kernel, *, writes, stride=1, pad=None, gain=1.0, groups=1, stem=False):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, 0, groups=groups, bias=False)
        half = kernel // 2 if pad is None else pad
        # An even kernel at stride 1 keeps the map's size with one more row and column before than after.
        self.pads = (half, half, half, half) if stride > 1 or kernel % 2 else (half, half - 1, half, half - 1)
        self.writes = writes
        self.stem = stem
        self.input_scale = 1 / 32 if stem else 1.0
        self.gain = nn.Parameter(torch.full((outputs,), float(gain)))
        self.shift = nn.Parameter(torch.zeros(outputs))
        for crop in 'zx':
            self.register_buffer(f'mean_{crop}', torch.zeros(outputs))
            self.register_buffer(f'var_{crop}', torch.ones(outputs))
        self.exact = False

    def limits(self):
        limit = grid.LIMIT_STEM if self.stem else grid.LIMIT
        return limit, grid.MIN_EXPONENT_INCREMENT if self.writes == 'increment' else grid.MIN_EXPONENT_SPIKE

    def folded(self, crop):
        """Weight for raw inputs, and bias; always in float32, so that every caller derives the same integers."""
        k = self.gain.float() / (getattr(self, f'var_{crop}').float() + 1e-5).sqrt()
        weight = self.conv.weight.float() * (k * self.input_scale).view(-1, 1, 1, 1)
        return weight, self.shift.float() - getattr(self, f'mean_{crop}').float() * k

    def convolve(self, x, weight, bias=None):
        left, right, top, bottom = self.pads
        if left == right:
            return F.conv2d(x, weight, bias, self.conv.stride, left, 1, self.conv.groups)
        return F.conv2d(F.pad(x, self.pads), weight, bias, self.conv.stride, 0, 1, self.conv.groups)

    def forward(self, x, crop):
        if self.exact:
            weight, bias = grid.fake_quantise(*self.folded(crop), *self.limits())
            weight, bias = weight.to(x.dtype), bias.to(x.dtype)
            y = self.convolve(x, weight, bias)
            return spike(y) if self.writes == 'spike' else grid.round_to_step(y)
        y = self.convolve(x, self.conv.weight * self.input_scale if self.stem else self.conv.weight)
        y = F.batch_norm(y, getattr(self, f'mean_{crop}'), getattr(self, f'var_{crop}'), self.gain, self.shift,
                         self.training, 0.05, 1e-5)
        return spike(y) if self.writes == 'spike' else y


class Block(nn.Module):
    """Spike-driven attention without softmax, q (k'v) associated so that its cost is linear, and a two-layer MLP."""

    def __init__(self, channels, heads=4):
        super().__init__()
        self.heads = heads
        self.qkv = Layer(channels, 3 * channels, 1, writes='spike', gain=1.5)
        self.project = Layer(channels, channels, 1, writes='increment', gain=0.5)
        self.expand = Layer(channels, 2 * channels, 1, writes='spike', gain=1.5)
        self.reduce = Layer(2 * channels, channels, 1, writes='increment', gain=0.5)
        self.bias = nn.Parameter(torch.zeros(channels))
        self.exact = False

    def project_qkv(self, u, crop):
        b, c, h, w = u.shape
        a = self.qkv(spike(u), crop).reshape(b, 3, self.heads, c // self.heads, h * w)
        q, k, v = a.unbind(1)
        return q, v @ k.transpose(-1, -2)

    def update(self, u, q, sums, *, crop, shift):
        bias = grid.odd_bias(self.bias, shift) if self.exact else self.bias
        o = (sums @ q).reshape(u.shape) * 2.0**-shift + bias.view(1, -1, 1, 1)
        u = u + self.project(spike(o), crop)
        return u + self.reduce(self.expand(spike(u), crop), crop)


class Tracker(nn.Module):
    def __init__(self, stem_channels=32, channels=96, blocks=2):
        super().__init__()
        c0, c = stem_channels, channels
        self.sizes = dict(stem_channels=c0, channels=c, blocks=blocks)
        increment = dict(writes='increment')
        self.stem = Layer(PLANES, c0, 8, stride=4, pad=2, gain=1.5, stem=True, **increment)
        self.res1 = Layer(c0, c0, 3, gain=0.7, **increment)
        self.res2 = Layer(c0, c0, 3, gain=0.7, **increment)
        self.down = Layer(c0, c, 3, stride=2, gain=1.5, **increment)
        self.res3 = Layer(c, c, 3, gain=0.7, **increment)
        self.res4 = Layer(c, c, 3, gain=0.7, **increment)
        self.place_z = nn.Parameter(torch.randn(1, c, CELLS_Z, CELLS_Z) * 0.2)
        self.place_x = nn.Parameter(torch.randn(1, c, CELLS_X, CELLS_X) * 0.2)
        self.key = Layer(c, c, 1, writes='spike')
        self.query = Layer(c, c, 1, writes='spike')
        self.match_bias = nn.Parameter(torch.full((CELLS_Z * CELLS_Z,), -0.5))
        self.gather = Layer(64, 64, 8, writes='spike', groups=64, gain=1.5)
        self.merge = Layer(64, c, 1, **increment)
        self.blocks = nn.ModuleList(Block(c) for _ in range(blocks))
        self.head = Layer(c, c, 3, **increment)
        self.head_score = Layer(c, 64, 3, writes='spike', gain=1.5)
        self.head_box = Layer(c, 64, 3, writes='spike', gain=1.5)
        self.score = nn.Conv2d(64, 1, 1)
        self.box = nn.Conv2d(64, 4, 1)
        self.exact = False
        nn.init.constant_(self.score.bias, -3.0)
        nn.init.constant_(self.box.bias, 0.0)
        self.box.bias.data[:2] = -1.1
        for out in (self.score, self.box):
            nn.init.normal_(out.weight, std=0.02)
        # The gathering layer starts as the plain cross-correlation: it moves cell j's map by j's place in the template.
        with torch.no_grad():
            self.gather.conv.weight.zero_()
            for j in range(64):
                self.gather.conv.weight[j, 0, j // 8, j % 8] = 1.0

    def set_exact(self, on=True):
        """Freezes and folds the statistics and rounds everything as the exported graphs do."""
        for module in self.modules():
            if hasattr(module, 'exact'):
                module.exact = on

    def layers(self):
        return {name: m for name, m in self.named_modules() if isinstance(m, Layer)}

    def offset(self, parameter):
        return grid.offsets_to_grid(parameter) if self.exact else parameter

    def features(self, image, crop):
        u = self.stem(image, crop) + grid.HALF_STEP
        u = u + self.res1(spike(u), crop)
        u = u + self.res2(spike(u), crop)
        u = self.down(spike(u), crop) + self.offset(self.place_z if crop == 'z' else self.place_x)
        u = u + self.res3(spike(u), crop)
        return u + self.res4(spike(u), crop)

    @staticmethod
    def target_mask(z):
        """0..4: how much of each template cell the target's box covers."""
        covered = F.avg_pool2d(z[:, 3:4], 8) * 64
        return ((2 * covered + 1) * 2.0**-MASK_SHIFT).round()

    def template(self, z):
        """-> key [B, 64, C] and the attention sums of every block."""
        u = self.features(z, 'z')
        k, mask = self.key(spike(u), 'z'), self.target_mask(z)
        key = torch.where(k <= mask, k, mask.expand_as(k)).flatten(2).transpose(1, 2)
        sums = []
        for i, block in enumerate(self.blocks):
            q, own = block.project_qkv(u, 'z')
            sums.append(own)
            if i + 1 < len(self.blocks):
                u = block.update(u, q, own, crop='z', shift=ATTENTION_SHIFT_Z)
        return key, sums

    def search(self, x, key, sums):
        """-> logits: score [B, 1, 16, 16], box [B, 4, 16, 16] (w, h, offset x, offset y)."""
        u = self.features(x, 'x')
        query = self.query(spike(u), 'x').flatten(2)
        bias = grid.odd_bias(self.match_bias, CORRELATION_SHIFT) if self.exact else self.match_bias
        match = (key @ query) * 2.0**-CORRELATION_SHIFT + bias.view(1, -1, 1)
        match = spike(match).view(-1, 64, CELLS_X, CELLS_X)
        u = u + self.merge(self.gather(match, 'x'), 'x')
        for block, template_sums in zip(self.blocks, sums):
            q, own = block.project_qkv(u, 'x')
            u = block.update(u, q, own + template_sums, crop='x', shift=ATTENTION_SHIFT_X)
        u = u + self.head(spike(u), 'x')
        h = spike(u)
        return self.output(self.score, self.head_score(h, 'x')), self.output(self.box, self.head_box(h, 'x'))

    def output(self, conv, spikes):
        if not self.exact:
            return conv(spikes)
        weight, bias = grid.fake_quantise(conv.weight, conv.bias, grid.LIMIT, grid.MIN_EXPONENT_SPIKE)
        return F.conv2d(spikes, weight, bias)

    def forward(self, z, x):
        return self.search(x, *self.template(z))


def count_parameters(net):
    return sum(p.numel() for p in net.parameters())


