// Finds in an expression of PromQL which series it asks for. Whether it is valid is for Prometheus to say.

export interface Selector {
  readonly metric: string
  /** Values by label; several where a pattern names them. */
  readonly labels: Readonly<Record<string, readonly string[]>>
}

const SELECTOR = /\b((?:rusteze|process|nodejs|kube|apiserver)_[a-z_]+|up)\b(?:\{([^}]*)\})?/g
const MATCHER = /([a-z_]+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"/g
const GROUPING = /\b(?:by|without|on|ignoring) \(([^)]*)\)/g

export function selectorsOf(expr: string): Selector[] {
  return [...expr.matchAll(SELECTOR)].map(([, metric = '', matchers = '']) => ({
    metric,
    labels: Object.fromEntries(
      [...matchers.matchAll(MATCHER)].map(([, label = '', pattern = '']) => [label, pattern.split('|')]),
    ),
  }))
}

/** The labels by which an expression groups and matches. */
export function groupingsOf(expr: string): string[] {
  return [...expr.matchAll(GROUPING)].flatMap(([, labels = '']) => labels.split(',').map((each) => each.trim()))
}
