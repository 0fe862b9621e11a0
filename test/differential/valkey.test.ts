// Every command of a Valkey server answers the same directly and through the proxy.
import { differentialSuite } from './suite.ts'

differentialSuite('valkey')
