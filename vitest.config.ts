// Tells vitest where the tests are and how long one may take.
import { defineConfig } from 'vitest/config'

// biome-ignore lint/style/noDefaultExport: vitest reads its settings from the default export.
export default defineConfig({
  test: {
    // Hooks start real servers, and build the program if its sources changed; nothing is judged by how long a busy machine takes for it.
    testTimeout: 30_000,
    hookTimeout: 90_000,
    // Integration tests start servers and open thousands of sockets: two files at a time is what two cores carry.
    maxWorkers: 2,
    pool: 'forks',
    // Programs that run at the same time would want the same port.
    env: { RUSTEZE_ADMIN: 'off' },
    projects: [
      {
        extends: true,
        test: { name: 'proxy', include: ['test/**/*.test.ts'], exclude: ['test/container/**', 'test/e2e/**'] },
      },
      {
        extends: true,
        test: {
          name: 'container',
          include: ['test/container/**/*.test.ts'],
          globalSetup: ['test/container/build-image.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // build-image.ts removes everything itself: the usual image for that would have to be pulled first.
          env: { TESTCONTAINERS_RYUK_DISABLED: 'true' },
        },
      },
    ],
  },
})
