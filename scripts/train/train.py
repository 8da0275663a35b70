#!/usr/bin/python3
"""Trains the tracker for a given time on a folder of shards that may still grow; see README.md.

Two phases: floats with batch-norm, then (from --exact-from of the time) frozen, folded statistics and the exact
integer grid with straight-through gradients. The exported network is the average of the weights over the steps.
"""
import argparse
import copy
import json
import math
import os
import platform
import time

import numpy as np
import torch

import data
from losses import decode, iou_and_giou, losses
from net import Tracker, count_parameters
from net_conv import ConvTracker


def options():
    p = argparse.ArgumentParser()
    p.add_argument('--shards', required=True, help='folder of training shards')
    p.add_argument('--val', required=True, help='folder of validation shards')
    p.add_argument('--out', required=True, help='folder for last.pt, best.pt and log.jsonl')
    p.add_argument('--seconds', type=float, required=True, help='wall-clock length of the whole run')
    p.add_argument('--resume', action='store_true', help='continue from OUT/last.pt, within the same time plan')
    p.add_argument('--init', help='start from the averaged weights of this checkpoint')
    p.add_argument('--network', choices=['compact', 'conv'], default='compact', help='conv: for small chips, of one size')
    p.add_argument('--exact-from', type=float, default=0.7)
    p.add_argument('--rate', type=float, default=1.5e-3)
    p.add_argument('--batch', type=int, default=16)
    p.add_argument('--channels', type=int, default=96)
    p.add_argument('--stem-channels', type=int, default=32)
    p.add_argument('--blocks', type=int, default=2)
    p.add_argument('--seed', type=int, default=0)
    return p.parse_args()


# A GPU is used where there is one; batches are made on the CPU either way.
DEVICE = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
# The exact phase needs sums of whole numbers to be whole numbers.
torch.backends.cudnn.allow_tf32 = False


def planes(bytes_):
    return torch.from_numpy(bytes_).to(DEVICE).float().contiguous(memory_format=torch.channels_last)


def machine():
    if DEVICE.type == 'cuda':
        return torch.cuda.get_device_name()
    return f'{os.cpu_count()} cores {platform.machine()}, one thread'


def evaluate(net, rows, size=32):
    """One-shot metrics on fixed rows (z, x, box, visible)."""
    net.eval()
    overlaps, errors, scores = [], [], []
    with torch.no_grad():
        for i in range(0, len(rows[0]), size):
            z, x, box, visible = (r[i:i + size] for r in rows)
            found, score = decode(*net(planes(z), planes(x)))
            truth = torch.from_numpy(box).to(DEVICE)
            overlaps.append(iou_and_giou(found, truth)[0])
            distance = ((found[:, :2] + found[:, 2:] - truth[:, :2] - truth[:, 2:]) / 2).norm(dim=1)
            errors.append(distance / (truth[:, 2:] - truth[:, :2]).prod(1).sqrt().clamp_min(1e-6))
            scores.append(score)
    seen = torch.from_numpy(rows[3]) > 0.5
    overlaps, errors, score = (torch.cat(rows).cpu() for rows in (overlaps, errors, scores))
    iou, error = overlaps[seen], errors[seen]
    hidden = score[~seen]
    metrics = dict(iou=float(iou.mean()), success50=float((iou > 0.5).float().mean()),
                   success75=float((iou > 0.75).float().mean()), near=float((error < 0.25).float().mean()))
    if len(hidden):
        # How often a visible target scores above a hidden one: 0.5 is chance.
        metrics['visible_above_hidden'] = float((score[seen][:, None] > hidden[None]).float().mean())
    return metrics


def baseline(rows):
    """IoU of the previous box, which sits in the middle of the crop: what a tracker gets that never moves."""
    seen = rows[3] > 0.5
    x = rows[1][seen][:, 3].astype(np.float32)
    boxes = []
    for mask in x:
        columns, lines = mask.max(0) / 255, mask.max(1) / 255
        left, top = np.argmax(columns > 0.5), np.argmax(lines > 0.5)
        boxes.append([left, top, left + columns.sum(), top + lines.sum()])
    found = torch.tensor(np.array(boxes, np.float32) / 128)
    return float(iou_and_giou(found, torch.from_numpy(rows[2][seen]))[0].mean())


def optimiser(net, rate):
    kernels = [p for p in net.parameters() if p.dim() == 4 and p.shape[-1] != 16 and p.shape[0] > 1]
    chosen = {id(p) for p in kernels}
    rest = [p for p in net.parameters() if id(p) not in chosen]
    return torch.optim.AdamW([dict(params=kernels, weight_decay=1e-3), dict(params=rest, weight_decay=0.0)], lr=rate)


def update_average(average, net, step):
    decay = min(0.9985, (step + 1) / (step + 20))
    with torch.no_grad():
        own = average.state_dict()
        for name, value in net.state_dict().items():
            own[name].lerp_(value, 1 - decay)


def freeze(net, average, pool, rng):
    """The averaged weights, with fresh statistics measured on them, become the exact network that training goes on with."""
    net.load_state_dict(average.state_dict())
    net.train()
    with torch.no_grad():
        for _ in range(60):
            z, x, _, _ = data.batch(pool, 16, rng)
            net(planes(z), planes(x))
    average.load_state_dict(net.state_dict())
    for n in (net, average):
        n.set_exact()
        n.eval()


def main():
    o = options()
    torch.manual_seed(o.seed)
    torch.set_num_threads(1)
    rng = np.random.default_rng(o.seed + 1)
    os.makedirs(o.out, exist_ok=True)
    last, best = os.path.join(o.out, 'last.pt'), os.path.join(o.out, 'best.pt')
    pool, val = data.ShardPool(o.shards), data.ShardPool(o.val)
    picks = np.linspace(0, len(val) - 1, min(512, len(val))).astype(int)
    samples = [val.sample(int(i)) for i in picks]
    rows = [np.stack([s[k] for s in samples]) for k in ('z', 'x', 'box', 'visible')]
    net = ConvTracker() if o.network == 'conv' else Tracker(o.stem_channels, o.channels, o.blocks)
    net = net.to(DEVICE, memory_format=torch.channels_last)
    earlier = None
    if o.init:
        begun = torch.load(o.init, map_location=DEVICE)
        net.load_state_dict(begun['average'])
        earlier = begun.get('record')
    average = copy.deepcopy(net)
    opt = optimiser(net, o.rate)
    step, before, top, exact = 0, 0.0, 0.0, False
    if o.resume:
        if not os.path.exists(last):
            raise SystemExit(f'nothing to resume: there is no {last}')
        state = torch.load(last, map_location=DEVICE)
        net.load_state_dict(state['net'])
        average.load_state_dict(state['average'])
        opt.load_state_dict(state['optimiser'])
        step, before, top, exact = state['step'], state['elapsed'], state['top'], state['exact']
        rng = np.random.default_rng(o.seed + 1 + step)
        if exact:
            for n in (net, average):
                n.set_exact()
    unmoved = baseline(rows)
    print('parameters', count_parameters(net), 'pool', len(pool), 'validation', len(samples), 'unmoved box IoU %.3f' % unmoved, flush=True)
    start = time.time()
    seen = evaluated = start
    totals, count = np.zeros(4), 0
    log = open(os.path.join(o.out, 'log.jsonl'), 'a')

    def report(elapsed):
        nonlocal top
        metrics = evaluate(average, rows)
        line = dict(elapsed=round(elapsed), samples=step * o.batch, pool=len(pool), exact=exact,
                    **{k: round(v, 4) for k, v in metrics.items()})
        print(line, flush=True)
        log.write(json.dumps(line) + '\n')
        log.flush()
        record = {
            'data': f'{len(pool)} pairs of simulated scenes through the runtime\'s filters, aggregation and crop',
            'steps': step, 'samples': step * o.batch, 'hours': round(elapsed / 3600, 2),
            'machine': machine(), 'started_from': earlier and {k: earlier[k] for k in ('samples', 'hours', 'data')},
            'finished': time.strftime('%Y-%m-%d'), 'exact': exact,
            'recipe': f'AdamW {o.rate}, cosine, batch {o.batch}, exact integers from {o.exact_from:.0%} of the time',
            'metrics': dict({k: round(v, 3) for k, v in metrics.items()}, unmoved_box_iou=round(unmoved, 3),
                            pairs=len(samples)),
        }
        state = dict(net=net.state_dict(), average=average.state_dict(), optimiser=opt.state_dict(), sizes=net.sizes,
                     step=step, elapsed=elapsed, top=top, exact=exact, record=record)
        if exact and metrics['iou'] > top:
            top = state['top'] = metrics['iou']
            weights = {name: value.cpu() for name, value in state['average'].items()}
            torch.save(dict(average=weights, sizes=net.sizes, record=record), best)
        torch.save(state, last + '.tmp')
        os.replace(last + '.tmp', last)

    while True:
        elapsed = before + time.time() - start
        share = elapsed / o.seconds
        if share >= 1:
            break
        if share >= o.exact_from and not exact:
            freeze(net, average, pool, rng)
            exact = True
            opt = optimiser(net, o.rate)
            report(elapsed)
        rate = o.rate * min(1.0, (step + 5) / 300) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))
        for group in opt.param_groups:
            group['lr'] = rate
        net.train(not exact)
        z, x, box, visible = data.batch(pool, o.batch, rng)
        score, found = net(planes(z), planes(x))
        focal, giou, l1 = losses(score, found, torch.from_numpy(box).to(DEVICE), torch.from_numpy(visible).to(DEVICE))
        loss = focal + 2 * giou + 5 * l1
        opt.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        opt.step()
        step += 1
        update_average(average, net, step)
        totals += [float(focal), float(giou), float(l1), float(norm)]
        count += 1
        if time.time() - seen > 30:
            print(step, '%.0fs' % elapsed, 'focal %.3f giou %.3f l1 %.4f norm %.2f' % tuple(totals / count), 'rate %.1e' % rate, flush=True)
            totals[:], count, seen = 0, 0, time.time()
            pool.refresh()
        if time.time() - evaluated > 180:
            report(elapsed)
            evaluated = time.time()
    report(o.seconds)


if __name__ == '__main__':
    main()
