"""The network as its authors run it, in PyTorch eager: batch-norm apart, attention as (q k') v. For timing, and for making
random checkpoints whose batch-norm statistics are those of their own activity."""
import torch
import torch.nn.functional as F

from execute import CELLS, CELLS_Z, SPARE, canvas
from layout import EPS, HEADS, TINY, TOWERS


def spike(u):
    return u.clamp(0, 4).round_() / 4


class Eager:
    """state: {name: tensor}, float32. calibrate: batch-norm takes the statistics of what it sees and keeps them."""

    def __init__(self, state, widths=TINY):
        self.state, self.widths, self.calibrate = state, widths, False

    def conv(self, x, name, stride=1, groups=1):
        weight = self.state[f'{name}.weight']
        weight = weight.reshape(*weight.shape[:2], *(weight.shape[2:] if weight.dim() == 4 else (1, 1)))
        return F.conv2d(x, weight, self.state.get(f'{name}.bias'), stride, (weight.shape[2] - 1) // 2, 1, groups)

    def norm(self, x, name):
        mean, var, gain, shift = (self.state[f'{name}.{p}'] for p in ('running_mean', 'running_var', 'weight', 'bias'))
        if self.calibrate and x.shape[2] * x.shape[3] > SPARE:
            mean.copy_(x.mean((0, 2, 3)))
            var.copy_(x.var((0, 2, 3)).clamp_min(1e-3))
        return F.batch_norm(x, mean, var, gain, shift, False, 0.1, EPS)

    def both(self, x, conv, norm, **how):
        return self.norm(self.conv(x, conv, **how), norm)

    def down(self, x, name, stride=2):
        return self.both(x, f'backbone.{name}.encode_conv', f'backbone.{name}.encode_bn', stride=stride)

    def conv_block(self, x, name):
        path = f'backbone.{name}.0'
        a = self.both(spike(x), f'{path}.Conv.pwconv1.0', f'{path}.Conv.pwconv1.1')
        a = self.both(spike(a), f'{path}.Conv.dwconv.0', f'{path}.Conv.dwconv.1', groups=a.shape[1])
        x = x + self.both(spike(a), f'{path}.Conv.pwconv2.0', f'{path}.Conv.pwconv2.1')
        b = self.both(spike(x), f'{path}.conv1', f'{path}.bn1')
        return x + self.both(spike(b), f'{path}.conv2', f'{path}.bn2')

    def attention(self, x, name):
        path = f'backbone.{name}'
        b, c, t, _ = x.shape
        s = spike(x)
        q, k, v = (spike(self.both(s, f'{path}.attn.{p}_conv.0', f'{path}.attn.{p}_conv.1')) for p in 'qkv')
        q, k, v = (p.reshape(b, HEADS, -1, t).transpose(2, 3) for p in (q, k, v))
        o = (q @ k.transpose(2, 3)) @ v * (2 * (c / HEADS) ** -0.5)
        o = spike(o.transpose(2, 3).reshape(b, 4 * c, t, 1))
        x = x + self.both(o, f'{path}.attn.proj_conv.0', f'{path}.attn.proj_conv.1')
        m = self.both(spike(x), f'{path}.mlp.fc1_conv', f'{path}.mlp.fc1_bn')
        return x + self.both(spike(m), f'{path}.mlp.fc2_conv', f'{path}.mlp.fc2_bn')

    def __call__(self, z, x):
        """z [B, 3, 128, 128], x [B, 3, 256, 256], 0..255 -> (score, size, offset) maps."""
        u = self.conv_block(self.down(canvas(z, x), 'downsample1_1'), 'ConvBlock1_1')
        u = self.conv_block(self.down(spike(u), 'downsample1_2'), 'ConvBlock1_2')
        u = self.conv_block(self.down(spike(u), 'downsample2'), 'ConvBlock2_1')
        u = self.down(spike(self.conv_block(u, 'ConvBlock2_2')), 'downsample3')
        parts = [u[:, :, CELLS:, CELLS:], u[:, :, :CELLS, :CELLS], u.new_zeros(*u.shape[:2], 2, 2)]
        u = torch.cat([p.flatten(2) for p in parts], 2).unsqueeze(-1)
        for name, _ in self.widths.attention():
            if name == 'block4.0':
                cut = u.squeeze(-1).split([CELLS_Z**2, CELLS**2, SPARE], 2)
                maps = [p.reshape(*u.shape[:2], n, n) for p, n in zip(cut, (CELLS_Z, CELLS, 2))]
                u = torch.cat([self.down(spike(m), 'downsample4', 1).flatten(2) for m in maps], 2).unsqueeze(-1)
            u = self.attention(u, name)
        u = u[:, :, CELLS_Z**2:CELLS_Z**2 + CELLS**2].reshape(*u.shape[:2], CELLS, CELLS)
        out = {}
        for tower, _ in TOWERS:
            y = u
            for i in range(1, 5):
                y = self.both(spike(y), f'box_head.conv{i}_{tower}.1', f'box_head.conv{i}_{tower}.2')
            out[tower] = self.conv(y, f'box_head.conv5_{tower}')
        probable = {n: torch.sigmoid(out[n]).clamp(1e-4, 1 - 1e-4) for n in ('ctr', 'size')}
        return probable['ctr'], probable['size'], out['offset']
