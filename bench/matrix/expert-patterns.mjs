// Mixtures of experts that are written out, as exporters and people write them: a stretch of the graph for each expert, or weights of all experts in one tensor.

const [D, E, F] = [16, 4, 12]
const flat = (b) => b.input('x', ['N', D])
const all = Array.from({ length: E }, (_, e) => e)

/** What one expert makes of tokens. */
const network = (b, x) => b.linear(b.relu(b.linear(x, D, F)), F, D)

/** The same with a gate, as language models have it. */
const gated = (b, x) => {
  const [up, gate] = [0, 1].map(() => b.linear(x, D, F, { bias: false }))
  return b.linear(b.mul(b.silu(gate), up), F, D, { bias: false })
}

/** The largest two along the last axis, with their places. */
const best = (b, x, k = 2) => {
  b.from(10)
  return b.nodes('TopK', [x, b.ints([k])], 2, 'axis = -1')
}

const router = (b, x) => b.linear(x, D, E, { bias: false })
const normalised = (b, shares) => b.node('Div', [shares, b.sum(shares, [1])])
const end = (b, x, y) => b.output(b.linear(b.add(x, y), D, 4), 2)
const zerosLike = (b, x) => b.node('ConstantOfShape', [b.node('Shape', [x])], `value = ${b.float}[1] {0.0}`)

/** Shares at the places of the experts, 0 elsewhere: [tokens, experts]. */
const scattered = (b, logits, shares, places) => {
  b.from(11)
  return b.node('ScatterElements', [zerosLike(b, logits), places, shares], 'axis = 1')
}

const oneHot = (b, places, type) => {
  b.from(9)
  const values = b.ints([0, 1], type)
  return b.node('OneHot', [places, b.scalar(E, 'int64'), values], 'axis = -1')
}

/** [experts, tokens, D], of weights [experts, in, out]. */
const stacked = (b, x, count = E) => {
  const h = b.relu(b.add(b.node('MatMul', [b.unsqueeze(x, [0]), b.tensor([count, D, F])]), b.tensor([count, 1, F])))
  return b.node('MatMul', [h, b.tensor([count, F, D])])
}

/** Three groups of four experts, two of which are open: bool[tokens, experts], by a number for each group. */
const opened = (b, numbers) => {
  const [, chosen] = best(b, numbers)
  const ones = b.node('ConstantOfShape', [b.node('Shape', [chosen])], 'value = float[1] {1.0}')
  const mask = b.node('ScatterElements', [zerosLike(b, numbers), chosen, ones], 'axis = 1')
  const wide = b.node('Expand', [b.unsqueeze(mask, [2]), b.ints([1, 3, 4])])
  return b.node('Cast', [b.reshape(wide, [-1, 12])], 'to = 9')
}

/** Sums what experts [experts, tokens, D] make, by shares [tokens, experts]. */
const weighted = (b, y, shares) => b.sum(b.mul(y, b.unsqueeze(b.transpose(shares, [1, 0]), [2])), [0], 0)

export const EXPERTS = {
  'experts written out, tokens gathered as torch exports them': (b) => {
    b.from(11)
    const x = b.relu(b.linear(flat(b), D, D))
    const [top, places] = best(b, b.softmax(router(b, x), 2))
    const shares = normalised(b, top)
    const masks = b.transpose(oneHot(b, places, 'int64'), [2, 1, 0])
    let sum = zerosLike(b, x)
    for (const e of all) {
      const [slot, token] = b.split(b.node('NonZero', [b.node('Gather', [masks, b.scalar(e, 'int64')], 'axis = 0')]), [1, 1], 0)
      const tokens = b.squeeze(token, [0])
      const share = b.node('GatherND', [shares, b.transpose(b.concat([token, slot], 0), [1, 0])])
      const y = b.mul(gated(b, b.node('Gather', [x, tokens], 'axis = 0')), b.unsqueeze(share, [1]))
      const more = b.add(b.node('Gather', [sum, tokens], 'axis = 0'), y)
      sum = b.node('ScatterND', [sum, b.transpose(token, [1, 0]), more])
    }
    end(b, x, sum)
  },
  'experts written out, compared with their numbers': (b) => {
    b.from(11)
    const x = b.relu(b.linear(flat(b), D, D))
    const [top, places] = best(b, router(b, x))
    const shares = b.softmax(top, 2)
    const parts = all.map((e) => {
      const mask = b.node('Cast', [b.node('Equal', [places, b.scalar(e, 'int64')])], `to = ${b.to}`)
      return b.mul(network(b, x), b.sum(b.mul(shares, mask), [1]))
    })
    end(
      b,
      x,
      parts.reduce((one, two) => b.add(one, two)),
    )
  },
  'experts written out, chosen by where': (b) => {
    b.from(11)
    const x = b.relu(b.linear(flat(b), D, D))
    const logits = router(b, x)
    const place = b.node('ArgMax', [logits], 'axis = 1, keepdims = 1')
    const y = all.reduce(
      (sum, e) => b.node('Where', [b.node('Equal', [place, b.scalar(e, 'int64')]), network(b, x), sum]),
      zerosLike(b, x),
    )
    end(b, x, b.mul(y, b.node('ReduceMax', [b.softmax(logits, 2)], 'axes = [1], keepdims = 1')))
  },
  'experts written out, side by side': (b) => {
    const x = b.relu(b.linear(flat(b), D, D))
    const logits = router(b, x)
    const [top, places] = best(b, b.softmax(logits, 2))
    const shares = scattered(b, logits, top, places)
    const y = b.concat(
      all.map(() => b.unsqueeze(gated(b, x), [1])),
      1,
    )
    end(b, x, b.sum(b.mul(y, b.unsqueeze(shares, [2])), [1], 0))
  },
  'experts written out, with a shared one': (b) => {
    const x = b.relu(b.linear(flat(b), D, D))
    const logits = router(b, x)
    const [top, places] = best(b, b.softmax(logits, 2))
    const shares = scattered(b, logits, top, places)
    const parts = all.map((e) => b.mul(gated(b, x), b.slice(shares, 1, e, e + 1)))
    const shared = b.mul(gated(b, x), b.node('Sigmoid', [b.linear(x, D, 1)]))
    end(b, x, b.node('Sum', [...parts, shared]))
  },
  'experts stacked, scattered shares': (b) => {
    b.only('f32', 'f16')
    const x = b.relu(b.linear(flat(b), D, D))
    const logits = router(b, x)
    const [top, places] = best(b, logits)
    end(b, x, weighted(b, stacked(b, x), scattered(b, logits, b.softmax(top, 2), places)))
  },
  'experts stacked, one-hot and Einsum': (b) => {
    b.only('f32')
    b.from(12)
    const x = b.relu(b.linear(flat(b), D, D))
    const [top, places] = best(b, b.softmax(router(b, x), 2))
    const shares = b.node('Einsum', [top, oneHot(b, places, b.float)], 'equation = "tk,tke->te"')
    const h = b.relu(b.node('Einsum', [x, b.tensor([E, F, D])], 'equation = "td,efd->tef"'))
    end(
      b,
      x,
      b.node(
        'Einsum',
        [b.node('Einsum', [h, b.tensor([E, D, F])], 'equation = "tef,edf->ted"'), shares],
        'equation = "ted,te->td"',
      ),
    )
  },
  'experts stacked, gathered for each token': (b) => {
    b.only('f32', 'f16')
    const x = b.relu(b.linear(flat(b), D, D))
    const [top, places] = best(b, router(b, x))
    const own = (shape) => b.node('Gather', [b.tensor([E, ...shape]), places], 'axis = 0')
    const h = b.relu(b.add(b.node('MatMul', [b.unsqueeze(x, [1, 2]), own([D, F])]), own([1, F])))
    const y = b.squeeze(b.node('MatMul', [h, own([F, D])]), [2])
    end(b, x, b.sum(b.mul(y, b.unsqueeze(b.softmax(top, 2), [2])), [1], 0))
  },
  'experts stacked, the best one': (b) => {
    b.only('f32', 'f16')
    b.from(11)
    const x = b.relu(b.linear(flat(b), D, D))
    const shares = b.softmax(router(b, x), 2)
    const isBest = b.node('Equal', [b.node('ArgMax', [shares], 'axis = 1, keepdims = 1'), b.ints(all)])
    end(b, x, weighted(b, stacked(b, x), b.mul(shares, b.node('Cast', [isBest], `to = ${b.to}`))))
  },
  'experts stacked, chosen by biased scores': (b) => {
    b.only('f32', 'f16')
    b.from(11)
    const x = b.relu(b.linear(flat(b), D, D))
    const scores = b.node('Sigmoid', [router(b, x)])
    const [, places] = best(b, b.add(scores, b.tensor([E])))
    const shares = normalised(b, b.node('GatherElements', [scores, places], 'axis = 1'))
    end(b, x, weighted(b, stacked(b, x), scattered(b, scores, shares, places)))
  },
  'experts chosen through two groups': (b) => {
    b.only('f32')
    b.from(11)
    const x = b.relu(b.linear(flat(b), D, D))
    const scores = router(b, x)
    const groups = b.node('ReduceMax', [b.reshape(scores, [-1, 2, E / 2])], 'axes = [2], keepdims = 0')
    const [, chosen] = best(b, groups, 1)
    const mask = b.node(
      'ScatterElements',
      [zerosLike(b, groups), chosen, b.node('ConstantOfShape', [b.node('Shape', [chosen])], 'value = float[1] {1.0}')],
      'axis = 1',
    )
    const open = b.reshape(b.mul(b.reshape(b.softmax(scores, 2), [-1, 2, E / 2]), b.unsqueeze(mask, [2])), [-1, E])
    const [top, places] = best(b, open)
    end(b, x, weighted(b, stacked(b, x), scattered(b, scores, top, places)))
  },
  'experts of three groups, as DeepSeek-V2 chooses them': (b) => {
    b.only('f32')
    b.from(11)
    const x = b.relu(b.linear(flat(b), D, D))
    const scores = b.softmax(b.linear(x, D, 12, { bias: false }), 2)
    const groups = b.node('ReduceMax', [b.reshape(scores, [-1, 3, 4])], 'axes = [2], keepdims = 0')
    const [shares, places] = best(b, b.node('Where', [opened(b, groups), scores, b.scalar(0)]))
    end(b, x, weighted(b, stacked(b, x, 12), scattered(b, scores, shares, places)))
  },
  'experts of three groups, as DeepSeek-V3 chooses them': (b) => {
    b.only('f32')
    b.from(11)
    const x = b.relu(b.linear(flat(b), D, D))
    const scores = b.node('Sigmoid', [b.linear(x, D, 12, { bias: false })])
    const biased = b.add(scores, b.tensor([12]))
    const [two] = best(b, b.reshape(biased, [-1, 3, 4]))
    const [, places] = best(b, b.node('Where', [opened(b, b.sum(two, [2], 0)), biased, b.scalar(-1e9)]))
    const shares = normalised(b, b.node('GatherElements', [scores, places], 'axis = 1'))
    end(b, x, weighted(b, stacked(b, x, 12), scattered(b, scores, shares, places)))
  },
}
