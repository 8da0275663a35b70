"""The SDTrack-Tiny equations in numpy and float64, nothing folded and nothing reordered: what the converter is held to."""
import numpy as np

EPS = 1e-5


def S(u):
    return np.round(np.clip(u, 0, 4)) / 4


def sigmoid(u):
    return 1 / (1 + np.exp(-u))


class Network:
    def __init__(self, state):
        self.p = {name: np.asarray(value, np.float64) for name, value in state.items()}

    def conv(self, x, name, stride=1):
        """x [C, H, W]; a depthwise kernel is one whose second size is 1 while the input has more channels."""
        w, b = self.p[f'{name}.weight'], self.p.get(f'{name}.bias', 0)
        w = w.reshape(*w.shape[:2], *(w.shape[2:] if w.ndim == 4 else (1, 1)))
        k = w.shape[2]
        pad = (k - 1) // 2
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (pad, pad), (pad, pad))), (k, k), (1, 2))
        windows = windows[:, ::stride, ::stride]
        if w.shape[1] == 1 and len(x) > 1:
            y = np.einsum('chwij,cij->chw', windows, w[:, 0], optimize=True)
        else:
            y = np.tensordot(w, windows, ([1, 2, 3], [0, 3, 4]))
        return y + np.reshape(b, (-1, 1, 1))

    def bn(self, x, name):
        mean, var, gain, shift = (self.p[f'{name}.{n}'].reshape(-1, 1, 1) for n in ('running_mean', 'running_var', 'weight', 'bias'))
        return (x - mean) / np.sqrt(var + EPS) * gain + shift

    def down(self, x, name, stride):
        return self.bn(self.conv(x, f'backbone.{name}.encode_conv', stride), f'backbone.{name}.encode_bn')

    def conv_block(self, x, name):
        n = f'backbone.{name}.0'
        a = S(x)
        for i, part in enumerate(('pwconv1', 'dwconv', 'pwconv2')):
            a = self.bn(self.conv(S(a) if i else a, f'{n}.Conv.{part}.0'), f'{n}.Conv.{part}.1')
        x = x + a
        b = self.bn(self.conv(S(x), f'{n}.conv1'), f'{n}.bn1')
        return x + self.bn(self.conv(S(b), f'{n}.conv2'), f'{n}.bn2')

    def attention(self, x, name):
        """x [C, T, 1]"""
        n, c = f'backbone.{name}', len(x)
        h = S(x)
        q, k, v = (S(self.bn(self.conv(h, f'{n}.attn.{p}_conv.0'), f'{n}.attn.{p}_conv.1')) for p in 'qkv')
        heads = []
        for i in range(8):
            mine = [a.reshape(8, -1, a.shape[1])[i].T for a in (q, k, v)]
            heads.append(((mine[0] @ mine[1].T) @ mine[2] * (2 * (c / 8) ** -0.5)).T)
        o = S(np.concatenate(heads))[:, :, None]
        x = x + self.bn(self.conv(o, f'{n}.attn.proj_conv.0'), f'{n}.attn.proj_conv.1')
        m = self.bn(self.conv(S(x), f'{n}.mlp.fc1_conv'), f'{n}.mlp.fc1_bn')
        return x + self.bn(self.conv(S(m), f'{n}.mlp.fc2_conv'), f'{n}.mlp.fc2_bn')

    def tower(self, x, name):
        for i in range(1, 5):
            x = self.bn(self.conv(S(x), f'box_head.conv{i}_{name}.1'), f'box_head.conv{i}_{name}.2')
        return self.conv(x, f'box_head.conv5_{name}')

    def __call__(self, z, x):
        """z [3, 128, 128], x [3, 256, 256] -> score [1, 16, 16] and size [2, 16, 16] clamped, offset [2, 16, 16] raw"""
        u = np.zeros((3, 384, 384))
        u[:, :256, :256], u[:, 256:, 256:] = x, z
        u = self.conv_block(self.down(u, 'downsample1_1', 2), 'ConvBlock1_1')
        u = self.conv_block(self.down(S(u), 'downsample1_2', 2), 'ConvBlock1_2')
        u = self.conv_block(self.conv_block(self.down(S(u), 'downsample2', 2), 'ConvBlock2_1'), 'ConvBlock2_2')
        u = self.down(S(u), 'downsample3', 2)
        c = len(u)
        t = np.concatenate([u[:, 16:, 16:].reshape(c, 64), u[:, :16, :16].reshape(c, 256), np.zeros((c, 4))], 1)[:, :, None]
        for i in range(6):
            t = self.attention(t, f'block3.{i}')
        cut = (t[:, :64].reshape(c, 8, 8), t[:, 64:320].reshape(c, 16, 16), t[:, 320:].reshape(c, 2, 2))
        wide = [self.down(S(m), 'downsample4', 1) for m in cut]
        t = np.concatenate([m.reshape(len(m), -1) for m in wide], 1)[:, :, None]
        for i in range(2):
            t = self.attention(t, f'block4.{i}')
        u = t[:, 64:320].reshape(-1, 16, 16)
        score, size = (np.clip(sigmoid(self.tower(u, n)), 1e-4, 1 - 1e-4) for n in ('ctr', 'size'))
        return score, size, self.tower(u, 'offset')
