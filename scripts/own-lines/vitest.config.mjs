// A package's own tests with the lines of its sources that they run, in $COVERAGE; children write theirs to $CHILDREN_COVERAGE.
import { defineConfig, mergeConfig } from 'vitest/config'
import base from '../../vitest.config.ts'

const { COVERAGE, CHILDREN_COVERAGE } = process.env

export default mergeConfig(
  base,
  defineConfig({
    test: {
      env: { NODE_V8_COVERAGE: CHILDREN_COVERAGE },
      // Counting makes loops several times as slow.
      testTimeout: 300_000,
      hookTimeout: 300_000,
      coverage: {
        enabled: true,
        provider: 'v8',
        reporter: ['json'],
        reportsDirectory: COVERAGE,
        include: ['src/**/*.ts'],
        exclude: ['src/**/*.test.*', 'src/**/testing/**', 'src/**/*.d.ts'],
      },
    },
  }),
)
