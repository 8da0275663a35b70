#!/usr/bin/python3
"""Unpacks picture archives to the PGM files that the shard generator reads.

    pictures.py OUT backgrounds.zip objects.zip ...

A PNG with alpha becomes NAME.pgm and NAME.alpha.pgm (a cut-out), any other picture NAME.pgm (a background).
"""
import os
import sys
import zipfile

import cv2
import numpy as np


def main(out, *archives):
    os.makedirs(out, exist_ok=True)
    count = 0
    for archive in archives:
        with zipfile.ZipFile(archive) as pack:
            for entry in pack.namelist():
                name, kind = os.path.splitext(os.path.basename(entry))
                if kind.lower() not in ('.png', '.jpg', '.jpeg'):
                    continue
                image = cv2.imdecode(np.frombuffer(pack.read(entry), np.uint8), cv2.IMREAD_UNCHANGED)
                alpha = image[..., 3] if image.ndim == 3 and image.shape[2] == 4 else None
                gray = image if image.ndim == 2 else cv2.cvtColor(image[..., :3], cv2.COLOR_BGR2GRAY)
                cv2.imwrite(os.path.join(out, f'{name}.pgm'), gray)
                if alpha is not None:
                    cv2.imwrite(os.path.join(out, f'{name}.alpha.pgm'), alpha)
                count += 1
    print(count, 'pictures')


if __name__ == '__main__':
    main(*sys.argv[1:])
