// Every command of a Redis server answers the same directly and through the proxy.
import { differentialSuite } from './suite.ts'

differentialSuite('redis')
