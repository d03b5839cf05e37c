// Whole stretches of a residual stream that a cut has taken out.
import { editGraph, editModel, editNode, makeNode } from '@pare/onnx'

/** The original in which what was added by stretches that are gone is multiplied by 0. A normalisation in such a stretch goes to `unseen`. */
export function withoutBlocks(original, cut, unseen) {
  const left = new Set(cut.graph.nodes.flatMap(({ outputs }) => outputs))
  const gone = new Map(
    original.graph.nodes.filter(({ outputs }) => !outputs.some((name) => left.has(name))).map((node) => [node.outputs[0], node]),
  )
  const read = new Map(cut.graph.nodes.map((node) => [node.outputs[0], node]))
  const zeros = new Map()
  for (const node of original.graph.nodes) {
    const twin = read.get(node.outputs[0])
    if (twin === undefined) continue
    node.inputs.forEach((name, i) => {
      if (name !== twin.inputs[i] && gone.has(name) && twin.inputs[i]) silence(name, twin.inputs[i], { gone, zeros, unseen })
    })
  }
  for (const { name } of original.graph.outputs) if (gone.has(name)) unseen.push('an output that is renamed')
  if (zeros.size === 0) return original
  const nodes = original.graph.nodes.flatMap((node) => {
    const edits = node.inputs.flatMap((_, i) => (zeros.get(node)?.has(i) ? [i] : []))
    if (edits.length === 0) return [node]
    const inputs = node.inputs.map((name, i) => (edits.includes(i) ? `${node.outputs[0]}/nothing/${i}` : name))
    const made = edits.map((i) => makeNode({ op: 'Sub', inputs: [node.inputs[i], node.inputs[i]], outputs: [inputs[i]] }))
    return [...made, editNode(node, { inputs })]
  })
  return editModel(original, { graph: editGraph(original.graph, { nodes }) })
}

/** Marks what is added on the way from `from` to `name`. */
function silence(name, from, { gone, zeros, unseen }) {
  const known = new Map()
  const skips = (value) => {
    if (value === from) return true
    const node = gone.get(value)
    if (node === undefined || !SKIPPING.test(node.op)) return false
    if (!known.has(value)) known.set(value, node.inputs.some(skips))
    return known.get(value)
  }
  for (let value = name; value !== from; ) {
    const node = gone.get(value)
    const skip = node?.inputs.findIndex(skips) ?? -1
    if (skip < 0) return void unseen.push(node?.op ?? 'a value that is not gone')
    if (/Normalization/.test(node.op)) unseen.push(node.op)
    if (node.op === 'Add' || node.op === 'Sum') zeros.set(node, new Set(node.inputs.map((_, i) => i).filter((i) => i !== skip)))
    value = node.inputs[skip]
  }
}

/** What a residual stream runs through. */
const SKIPPING = /^(Add|Sum|Relu|Clip|Identity|Cast|Dropout|QuantizeLinear|DequantizeLinear|\w*Normalization)$/
