// What is told to metrics: why requests failed, and how many endpoints are in which state.
import { expect, test } from 'vitest'
import { countByState, failureReason, MalformedAnswer, SilentWatch } from '../../src/discovery/discovery-status.ts'
import { ApiError } from '../../src/discovery/kubernetes-api.ts'

test.each([
  [new ApiError(401, ''), 'unauthorized'],
  [new ApiError(403, ''), 'forbidden'],
  [new ApiError(404, ''), 'forbidden'],
  [new ApiError(410, ''), 'expired'],
  [new ApiError(504, ''), 'expired'],
  [new ApiError(429, ''), 'throttled'],
  [new ApiError(500, ''), 'refused'],
  [new SilentWatch(), 'silent'],
  [new MalformedAnswer(), 'malformed'],
  [new SyntaxError(), 'malformed'],
  [new Error('ECONNRESET'), 'connection'],
])('%o is %s', (error, reason) => {
  expect(failureReason(error)).toBe(reason)
})

test('endpoints are counted by state, those that do not occur as well', () => {
  const states = ['serving', 'notServing', 'serving'] as const
  expect(countByState(states.map((state) => ({ state })))).toEqual({ serving: 2, terminating: 0, notServing: 1 })
})
