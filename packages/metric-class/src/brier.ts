import { chancesOf, classShares, defineMetric, probabilitiesOf } from '@pare/metric'

export const brier = defineMetric({
  name: 'brier',
  formula:
    'mean of ½ Σ over classes of (p − 1 where it is the label, 0 elsewhere)²; of several labels, mean over them of (p − label)²',
  create: () => ({
    better: 'lower',
    bounded: true,
    needs: { read: 'scores', against: 'class', many: true },
    of({ rows, label, scale, isSingle, isMany }) {
      if (isMany) return squares(chancesOf(rows[0]!, scale), (i) => label[i]!) / rows[0]!.length
      let total = 0
      for (const [i, row] of rows.entries()) {
        total += squares(probabilitiesOf(row, scale), (one) => Number(one === label[i])) / 2
      }
      return isSingle ? total : [total, rows.length]
    },
    combine: 'mean',
    blind: classShares(),
  }),
})

function squares(chances: ArrayLike<number>, truth: (i: number) => number): number {
  let sum = 0
  for (let i = 0; i < chances.length; i++) sum += (chances[i]! - truth(i)) ** 2
  return sum
}
