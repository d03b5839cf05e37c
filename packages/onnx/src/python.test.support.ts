import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

// What tests compare with: Debian's python3-onnx and libonnx-testdata. On Linux under CI=true their absence is a failure.

const required = process.env.CI === 'true' && process.platform === 'linux'

/** Runs a script with python3 and onnx imported; what it prints comes back. */
export function python(script: string, input = ''): string {
  const source = `import sys, json, onnx, onnx.checker, onnx.numpy_helper, onnx.parser, onnx.shape_inference\n${script}`
  return execFileSync(interpreter, ['-c', source], { input, encoding: 'utf8', maxBuffer: 1 << 28 })
}

const interpreter = process.env.PYTHON ?? '/usr/bin/python3'

/** True: skip what needs python3-onnx. */
export const withoutPython = !required && !hasOnnx()

function hasOnnx(): boolean {
  try {
    execFileSync(interpreter, ['-c', 'import onnx'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const corpus = '/usr/share/libonnx-testdata/data'

/** True: skip what needs libonnx-testdata. */
export const withoutCorpus = !required && !existsSync(corpus)

/** Its models, 1,072 of them. */
export function corpusModels(): string[] {
  return readdirSync(corpus, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.onnx'))
    .map((path) => join(corpus, path))
}

const testModelsFolder = fileURLToPath(new URL('../../../test-models/', import.meta.url))

/** The project's own trained models. */
export function testModels(): string[] {
  return readdirSync(testModelsFolder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.onnx'))
    .map((path) => join(testModelsFolder, path))
}
