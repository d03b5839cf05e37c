const orders = new WeakMap()

/** Records by their score: sorted once for all resamples, which weigh the same records. */
function orderOf(records) {
  if (!orders.has(records))
    orders.set(
      records,
      Uint32Array.from(records.keys()).sort((a, b) => records[a][0] - records[b][0]),
    )
  return orders.get(records)
}

/** Area under the ROC curve, of records [score, label]: the share of pairs of a positive and a negative that are in order. */
export function auc(records, weights) {
  const order = orderOf(records)
  let [below, wins, positives] = [0, 0, 0]
  for (let i = 0; i < order.length; ) {
    let [tiedNegatives, tiedPositives] = [0, 0]
    const score = records[order[i]][0]
    for (; i < order.length && records[order[i]][0] === score; i++) {
      const weight = weights ? weights[order[i]] : 1
      if (records[order[i]][1] === 1) tiedPositives += weight
      else tiedNegatives += weight
    }
    wins += tiedPositives * (below + tiedNegatives / 2)
    below += tiedNegatives
    positives += tiedPositives
  }
  return wins / (below * positives)
}
