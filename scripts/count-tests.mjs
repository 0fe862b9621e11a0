// Prints how many tests passed, failed and were skipped in vitest's JSON results, and names the skipped ones on stderr.
// Usage: node scripts/count-tests.mjs results.json; fails where no test ran.

import { existsSync, readFileSync } from 'node:fs'

/** @typedef {{ assertionResults: { status: string, fullName: string }[] }} FileResult */

const path = process.argv[2] ?? ''
/** @type {{ testResults: FileResult[] }} */
const { testResults } = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : { testResults: [] }
const tests = testResults.flatMap(({ assertionResults }) => assertionResults)
const passed = tests.filter(({ status }) => status === 'passed')
const failed = tests.filter(({ status }) => status === 'failed')
const skipped = tests.filter((test) => !passed.includes(test) && !failed.includes(test))
for (const { fullName } of skipped) process.stderr.write(`skipped: ${fullName}\n`)
process.stdout.write(`${passed.length} ${failed.length} ${skipped.length}\n`)
process.exitCode = passed.length + failed.length === 0 ? 1 : 0
