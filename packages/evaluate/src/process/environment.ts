import { NO_TELEMETRY } from '@pare/onnxruntime'

/** What the child may know of the parent's environment. Tokens and secrets have no name here. */
const ALLOWED = new Set([
  'PATH',
  'HOME',
  'USERPROFILE',
  'TMPDIR',
  'TEMP',
  'TMP',
  'TZ',
  'LANG',
  'LC_ALL',
  'LC_CTYPE',
  'LD_LIBRARY_PATH',
  'DYLD_LIBRARY_PATH',
  'CUDA_VISIBLE_DEVICES',
  // Drivers of Vulkan, where WebGPU looks for them.
  'VK_DRIVER_FILES',
  'VK_ICD_FILENAMES',
  'SYSTEMROOT',
  'SYSTEMDRIVE',
  'WINDIR',
])

/**
 * What a child takes for the folder of temporary files: one of its own, which is removed with everything in it. ONNX Runtime's telemetry is
 * off, which otherwise leaves a log and a session file there and sends what it notes to Microsoft.
 */
export function temporaryIn(folder: string): NodeJS.ProcessEnv {
  return { TMPDIR: folder, TMP: folder, TEMP: folder, [FOLDER]: folder, ...NO_TELEMETRY }
}

/** In a child: the folder that its parent removes, and it itself where the parent is gone. */
export function ownFolder(environment: NodeJS.ProcessEnv): string | undefined {
  return environment[FOLDER]
}

const FOLDER = 'PARE_CHILD_FOLDER'

/** The variables that a program needs to run, and no others. Names are compared without case, as Windows does. */
export function scrubEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => ALLOWED.has(name.toUpperCase())))
}
