"""Losses and metrics of the CENTER head. Boxes are (left, top, right, bottom) as shares of the search crop."""
import torch

CELLS = 16


def decode_at(box_logits, index):
    """Box of one cell per sample: index [B] -> [B, 4]."""
    b = box_logits.flatten(2).gather(2, index.view(-1, 1, 1).expand(-1, 4, 1))[..., 0].sigmoid()
    cx, cy = (index % CELLS + b[:, 2]) / CELLS, (torch.div(index, CELLS, rounding_mode='floor') + b[:, 3]) / CELLS
    half_w, half_h = b[:, 0] / 2, b[:, 1] / 2
    return torch.stack([cx - half_w, cy - half_h, cx + half_w, cy + half_h], 1)


def decode_around(score, box_logits, index):
    """Box of the 3 x 3 cells around one cell per sample, each weighted by its squared score: index [B] -> [B, 4].

    One cell's offset cannot point out of the cell, and the best cell is often the true one's neighbour; the mean of what
    the neighbours say is right where each alone is off. The runtime decodes in the same way.
    """
    b, _, rows, columns = box_logits.shape
    x, y = index % columns, torch.div(index, columns, rounding_mode='floor')
    weights, centers, sizes = 0.0, 0.0, 0.0
    flat, p = box_logits.flatten(2), score.flatten(1).sigmoid()
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            inside = (x + dx >= 0) & (x + dx < columns) & (y + dy >= 0) & (y + dy < rows)
            cx, cy = (x + dx).clamp(0, columns - 1), (y + dy).clamp(0, rows - 1)
            at = cy * columns + cx
            cell = flat.gather(2, at.view(-1, 1, 1).expand(-1, 4, 1))[..., 0].sigmoid()
            w = (p.gather(1, at[:, None]) ** 2 * inside[:, None]).clamp_min(1e-8)
            weights = weights + w
            centers = centers + w * (cell[:, 2:] + torch.stack([cx, cy], 1)) / columns
            sizes = sizes + w * cell[:, :2].clamp_min(1e-4).log()
    center, half = centers / weights, (sizes / weights).exp() / 2
    return torch.cat([center - half, center + half], 1)


def iou_and_giou(a, b):
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    inter = (high - low).clamp_min(0).prod(1)
    union = (a[:, 2:] - a[:, :2]).clamp_min(0).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - inter
    iou = inter / union.clamp_min(1e-9)
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(1)
    return iou, iou - (hull - union) / hull.clamp_min(1e-9)


def target_map(box):
    """Gaussian around the true centre's cell, radius a sixth of the box; exactly 1 at that cell. -> ([B, S, S], cell)"""
    center, size = (box[:, :2] + box[:, 2:]) / 2 * CELLS, box[:, 2:] - box[:, :2]
    cell = center.floor().clamp(0, CELLS - 1)
    sigma = (size * CELLS / 6).clamp_min(0.45)
    r = torch.arange(CELLS, dtype=box.dtype, device=box.device)
    g = torch.exp(-((r[None, None] - cell[..., None]) ** 2) / (2 * sigma[..., None] ** 2))
    return g[:, 1, :, None] * g[:, 0, None, :], (cell[:, 1] * CELLS + cell[:, 0]).long()


def losses(score, box_logits, box, visible):
    """-> focal, GIoU and L1 terms; a hidden target wants an empty score map and has no box."""
    heat, index = target_map(box)
    heat = heat * visible.view(-1, 1, 1)
    p = score[:, 0].sigmoid().clamp(1e-4, 1 - 1e-4)
    hit = heat.eq(1).float()
    focal = -(torch.log(p) * (1 - p) ** 2 * hit + torch.log(1 - p) * p**2 * (1 - heat) ** 4 * (1 - hit)).sum() / len(box)
    weight = visible / visible.sum().clamp_min(1)
    center_size = lambda b: torch.cat([(b[:, :2] + b[:, 2:]) / 2, b[:, 2:] - b[:, :2]], 1)
    giou_loss, l1_loss = 0.0, 0.0
    for found in (decode_at(box_logits, index), decode_around(score, box_logits, index)):
        _, giou = iou_and_giou(found, box)
        giou_loss = giou_loss + ((1 - giou) * weight).sum() / 2
        l1_loss = l1_loss + ((center_size(found) - center_size(box)).abs().mean(1) * weight).sum() / 2
    return focal, giou_loss, l1_loss


def decode(score, box_logits):
    """-> boxes [B, 4] around the best cells and the scores [B] of these."""
    value, index = score[:, 0].flatten(1).max(1)
    return decode_around(score, box_logits, index), value.sigmoid()
