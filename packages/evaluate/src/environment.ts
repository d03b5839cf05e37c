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

/** The variables that a program needs to run, and no others. Names are compared without case, as Windows does. */
export function scrubEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => ALLOWED.has(name.toUpperCase())))
}
