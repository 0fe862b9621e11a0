// Puts texts into the page. Whatever a server or a client has named is text, and never becomes markup.

export function byId<Kind extends Element = HTMLElement>(id: string): Kind {
  return document.getElementById(id) as Element as Kind
}

/** @param className may be ''. */
export function element(name: string, className: string, ...children: readonly (Node | string)[]): HTMLElement {
  const made = document.createElement(name)
  if (className !== '') made.className = className
  made.append(...children)
  return made
}

/** Leaves alone what is the same: a selection stays, and screen readers have nothing to tell. */
export function setText(node: Element, text: string): void {
  if (node.textContent !== text) node.textContent = text
}

/** The same for a list of parts, compared by their texts and classes. */
export function setChildren(parent: Element, children: readonly Element[]): void {
  const isSame =
    parent.children.length === children.length &&
    children.every((child, index) => parent.children[index]!.isEqualNode(child))
  if (!isSame) parent.replaceChildren(...children)
}

/** One line of a list of facts; `tone` tells that it is worth a look. */
export type Fact = readonly [name: string, value: string, tone?: 'watch' | 'bad' | undefined]

/** @param list a `dl`. */
export function setFacts(list: Element, facts: readonly Fact[]): void {
  const children = facts.map(([name, value, tone]) =>
    element('div', tone ?? '', element('dt', '', name), element('dd', '', value)),
  )
  setChildren(list, children)
}

export interface Column<Row> {
  readonly name: string
  readonly text: (row: Row) => string
  /** Numbers stand under each other. */
  readonly isNumber?: boolean
}

/** @param nothing what is said when there is no row. */
export function setTable<Row>(
  table: Element,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  nothing: string,
): void {
  if (rows.length === 0) {
    setChildren(table, [element('caption', 'quiet', nothing)])
    return
  }
  const cell = (name: string, { isNumber }: Column<Row>, text: string) => element(name, isNumber ? 'number' : '', text)
  const heads = columns.map((column) => {
    const head = cell('th', column, column.name)
    head.setAttribute('scope', 'col')
    return head
  })
  const body = rows.map((row) => element('tr', '', ...columns.map((column) => cell('td', column, column.text(row)))))
  setChildren(table, [element('thead', '', element('tr', '', ...heads)), element('tbody', '', ...body)])
}
