"""The forward pass, once, for whatever carries it out: torch in floats, torch on integers, or a builder of ONNX graphs.

`ops` offers: stem(z, x, layer) on the canvas; spike(u, name); conv(s, layer) and linear(s, layer), which return spikes or
a membrane as the layer says; add(a, b, name); tokens(u); attention(qkv, name); maps(tokens) and join(maps), between tokens
and the maps of template, search region and the four spare tokens; search_map(tokens); output(y, name).
Attention is reassociated: with no softmax between them, (q k') v = q (k' v).
"""
from layout import HEADS, TOWERS


def attention_scale(channels):
    """Factor on whole-number q k' v: 2 d^-1/2 with d = C / 8, and a quarter for each of the three spikes."""
    return 2 * (channels / HEADS) ** -0.5 / 64


def forward(ops, layers, z, x):
    """z [B, 3, 128, 128], x [B, 3, 256, 256] -> {'score' | 'offset' | 'size': logits [B, 1 | 2 | 2, 16, 16]}"""
    u = ops.stem(z, x, layers['downsample1_1'])
    u = conv_block(ops, layers, u, 'ConvBlock1_1')
    u = ops.conv(ops.spike(u, 'downsample1_2.in'), layers['downsample1_2'])
    u = conv_block(ops, layers, u, 'ConvBlock1_2')
    u = ops.conv(ops.spike(u, 'downsample2.in'), layers['downsample2'])
    u = conv_block(ops, layers, u, 'ConvBlock2_1')
    u = conv_block(ops, layers, u, 'ConvBlock2_2')
    u = ops.conv(ops.spike(u, 'downsample3.in'), layers['downsample3'])
    u = ops.tokens(u)
    for i in range(6):
        u = attention_block(ops, layers, u, f'block3.{i}')
    u = ops.join([ops.conv(part, layers['downsample4']) for part in ops.maps(ops.spike(u, 'downsample4.in'))])
    for i in range(2):
        u = attention_block(ops, layers, u, f'block4.{i}')
    s = ops.spike(ops.search_map(u), 'head.in')
    maps = {}
    for tower, _ in TOWERS:
        y = s
        for i in range(1, 6):
            y = ops.conv(y, layers[f'{tower}.conv{i}'])
        name = 'score' if tower == 'ctr' else tower
        maps[name] = ops.output(y, f'{name}_logit')
    return maps


def conv_block(ops, layers, u, name):
    a = ops.spike(u, f'{name}.in')
    for part in ('pwconv1', 'dwconv', 'pwconv2'):
        a = ops.conv(a, layers[f'{name}.{part}'])
    u = ops.add(u, a, f'{name}.mixed')
    b = ops.conv(ops.spike(u, f'{name}.conv1.in'), layers[f'{name}.conv1'])
    return ops.add(u, ops.conv(b, layers[f'{name}.conv2']), f'{name}.done')


def attention_block(ops, layers, u, name):
    qkv = ops.linear(ops.spike(u, f'{name}.in'), layers[f'{name}.qkv'])
    o = ops.attention(qkv, name)
    u = ops.add(u, ops.linear(o, layers[f'{name}.proj']), f'{name}.attended')
    h = ops.linear(ops.spike(u, f'{name}.fc1.in'), layers[f'{name}.fc1'])
    return ops.add(u, ops.linear(h, layers[f'{name}.fc2']), f'{name}.done')
