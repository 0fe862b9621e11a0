// Tells vitest where the tests are and how long one may take.
import { defineConfig } from 'vitest/config'

// biome-ignore lint/style/noDefaultExport: vitest reads its settings from the default export.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Real servers are started in hooks; a loaded machine with two cores takes seconds for the slowest.
    testTimeout: 15_000,
    hookTimeout: 30_000,
    // Integration tests start servers and open thousands of sockets: two files at a time is what two cores carry.
    maxWorkers: 2,
    pool: 'forks',
    // Programs that run at the same time would want the same port.
    env: { RUSTEZE_ADMIN: 'off' },
  },
})
