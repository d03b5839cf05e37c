"""The mean average precision of COCO for each case of stdin, by size of the boxes; −1 where there is none."""
import contextlib
import io
import json
import sys
from importlib.metadata import version

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def bbox(corners):
    x0, y0, x1, y1 = corners
    return [x0, y0, x1 - x0, y1 - y0]


def stats(case):
    truths, found = [], []
    for i, image in enumerate(case['images']):
        for box in image['expected']:
            own = {'bbox': bbox(box['box']), 'area': box['area'], 'iscrowd': int(box['isCrowd'])}
            truths.append({'id': len(truths) + 1, 'image_id': i + 1, 'category_id': box['class'] + 1, **own})
        for box in image['detected']:
            found.append({'image_id': i + 1, 'category_id': box['class'] + 1, 'bbox': bbox(box['box']), 'score': box['score']})
    if not found:
        return None
    coco = COCO()
    coco.dataset = {
        'images': [{'id': i + 1, 'width': 800, 'height': 800} for i in range(len(case['images']))],
        'annotations': truths,
        'categories': [{'id': i + 1, 'name': str(i)} for i in range(case['classes'])],
    }
    coco.createIndex()
    evaluation = COCOeval(coco, coco.loadRes(found), 'bbox')
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return dict(zip(['all', 'small', 'medium', 'large'], [float(evaluation.stats[i]) for i in (0, 3, 4, 5)]))


cases = json.load(sys.stdin)
with contextlib.redirect_stdout(io.StringIO()):
    all_stats = [stats(case) for case in cases]
print(json.dumps({'version': version('pycocotools'), 'stats': all_stats}))
