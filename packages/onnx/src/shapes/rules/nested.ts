import type { Fact, Facts, OperatorCall, ShapeRules } from './rule.js'

/** The graph of one branch; of both, what they agree on, as long as it is not known which is taken. */
export function choice(call: OperatorCall): Facts {
  const condition = call.value(0)?.numbers[0]
  if (condition !== undefined) return call.graph(condition === 0 ? 'else_branch' : 'then_branch')
  return chosen(call, call.graph('then_branch'), call.graph('else_branch'))
}

function chosen({ branch }: OperatorCall, yes: Facts, no: Facts): Facts {
  if (branch !== undefined) return branch === 'then' ? yes : no
  return yes.map((fact, i) => {
    const other = no[i]?.shape
    const agrees =
      fact?.shape !== undefined && fact.shape.length === other?.length && fact.shape.every((n, axis) => n === other[axis])
    return agrees ? { shape: fact.shape } : undefined
  })
}

/** If, Loop and Scan whose graphs are written out around them, as the analysis of axes has them. */
export const nested: ShapeRules = { If: written, Enter: enter, Loop: loop, Scan: scan }

function written(call: OperatorCall): Facts {
  const count = call.node.outputs.length
  const facts = (from: number) =>
    call.node.outputs.map((_, i): Fact => ({ shape: call.shape(from + i), value: call.value(from + i) }))
  const [yes, no] = [facts(1), facts(1 + count)]
  const condition = call.value(0)?.numbers[0]
  if (condition !== undefined) return condition === 0 ? no : yes
  return chosen(call, yes, no)
}

/** What is carried has another value in each pass. */
function enter(call: OperatorCall): Facts {
  const { outputs } = call.node
  const scanned = call.string('op') === 'Loop' ? 0 : call.int('num_scan_inputs', 0)
  const axes = call.ints('scan_input_axes')
  return outputs.map((_, i) => {
    const shape = call.shape(i)
    const which = i - (outputs.length - scanned)
    // Of a Loop, the number of passes and the condition may be left out.
    if (shape === undefined && i < 2 && call.string('op') === 'Loop') return { shape: [] }
    if (which < 0 || shape === undefined) return { shape }
    return { shape: shape.filter((_, axis) => axis !== from(axes?.[which] ?? 0, shape.length)) }
  })
}

/** How often it runs is not known: what is collected has a made-up number of passes, or no shape. */
function loop(call: OperatorCall): Facts {
  const { inputs, outputs } = call.node
  const carried = inputs.length - 2 - outputs.length
  const passes = call.count()
  return outputs.map((_, i) => {
    const shape = call.shape(1 + i)
    if (i < carried) return carriedOn(shape, call.shape(2 + outputs.length + i))
    return shape === undefined || passes === undefined ? undefined : { shape: [passes, ...shape] }
  })
}

function scan(call: OperatorCall): Facts {
  const { inputs, outputs } = call.node
  const entries = (inputs.length - outputs.length) / 2
  const scanned = call.int('num_scan_inputs', 0)
  const carried = entries - scanned
  const whole = call.shape(inputs.length - scanned)
  const passes = whole?.[from(call.ints('scan_input_axes')?.[0] ?? 0, whole.length)]
  const axes = call.ints('scan_output_axes')
  return outputs.map((_, i) => {
    const shape = call.shape(i)
    if (i < carried) return carriedOn(shape, call.shape(outputs.length + i))
    if (shape === undefined || passes === undefined) return undefined
    const at = from(axes?.[i - carried] ?? 0, shape.length + 1)
    return { shape: [...shape.slice(0, at), passes, ...shape.slice(at)] }
  })
}

/** What changes its shape from pass to pass has none. */
function carriedOn(next: readonly number[] | undefined, before: readonly number[] | undefined): Fact | undefined {
  const isSame = next !== undefined && next.length === before?.length && next.every((size, i) => size === before[i])
  return isSame ? { shape: next } : undefined
}

const from = (axis: number, rank: number) => (axis < 0 ? axis + rank : axis)
