// Settings that bound what one client, or all of them, may take up.
import { setting } from '../setting.ts'
import { size, wholeNumber } from '../setting-types.ts'

export const boundSettings = {
  outputSoftLimitBytes: setting('OUTPUT_SOFT', size({ min: '64kb' }), '1mb', {
    sentence: 'A client with more unread replies than this is not read from until it has caught up.',
    reason:
      'Above what a client that reads leaves behind (Node tells nothing of less than 64 KiB), and small enough for hundreds of slow ones.',
  }),
  outputHardLimitBytes: setting('OUTPUT_HARD', size({ min: '1kb' }), '64mb', {
    sentence: 'A client with more unread replies than this is closed.',
    reason: "Above the 32mb at which Redis's own default closes a subscriber.",
  }),
  queryLimitBytes: setting('QUERY_LIMIT', size({ min: '1mb' }), '1gb', {
    sentence: 'A client that sends a longer request than this is closed.',
    reason: "Redis's own default of client-query-buffer-limit.",
  }),
  maxInFlight: setting('IN_FLIGHT', wholeNumber({ min: 1 }), '4096', {
    sentence: 'A client with so many unanswered requests is not read from until replies have come.',
    reason: 'Deeper than pipelines are in practice, and a bound for what one client can queue.',
  }),
  memoryLimitBytes: setting('MEMORY', size(), '0', {
    sentence:
      'Memory for unread replies and unanswered requests: above half of it each client may have little under way, above it the ones with most unread are closed; 0 = from the cgroup.',
    reason: 'Of the limit of the cgroup 70 % less the program itself: the rest is for what the kernel counts.',
  }),
}
