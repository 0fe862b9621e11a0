// The live page. The build puts the finished text in place of what is here; without one it is made when it is first asked for.
const { buildPage } = await import('../../scripts/build-page.mjs')

export const livePage: { readonly html: string; readonly policy: string } = await buildPage()
