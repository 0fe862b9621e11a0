// One panel of the dashboard, and the rows that panels stand in.

/** A panel whose queries are curves over time; with `isNumber` one number each, of now. */
export interface PanelContent {
  readonly title: string
  /** Shown when somebody asks what it means. */
  readonly description: string
  /** Of Grafana's names. */
  readonly unit: string
  readonly isNumber?: boolean
  /** Of a number: from here on it is red. */
  readonly redFrom?: number
  readonly isStacked?: boolean
  /** Of 24 columns. */
  readonly width?: number
  /** By what is written beside each curve; `$pods` stands for the pods that were chosen. */
  readonly queries: Readonly<Record<string, string>>
}

/** Panels by the title of their row. */
export type Rows = Readonly<Record<string, readonly PanelContent[]>>
