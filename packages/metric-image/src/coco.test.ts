import { type MetricSample, type SampleBoxes, sampleOf } from '@pare/metric'
import { metricValue, missingPython, python, randomNumbers, testMetric } from '@pare/testing'
import { expect, test } from 'vitest'
import { map } from './map.js'

const SIZES = ['all', 'small', 'medium', 'large'] as const
const images = cocoImages()
for (const size of SIZES) testMetric(() => map({ size }), { samples: images.map(sampleFor) })

function sampleFor(boxes: SampleBoxes): MetricSample {
  return sampleOf({ rows: [], places: 1, isSingle: true, boxes })
}

/** Boxes of all sizes; some crowds, and some things that are smaller than their box. */
function cocoImages(): SampleBoxes[] {
  const random = randomNumbers(11)
  const boxOf = (side: number) => {
    const [x, y] = [300 * random(), 300 * random()]
    return Float64Array.of(x, y, x + side * (0.5 + random()), y + side * (0.5 + random()))
  }
  return Array.from({ length: 25 }, () => {
    const expected = Array.from({ length: 6 }, () => {
      const box = boxOf([12, 30, 70, 100, 150][Math.floor(5 * random())]!)
      const area = (box[2]! - box[0]!) * (box[3]! - box[1]!) * (0.6 + 0.4 * random())
      return { box, class: Math.floor(3 * random()), isCrowd: random() < 0.15, area }
    })
    const near = expected.flatMap(({ box, class: own }) =>
      Array.from({ length: random() < 0.7 ? 2 : 0 }, () => {
        const moved = box.map((value, at) => value + (random() - 0.5) * 0.25 * (box[(at % 2) + 2]! - box[at % 2]!))
        return { box: moved, class: random() < 0.9 ? own : (own + 1) % 3, score: random() }
      }),
    )
    const stray = Array.from({ length: 2 }, () => ({ box: boxOf(60), class: Math.floor(3 * random()), score: 0.6 * random() }))
    return { expected, detected: [...near, ...stray] }
  })
}

test.skipIf(missingPython() !== undefined)(
  'crowds and sizes count as in COCOeval of pycocotools, which is written out here',
  () => {
    const given = {
      images: images.map(({ expected, detected }) => ({
        gt: expected.map(({ box, class: own, isCrowd, area }) => ({ box: [...box], cat: own, crowd: Number(isCrowd), area })),
        dt: detected.map(({ box, class: own, score }) => ({ box: [...box], cat: own, score })),
      })),
    }
    // evaluateImg and accumulate of cocoeval.py, with bbIou of maskApi.c.
    const values = python(
      `def area(b): return (b[2] - b[0]) * (b[3] - b[1])
def iou(d, g, crowd):
    w, h = min(d[2], g[2]) - max(d[0], g[0]), min(d[3], g[3]) - max(d[1], g[1])
    if w <= 0 or h <= 0: return 0
    return w * h / (area(d) if crowd else area(d) + area(g) - w * h)
thrs = np.linspace(.5, 0.95, int(np.round((0.95 - .5) / .05)) + 1, endpoint=True)
recs = np.linspace(.0, 1.00, int(np.round((1.00 - .0) / .01)) + 1, endpoint=True)
def evaluate(img, cat, rng):
    gt = [g for g in img['gt'] if g['cat'] == cat]
    dt = [d for d in img['dt'] if d['cat'] == cat]
    if not gt and not dt: return None
    ig = np.array([1 if g['crowd'] or g['area'] < rng[0] or g['area'] > rng[1] else 0 for g in gt])
    order = np.argsort(ig, kind='mergesort')
    gt, ig = [gt[i] for i in order], ig[order] if len(gt) else ig
    dt = [dt[i] for i in np.argsort([-d['score'] for d in dt], kind='mergesort')[:100]]
    ious = [[iou(d['box'], g['box'], g['crowd']) for g in gt] for d in dt]
    gtm, dtm, dti = np.zeros((len(thrs), len(gt))), np.zeros((len(thrs), len(dt))), np.zeros((len(thrs), len(dt)))
    for ti, t in enumerate(thrs):
        for di, d in enumerate(dt):
            best, m = min([t, 1 - 1e-10]), -1
            for gi, g in enumerate(gt):
                if gtm[ti, gi] > 0 and not g['crowd']: continue
                if m > -1 and ig[m] == 0 and ig[gi] == 1: break
                if ious[di][gi] < best: continue
                best, m = ious[di][gi], gi
            if m == -1: continue
            dti[ti, di], dtm[ti, di], gtm[ti, m] = ig[m], 1, 1
    out = np.array([area(d['box']) < rng[0] or area(d['box']) > rng[1] for d in dt]).reshape((1, len(dt)))
    dti = np.logical_or(dti, np.logical_and(dtm == 0, np.repeat(out, len(thrs), 0)))
    return dict(scores=[d['score'] for d in dt], dtm=dtm, dti=dti, ig=ig)
def ap(rng):
    precision = -np.ones((len(thrs), len(recs), 3))
    for cat in range(3):
        E = [e for e in (evaluate(img, cat, rng) for img in given['images']) if e is not None]
        if not E: continue
        inds = np.argsort(-np.concatenate([e['scores'] for e in E]), kind='mergesort')
        dtm, dti = np.concatenate([e['dtm'] for e in E], axis=1)[:, inds], np.concatenate([e['dti'] for e in E], axis=1)[:, inds]
        npig = np.count_nonzero(np.concatenate([e['ig'] for e in E]) == 0)
        if npig == 0: continue
        tps, fps = np.logical_and(dtm, np.logical_not(dti)), np.logical_and(np.logical_not(dtm), np.logical_not(dti))
        for t, (tp, fp) in enumerate(zip(np.cumsum(tps, axis=1).astype(float), np.cumsum(fps, axis=1).astype(float))):
            rc, pr, q = tp / npig, (tp / (fp + tp + np.spacing(1))).tolist(), np.zeros(len(recs))
            for i in range(len(tp) - 1, 0, -1):
                if pr[i] > pr[i - 1]: pr[i - 1] = pr[i]
            for ri, pi in enumerate(np.searchsorted(rc, recs, side='left')):
                if pi < len(pr): q[ri] = pr[pi]
            precision[t, :, cat] = q
    s = precision[precision > -1]
    return float(np.mean(s)) if len(s) else -1
result = [ap(r) for r in [[0, 1e10], [0, 32 ** 2], [32 ** 2, 96 ** 2], [96 ** 2, 1e10]]]`,
      given,
    ) as readonly number[]
    expect(new Set(values).size).toBe(4)
    for (const value of values) expect(value).toBeGreaterThan(0.05)
    const samples = images.map(sampleFor)
    expect(SIZES.map((size) => metricValue(map({ size }), samples))).toEqual(values.map((value) => expect.closeTo(value, 6)))
  },
)
