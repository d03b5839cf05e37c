// Judges cut models apart from core: which positions are gone is found by comparing weights, and in the original the factors that summed over them are zeroed.
import { editGraph, editModel, editNode, makeNode, makeTensor } from '@pare/onnx'
import { withoutBlocks } from './blocks.mjs'
import { keptPositions, restricted } from './positions.mjs'
import { routersOf, withoutChoices } from './routers.mjs'
import { apart, runModel } from './runs.mjs'
import { operandsOf, statisticsOf } from './weights.mjs'

/**
 * What a cut model is: { verdict: 'ok' | 'proved only' | 'wrong', note }. `original` has no functions; both run with `feeds`. 'proved only': an operator takes
 * statistics over what was removed, so that no factors in weights say the same.
 */
export async function judgeCut({ original, cut, feeds, tolerance }) {
  const twins = twinsOf(original, cut)
  const constants = constantValuesOf(original)
  const names = observed(twins, constants)
  const before = await runModel(original, feeds.slice(0, 1), names.original)
  const after = await runModel(cut, feeds.slice(0, 1), names.cut)
  const seen = { before: reader(before[0]), after: reader(after[0]) }
  const consumers = consumersOf(twins, seen, constants)
  const share = sharesOf(twins, seen, constants)
  const unseen = whatTakesStatistics(twins, seen, constants)
  if (consumers.unread.length > 0) unseen.push(...consumers.unread)
  if (consumers.foreign.length > 0)
    return { verdict: 'wrong', share, note: `the weight of ${consumers.foreign[0]} is no part of what it was` }
  const routers = routersOf(twins, seen, constants)
  const masked = withFactors(withoutChoices(withoutBlocks(original, cut, unseen), routers), consumers.masks)
  const outputs = comparedIn(original, cut)
  const plain = await runModel(original, feeds, outputs)
  const expected = await runModel(masked, feeds, outputs)
  const actual = await runModel(cut, feeds, outputs)
  const differences = expected.map((each, i) => apart(each, actual[i], { names: outputs, isFree: isCache }))
  const worst = Math.max(...differences.map((each) => each.worst))
  const moved = Math.max(...plain.map((each, i) => apart(each, actual[i], { names: outputs, isFree: isCache }).worst))
  const compared = Math.min(...differences.map((each) => each.compared))
  if (compared > 0 && worst <= tolerance)
    return { verdict: 'ok', share, note: moved <= tolerance ? 'the outputs did not move' : '' }
  const earlier = lastProducts(original, cut)
  const [one] = earlier.length === 0 ? [] : await runModel(masked, feeds.slice(0, 1), earlier)
  const [two] = earlier.length === 0 ? [] : await runModel(cut, feeds.slice(0, 1), earlier)
  if (one && apart(one, two, { names: earlier }).worst <= tolerance)
    return {
      verdict: 'ok',
      share,
      note: 'compared where weights are multiplied for the last time: what follows decides or saturates',
    }
  if (unseen.length > 0) return { verdict: 'proved only', share, note: [...new Set(unseen)].slice(0, 3).join(', ') }
  return {
    verdict: 'wrong',
    share,
    note: `outputs differ by ${worst.toExponential(1)} from the original without the removed factors`,
  }
}

const isCache = (name) => /present|cache|state/i.test(name)

/**
 * The outputs that both have, for the cache of a block goes with it; of functions that saturate, where the last digit is the run time's, what went into them.
 */
function comparedIn(original, cut) {
  const made = new Map(original.graph.nodes.map((node) => [node.outputs[0], node]))
  const left = new Set(cut.graph.nodes.flatMap(({ outputs }) => outputs))
  const kept = new Set(cut.graph.outputs.map(({ name }) => name))
  return original.graph.outputs
    .filter(({ name }) => kept.has(name) || !isCache(name))
    .map(({ name }) => {
      const node = made.get(name)
      const [input] = node?.inputs ?? []
      return /^(Sigmoid|HardSigmoid|Tanh)$/.test(node?.op ?? '') && left.has(input) ? input : name
    })
}

/** What the last products with weights on the way to each output make, where both models have it. */
function lastProducts(original, cut) {
  const made = new Map(original.graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node])))
  const left = new Set(cut.graph.nodes.flatMap(({ outputs }) => outputs))
  const found = new Set()
  const seen = new Set()
  const visit = (name) => {
    const node = made.get(name)
    if (node === undefined || seen.has(name)) return
    seen.add(name)
    if (operandsOf(node).length > 0) found.add(name)
    else for (const input of node.inputs) visit(input)
  }
  for (const { name } of original.graph.outputs) visit(name)
  return [...found].every((name) => left.has(name)) ? [...found] : []
}

/** Nodes of both models that make the same value. */
function twinsOf(original, cut) {
  const made = new Map(cut.graph.nodes.map((node) => [node.outputs.find((name) => name !== ''), node]))
  return original.graph.nodes.flatMap((node) => {
    const twin = made.get(node.outputs.find((name) => name !== ''))
    return twin?.op === node.op ? [{ node, twin }] : []
  })
}

/** Values that follow from stored numbers alone. */
function constantValuesOf({ graph }) {
  const inputs = new Set(graph.inputs.map(({ name }) => name))
  const constants = new Set(graph.initializers.map(({ name }) => name).filter((name) => !inputs.has(name)))
  for (const name of graph.sparseInitializers) constants.add(name)
  for (const node of graph.nodes) {
    const isNested = [...node.attributes.values()].some(({ kind }) => kind === 'graph' || kind === 'graphs')
    if (
      !isNested &&
      !/Random|Bernoulli|Multinomial/.test(node.op) &&
      node.inputs.every((name) => name === '' || constants.has(name))
    )
      for (const name of node.outputs) constants.add(name)
  }
  return constants
}

/** What is looked at in both models. */
function observed(twins, constants) {
  const names = { original: new Set(), cut: new Set() }
  for (const { node, twin } of twins) {
    node.inputs.forEach((name, i) => {
      if (name === '' || !twin.inputs[i]) return
      if (constants.has(name) && !operandsOf(node).some(({ input }) => input === i)) return
      names.original.add(name)
      names.cut.add(twin.inputs[i])
    })
    if (node.outputs[0]) {
      names.original.add(node.outputs[0])
      names.cut.add(node.outputs[0])
    }
  }
  return { original: [...names.original], cut: [...names.cut] }
}

const reader = (run) => (name) => run.get(name)

/** Outputs that weights make, and how many of these belong to weights that lost some: { conv: { cut, all }, product: { cut, all } }. */
function sharesOf(twins, { before, after }, constants) {
  const shares = { conv: { cut: 0, all: 0 }, product: { cut: 0, all: 0 } }
  for (const { node, twin } of twins) {
    const kind = /^Conv/.test(node.op) ? shares.conv : /^(MatMul|Gemm)$/.test(node.op) ? shares.product : undefined
    const [operand] = operandsOf(node).filter(({ input }) => constants.has(node.inputs[input] ?? ''))
    const whole = operand && before(node.inputs[operand.input])
    if (kind === undefined || whole === undefined) continue
    const [made, left] = [before, after].map((read, i) => read([node, twin][i].outputs[0])?.shape)
    const axis = kind === shares.conv ? 1 : (made?.length ?? 0) - 1
    if (made === undefined || left === undefined || axis < 0) continue
    kind.all += made[axis]
    if (left[axis] !== made[axis]) kind.cut += made[axis]
  }
  return shares
}

/** Nodes whose weight lost positions that it summed over: factors of 1 and 0 for what it is multiplied with. `unread`: where that cannot be told. */
function consumersOf(twins, { before, after }, constants) {
  const masks = []
  const unread = []
  const foreign = []
  for (const { node, twin } of twins)
    for (const operand of operandsOf(node)) {
      const name = node.inputs[operand.input]
      if (!name || !constants.has(name)) continue
      const [whole, part] = [before(name), after(twin.inputs[operand.input])]
      if (whole === undefined || part === undefined || whole.shape.join() === part.shape.join()) continue
      const factors = operand.axis === undefined || !/^float/.test(whole.type) ? undefined : factorsOf(operand, whole, part, twin)
      // Of a product of stored numbers alone one side is data: a table of places that is normalised before it meets a weight.
      const isData = operandsOf(node).some(({ input }) => input !== operand.input && constants.has(node.inputs[input] ?? ''))
      if (factors === 'foreign' && isData) unread.push(`${node.op} of what is computed from stored numbers`)
      else if (factors === 'foreign') foreign.push(`${node.op} '${node.name || node.outputs[0]}'`)
      else if (factors === undefined) unread.push(`${node.op} of ${whole.type}`)
      else if (factors !== 'nothing') masks.push({ node, input: operand.input, type: whole.type, ...factors })
    }
  return { masks, unread, foreign }
}

/** 0 where a position is gone of the axis that is summed over, in a shape that broadcasts. */
function factorsOf({ axis, blocks }, whole, part, twin) {
  const at = axis < 0 ? axis + whole.shape.length : axis
  const count = blocks === undefined ? 1 : blocks.count || whole.shape[0]
  if (count === 1) {
    if (whole.shape[at] === part.shape[at]) return 'nothing'
    const kept = keptPositions(whole, part)
    if (kept === undefined) return 'foreign'
    if (isAmbiguous(whole, kept[at], at)) return undefined
    return { shape: whole.shape.map((size, i) => (i === at ? size : 1)), values: flags(whole.shape[at], kept[at]) }
  }
  const groups = blocks.count === 0 ? part.shape[0] : Number(twin.attributes.get('group')?.value ?? 1n)
  // Whole groups are gone: they are told apart where their outputs are read.
  if (groups !== count) return 'nothing'
  const sizes = [whole, part].map(({ shape }) => shape.with(blocks.axis, shape[blocks.axis] / count))
  const inner = blocks.axis === at
  if (sizes[0][at] === sizes[1][at]) return 'nothing'
  const own = []
  for (let group = 0; group < count; group++) {
    const [one, two] = [whole, part].map((array, i) => blockOf(array, sizes[i], group))
    const kept = keptPositions(one, two)
    if (kept === undefined) return 'foreign'
    if (isAmbiguous(one, kept[at], at)) return undefined
    own.push(flags(sizes[0][at], kept[at]))
  }
  // One row of factors for each position of the axis of groups.
  if (inner) return { shape: whole.shape.map((size, i) => (i === at ? size : 1)), values: own.flat() }
  const rows = sizes[0][blocks.axis]
  const values = own.flatMap((each) => Array.from({ length: rows }, () => each).flat())
  return { shape: whole.shape.map((size, i) => (i === at || i === blocks.axis ? size : 1)), values }
}

/** Whether a position that is gone holds the same numbers as one that stayed: then it cannot be told which went. */
function isAmbiguous(whole, kept, axis) {
  const slices = Array.from(
    { length: whole.shape[axis] },
    (_, i) =>
      restricted(
        whole,
        whole.shape.map((_, a) => (a === axis ? [i] : undefined)),
      ).values,
  )
  const stayed = new Set(kept.map((i) => slices[i].join()))
  const own = new Set(kept)
  return slices.some((slice, i) => !own.has(i) && slice.some((value) => value !== 0) && stayed.has(slice.join()))
}

const flags = (size, kept) => {
  const own = new Set(kept)
  return Array.from({ length: size }, (_, i) => (own.has(i) ? 1 : 0))
}

function blockOf({ values }, shape, group) {
  const size = shape.reduce((a, b) => a * b, 1)
  return { shape, values: values.slice(group * size, (group + 1) * size) }
}

/** Operators between that look at what was removed. */
function whatTakesStatistics(twins, { before, after }, constants) {
  const found = []
  for (const { node, twin } of twins) {
    if (operandsOf(node).some(({ input }) => constants.has(node.inputs[input] ?? ''))) continue
    for (const [i, name] of node.inputs.entries()) {
      const [one, two] = [before(name)?.shape, after(twin.inputs[i] ?? '')?.shape]
      if (constants.has(name) || one === undefined || two === undefined || one.join() === two.join()) continue
      const operator = statisticsOf(node, one, two)
      if (operator !== undefined) found.push(operator)
    }
    const nested = [...node.attributes.values()].some(({ kind }) => kind === 'graph')
    if (nested) found.push(node.op)
  }
  return found
}

/** The original with factors before its weights. */
function withFactors(model, masks) {
  const { graph } = model
  const nodes = []
  const tensors = []
  for (const node of graph.nodes) {
    const own = masks.filter((mask) => mask.node === node || mask.node.outputs.join() === node.outputs.join())
    let edited = node
    for (const { input, shape, values, type } of own) {
      const name = `matrix/factors/${tensors.length}`
      tensors.push(makeTensor({ name, type, shape, values }))
      nodes.push(makeNode({ op: 'Mul', inputs: [edited.inputs[input], name], outputs: [`${name}/weight`] }))
      edited = editNode(edited, { inputs: edited.inputs.with(input, `${name}/weight`) })
    }
    nodes.push(edited)
  }
  return editModel(model, { graph: editGraph(graph, { nodes, initializers: [...graph.initializers, ...tensors] }) })
}
