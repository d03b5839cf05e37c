import { globalPool, pool } from './convolution.js'
import { concatenated } from './layout.js'
import { broadcast, each, type Facts, type OperatorCall, type ShapeRule, type ShapeRules, shaped } from './rule.js'

/** Operators of com.microsoft on codes: each operand is followed by its scale and zero point. */
export const quantised: ShapeRules = {
  ...each('QLinearSigmoid QLinearLeakyRelu QLinearSoftmax', (call) => [{ shape: call.shape(0) }]),
  ...each('QLinearAdd QLinearMul', (call) => shaped(broadcastAll(call, [0, 3]))),
  QLinearWhere: (call) => shaped(broadcastAll(call, [0, 1, 4])),
  QLinearAveragePool: channelsFirst(pool),
  QLinearGlobalAveragePool: channelsFirst(globalPool),
  QLinearConcat: (call) =>
    shaped(
      concatenated(
        call,
        [...call.node.inputs.keys()].filter((input) => input % 3 === 2),
      ),
    ),
  QGemm: qGemm,
  GatherBlockQuantized: gatherBlocks,
}

function broadcastAll(call: OperatorCall, inputs: readonly number[]): readonly number[] | undefined {
  return inputs
    .map((input) => call.shape(input))
    .reduce((all, shape) => (all === undefined || shape === undefined ? undefined : broadcast(all, shape)))
}

/** Rows of a table, decoded. Packed in bytes, several codes of the last axis share one. */
function gatherBlocks(call: OperatorCall): Facts {
  const [table, indices, scales] = [call.shape(0), call.shape(1), call.shape(2)]
  if (table === undefined || indices === undefined || scales?.length !== table.length) return []
  const at = call.int('gather_axis', 0)
  const axis = at < 0 ? at + table.length : at
  const last = table.length - 1
  const over = call.int('quantize_axis', 1)
  const blocks = (size: number) =>
    (over < 0 ? over + table.length : over) === last ? Math.ceil(size / call.int('block_size', 128)) : size
  const perByte = blocks(table[last]!) === scales[last] ? 1 : 8 / call.int('bits', 4)
  const unpacked = [...table.slice(0, -1), table[last]! * perByte]
  return shaped([...unpacked.slice(0, axis), ...indices, ...unpacked.slice(axis + 1)])
}

function channelsFirst(rule: ShapeRule): ShapeRule {
  return (call) => (call.int('channels_last', 0) === 1 ? [] : rule(call).slice(0, 1))
}

function qGemm(call: OperatorCall): Facts {
  const [a, b] = [call.shape(0), call.shape(3)]
  if (a?.length !== 2 || b?.length !== 2) return []
  return shaped([a[call.int('transA', 0) === 1 ? 1 : 0]!, b[call.int('transB', 0) === 1 ? 0 : 1]!])
}
