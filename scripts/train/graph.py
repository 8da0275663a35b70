"""The tracker, layer by layer, told to a builder: onnx_builder.py makes graphs of it, describe.py makes network.json.

One walk for all of them, so that what runs and what is described cannot differ.
"""
import grid
import net as tracker_net

SIDES = dict(z=8, x=16)
CROPS = dict(z=64, x=128)


def features(g, p, crop, image):
    layer = p['layers'][crop]
    u = g.offset(g.conv(image, layer['stem'], 'stem'), grid.HALF_STEP, 'membrane0')
    u = g.add(u, g.conv(g.spike(u, 'spikes0'), layer['res1'], 'res1'), 'membrane1')
    u = g.add(u, g.conv(g.spike(u, 'spikes1'), layer['res2'], 'res2'), 'membrane2')
    u = g.offset(g.conv(g.spike(u, 'spikes2'), layer['down'], 'down'), p[f'place_{crop}'], 'membrane3')
    u = g.add(u, g.conv(g.spike(u, 'spikes3'), layer['res3'], 'res3'), 'membrane4')
    return g.add(u, g.conv(g.spike(u, 'spikes4'), layer['res4'], 'res4'), 'membrane5')


def project_qkv(g, p, u, i, *, crop):
    """-> q [B, H, d, T] and the attention sums v k' [B, H, d, d]."""
    d, tokens, n = p['channels'] // p['heads'], SIDES[crop] ** 2, f'block{i}'
    spikes = g.conv(g.spike(u, f'{n}.in'), p['layers'][crop][f'blocks.{i}.qkv'], f'{n}.qkv')
    q, k, v = g.heads(spikes, p['heads'], shape=[d, tokens], name=n)
    return q, g.product(v, k, f'{n}.own', groups=p['heads'], rows=d, inner=tokens, columns=d, transpose_b=True)


def update(g, p, u, i, *, crop, q, sums, shift):
    c, heads, side = p['channels'], p['heads'], SIDES[crop]
    n, layer = f'block{i}', p['layers'][crop]
    o = g.product(sums, q, f'{n}.read', groups=heads, rows=c // heads, inner=c // heads, columns=side**2, shift=shift)
    o = g.biased(o, p['attention_bias'][crop][i], f'{n}.read_membrane', shape=[c, side, side], heads=heads)
    u = g.add(u, g.conv(g.spike(o, f'{n}.out'), layer[f'blocks.{i}.project'], f'{n}.project'), f'{n}.attended')
    h = g.conv(g.spike(u, f'{n}.mlp'), layer[f'blocks.{i}.expand'], f'{n}.expand')
    return g.add(u, g.conv(h, layer[f'blocks.{i}.reduce'], f'{n}.reduce'), f'{n}.done')


def template(g, p):
    """crop u8 [B, 4, 64, 64] -> key [B, 64, C], sums0.. [B, H, d, d]"""
    c, d = p['channels'], p['channels'] // p['heads']
    image = g.crop([tracker_net.PLANES, CROPS['z'], CROPS['z']])
    u = features(g, p, 'z', image)
    k = g.conv(g.spike(u, 'spikes5'), p['layers']['z']['key'], 'key_spikes')
    gated = g.minimum(k, g.conv(image, p['mask'], 'mask', raw=True), 'key_gated')
    g.transpose(gated, 'key', shape=[c, 64])
    g.output('key', [64, c])
    for i in range(p['blocks']):
        q, own = project_qkv(g, p, u, i, crop='z')
        g.output(f'sums{i}', [p['heads'], d, d], of=own)
        if i + 1 < p['blocks']:
            u = update(g, p, u, i, crop='z', q=q, sums=own, shift=tracker_net.ATTENTION_SHIFT_Z)
    return g


def search(g, p):
    """crop u8 [B, 4, 128, 128], key, sums0.. -> score_logit, size_logit, offset_logit [B, 1|2|2, 16, 16]"""
    c, d, layer = p['channels'], p['channels'] // p['heads'], p['layers']['x']
    image = g.crop([tracker_net.PLANES, CROPS['x'], CROPS['x']])
    key = g.state('key', [64, c], kind='spikes', high=grid.DEPTH)
    sums = [g.state(f'sums{i}', [p['heads'], d, d], kind='product', high=64 * grid.DEPTH**2) for i in range(p['blocks'])]
    u = features(g, p, 'x', image)
    query = g.tokens(g.conv(g.spike(u, 'spikes5'), layer['query'], 'query_spikes'), [c, 256], 'query')
    match = g.product(key, query, 'match', rows=64, inner=c, columns=256, shift=tracker_net.CORRELATION_SHIFT)
    match = g.spike(g.biased(match, p['match_bias'], 'match_membrane', shape=[64, 16, 16]), 'match_spikes')
    moved = g.conv(match, layer['gather'], 'gather')
    u = g.add(u, g.conv(moved, layer['merge'], 'merge'), 'membrane6')
    for i in range(p['blocks']):
        q, own = project_qkv(g, p, u, i, crop='x')
        total = g.add(own, sums[i], f'block{i}.total')
        u = update(g, p, u, i, crop='x', q=q, sums=total, shift=tracker_net.ATTENTION_SHIFT_X)
    u = g.add(u, g.conv(g.spike(u, 'head.in'), layer['head'], 'head'), 'membrane7')
    h = g.spike(u, 'spikes7')
    towers = {branch: g.conv(h, layer[f'head_{branch}'], f'head_{branch}') for branch in ('score', 'box')}
    for branch, name, channels in (('score', 'score', 1), ('box', 'size', 2), ('box', 'offset', 2)):
        g.logits(towers[branch], p['logits'][name], f'{name}_logit')
        g.output(f'{name}_logit', [channels, SIDES['x'], SIDES['x']])
    return g


PARTS = dict(template=template, search=search)
