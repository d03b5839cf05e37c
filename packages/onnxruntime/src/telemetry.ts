/**
 * Builds of ONNX Runtime 1.30 and later send telemetry to Microsoft: the machine, and name, producer and hash of each model. This switches it off
 * where it is in the environment before the library is loaded. Whoever has set the variable has decided, and is left alone.
 */
export const NO_TELEMETRY: Readonly<Record<string, string>> = { ORT_DISABLE_TELEMETRY: process.env.ORT_DISABLE_TELEMETRY ?? '1' }

/** For this process. In a worker thread it does nothing: there the environment is a copy. */
export function switchOffTelemetry(): void {
  Object.assign(process.env, NO_TELEMETRY)
}
