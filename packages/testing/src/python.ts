import { execFileSync } from 'node:child_process'

// What tests compare with: scikit-learn and SciPy of Debian's python3. In CI on Linux their absence is a failure.

const interpreter = process.env.PYTHON ?? '/usr/bin/python3'
const required = process.env.CI === 'true' && process.platform === 'linux'

/** What a script reads from `given`. */
export type PythonInput = Readonly<Record<string, unknown>>

/** Why tests that compare with scikit-learn and SciPy are skipped here, or undefined: they run. In CI they always run. */
export function missingPython(): string | undefined {
  if (required) return undefined
  try {
    execFileSync(interpreter, ['-c', 'import sklearn, scipy'], { stdio: 'ignore' })
    return undefined
  } catch {
    const reason = `${interpreter} has no scikit-learn and SciPy: apt-get install python3-sklearn python3-scipy`
    console.warn(`skipped: ${reason}`)
    return reason
  }
}

/** What a script of python3 leaves in `result`, with the input as `given`, and numpy as np. */
export function python(script: string, input: PythonInput): unknown {
  const plain = (_: string, value: unknown) => (ArrayBuffer.isView(value) ? Array.from(value as Float64Array) : value)
  const source = `import sys, json\nimport numpy as np\ngiven = json.load(sys.stdin)\n${script}\nprint(json.dumps(result))`
  const out = execFileSync(interpreter, ['-c', source], {
    input: JSON.stringify(input, plain),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  return JSON.parse(out.trim().split('\n').at(-1)!) as unknown
}
